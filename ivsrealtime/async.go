package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrTooManyCalls is the error of a call that an [AsyncClient] refused because its
// queue was full.
var ErrTooManyCalls = errors.New("too many calls are under way and waiting")

// An AsyncClient calls the operations of the API without waiting for their
// responses. Each method returns a [Call] at once, which will have the response:
//
//	stage := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
//	keys := client.ListPublicKeys(ctx, nil)
//	… // both are in flight
//	out, err := stage.Wait(ctx)
//
// The context of a method is the context of the call. The input may be changed
// when the method has returned. Settings, retries and errors are those of a
// [Client].
//
// The client is bounded: at most MaxConcurrency calls are in flight, at most
// MaxPending wait in a queue, and further ones fail with [ErrTooManyCalls].
//
// Close an AsyncClient when it is no longer needed: [AsyncClient.Drain] waits for
// the accepted calls, [AsyncClient.Close] cancels them. When either has returned
// nil, the client has no goroutines.
type AsyncClient struct {
	client *Client
	room   chan struct{} // one for each accepted call that has not ended
	lines  chan struct{} // one for each call in flight

	mu      sync.Mutex // guards what follows
	running map[*running]struct{}
	refuse  bool          // by Drain or Close
	idle    chan struct{} // closed when refuse is set and nothing runs
	ended   bool          // idle is closed
}

// running is one goroutine, with what cancels it.
type running struct{ cancel context.CancelCauseFunc }

const (
	defaultMaxConcurrency = 50
	defaultMaxPending     = 10_000
)

// An AsyncClientBuilder builds an [AsyncClient]. It has the settings of a
// [ClientBuilder] and two more.
type AsyncClientBuilder struct {
	BaseClientBuilder[*AsyncClientBuilder]
	maxConcurrency, maxPending int
}

// NewAsyncClientBuilder returns a builder without settings.
func NewAsyncClientBuilder() *AsyncClientBuilder {
	b := &AsyncClientBuilder{maxConcurrency: defaultMaxConcurrency, maxPending: defaultMaxPending}
	b.self = b
	return b
}

// MaxConcurrency sets the maximum number of calls in flight. The default is 50.
func (b *AsyncClientBuilder) MaxConcurrency(n int) *AsyncClientBuilder {
	b.maxConcurrency = n
	return b
}

// MaxPending sets the maximum number of queued calls. The default is 10,000; 0
// refuses calls that can't be sent at once.
func (b *AsyncClientBuilder) MaxPending(n int) *AsyncClientBuilder {
	b.maxPending = n
	return b
}

// Build builds the client, as [ClientBuilder.Build] does.
func (b *AsyncClientBuilder) Build(ctx context.Context) (*AsyncClient, error) {
	configuration, err := b.resolve(ctx)
	if b.maxConcurrency < 1 {
		err = errors.Join(err, &SettingError{"MaxConcurrency", fmt.Sprintf("is %d, must be at least 1", b.maxConcurrency)})
	}
	if b.maxPending < 0 {
		err = errors.Join(err, &SettingError{"MaxPending", fmt.Sprintf("is %d, must not be negative", b.maxPending)})
	}
	if err != nil {
		return nil, fmt.Errorf("build async client: %w", err)
	}
	configuration.maxConcurrency, configuration.maxPending = b.maxConcurrency, b.maxPending
	return &AsyncClient{
		client:  newClient(configuration),
		room:    make(chan struct{}, b.maxConcurrency+b.maxPending),
		lines:   make(chan struct{}, b.maxConcurrency),
		running: map[*running]struct{}{},
		idle:    make(chan struct{}),
	}, nil
}

// ServiceClientConfiguration returns the effective settings.
func (a *AsyncClient) ServiceClientConfiguration() ServiceClientConfiguration {
	return a.client.configuration
}

// Sync returns the underlying [Client], with the same settings, connections and
// retry quota: for paginators such as [Client.Stages], and for code that needs a
// Client. Its calls are not counted as calls of this client, which closes it.
func (a *AsyncClient) Sync() *Client { return a.client }

// Drain refuses new calls and waits until the accepted ones have ended, including
// those that follow by [Then]. If ctx ends first, Drain returns its error and the
// calls continue: call Close, or Drain again.
func (a *AsyncClient) Drain(ctx context.Context) error {
	a.mu.Lock()
	a.refuseNew()
	a.mu.Unlock()
	select {
	case <-a.idle:
		return a.client.Close()
	case <-ctx.Done():
		return fmt.Errorf("drain async client: %w", ctx.Err())
	}
}

// Close refuses new calls, cancels the accepted ones, which fail with [ErrClosed],
// and waits for them. It may be called twice. Its error is always nil.
func (a *AsyncClient) Close() error {
	a.mu.Lock()
	a.refuseNew()
	for r := range a.running {
		r.cancel(ErrClosed)
	}
	a.mu.Unlock()
	<-a.idle
	return a.client.Close()
}

// refuseNew needs mu.
func (a *AsyncClient) refuseNew() {
	a.refuse = true
	a.signalIdle()
}

// signalIdle closes idle after the last goroutine of a client that refuses calls.
// It needs mu.
func (a *AsyncClient) signalIdle() {
	if a.refuse && len(a.running) == 0 && !a.ended {
		a.ended = true
		close(a.idle)
	}
}

// followUp marks the contexts of the client's goroutines, so that follow-ups of
// accepted calls run while new calls are refused.
type followUp struct{ of *AsyncClient }

// enter registers a goroutine, or fails with ErrClosed.
func (a *AsyncClient) enter(ctx context.Context, cancel context.CancelCauseFunc) (*running, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended || a.refuse && ctx.Value(followUp{a}) == nil {
		return nil, ErrClosed
	}
	r := &running{cancel}
	a.running[r] = struct{}{}
	return r, nil
}

func (a *AsyncClient) leave(r *running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.running, r)
	a.signalIdle()
}

// start starts an operation.
func start[In, Out any](ctx context.Context, a *AsyncClient, op Operation[In, Out], in *In, options []CallOption) *Call[*Out] {
	client, err := a.client.with(options)
	if err != nil {
		return failed[*Out](a, fmt.Errorf("%s: %w", op.Name, err))
	}
	r, err := prepare(op, in)
	if err != nil {
		return failed[*Out](a, err)
	}
	select {
	case a.room <- struct{}{}:
	default:
		return failed[*Out](a, fmt.Errorf("%s: %w", op.Name, ErrTooManyCalls))
	}
	return begin(ctx, a, func() { <-a.room }, func(ctx context.Context) (*Out, error) {
		select {
		case a.lines <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", op.Name, contextError(ctx))
		}
		defer func() { <-a.lines }()
		return send[Out](ctx, client, r)
	})
}
