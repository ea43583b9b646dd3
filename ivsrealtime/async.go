package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrTooManyCalls is the error of a call that an [AsyncClient] refused because
// as many as it may hold were under way or waiting already.
var ErrTooManyCalls = errors.New("too many calls are under way and waiting")

// An AsyncClient calls the operations of the API without waiting for their
// answers. Each method returns at once, with a [Call] that will have the
// answer:
//
//	stage := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
//	keys := client.ListPublicKeys(ctx, nil)
//	… // both are on their way
//	out, err := stage.Wait(ctx)
//
// The context given to a method rules the call; an input has been read when the
// method returns and may be used again. Settings, retries and errors are those
// of a [Client].
//
// The client bounds what it takes on. At most MaxConcurrency calls are under
// way at once, further ones wait for their turn in the order they came, and
// when MaxPending are waiting the next fails at once with [ErrTooManyCalls]: a
// program that produces calls faster than the service answers them finds out,
// rather than growing without bound.
//
// Whoever built an AsyncClient closes it: [AsyncClient.Drain] lets what was
// accepted come to its end, [AsyncClient.Close] cuts it short. When either has
// returned nil, no goroutine of the client is left.
type AsyncClient struct {
	client *Client
	room   chan struct{} // one for each call accepted and not ended
	lines  chan struct{} // one for each call under way

	mu      sync.Mutex // guards what follows
	running map[*running]struct{}
	refuse  bool          // by Drain or Close
	idle    chan struct{} // closed when refuse is set and nothing runs
	ended   bool          // idle is closed
}

// running is the life of one goroutine: what cancels it.
type running struct{ cancel context.CancelCauseFunc }

const (
	defaultMaxConcurrency = 50
	defaultMaxPending     = 10_000
)

// An AsyncClientBuilder makes an [AsyncClient]. Its settings are those of a
// [ClientBuilder], and two more.
type AsyncClientBuilder struct {
	BaseClientBuilder[*AsyncClientBuilder]
	maxConcurrency, maxPending int
}

// NewAsyncClientBuilder begins an [AsyncClient]. It sets nothing yet.
func NewAsyncClientBuilder() *AsyncClientBuilder {
	b := &AsyncClientBuilder{maxConcurrency: defaultMaxConcurrency, maxPending: defaultMaxPending}
	b.self = b
	return b
}

// MaxConcurrency sets the most calls that are under way at once. The default is 50.
func (b *AsyncClientBuilder) MaxConcurrency(n int) *AsyncClientBuilder {
	b.maxConcurrency = n
	return b
}

// MaxPending sets the most calls that wait for their turn besides. The default
// is 10,000; with 0 a call that can't go out at once is refused.
func (b *AsyncClientBuilder) MaxPending(n int) *AsyncClientBuilder {
	b.maxPending = n
	return b
}

// Build makes the client, as [ClientBuilder.Build] does.
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

// ServiceClientConfiguration tells the settings in force.
func (a *AsyncClient) ServiceClientConfiguration() ServiceClientConfiguration {
	return a.client.configuration
}

// Sync is the [Client] beneath, with the same settings, connections and retry
// quota: for what goes page by page, as [Client.Stages], and for code that
// wants a Client. Its calls don't count as this client's. It is closed with it.
func (a *AsyncClient) Sync() *Client { return a.client }

// Drain refuses new calls and waits until those accepted before have ended,
// with all that is to follow them by [Then]. When ctx ends first, Drain returns
// its error and the rest goes on: call Close, or Drain again.
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

// Close refuses new calls, cancels those accepted before, which fail with
// [ErrClosed], and waits for them to end. It may be called twice, and its error
// is always nil.
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
	a.settle()
}

// settle notes when the last goroutine of a refusing client is gone. It needs mu.
func (a *AsyncClient) settle() {
	if a.refuse && len(a.running) == 0 && !a.ended {
		a.ended = true
		close(a.idle)
	}
}

// followUp marks the contexts of a client's own goroutines, so that what was
// accepted can go on to its end while new calls are refused.
type followUp struct{ of *AsyncClient }

// enter admits a goroutine, or tells that the client is closed.
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
	a.settle()
}

// start is every operation of the AsyncClient.
func start[In, Out any](ctx context.Context, a *AsyncClient, op Operation[In, Out], in *In) *Call[*Out] {
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
			return nil, fmt.Errorf("%s: %w", op.Name, ended(ctx))
		}
		defer func() { <-a.lines }()
		return send[Out](ctx, a.client, r)
	})
}
