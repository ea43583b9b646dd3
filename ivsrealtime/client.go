package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ErrClosed is the error of calls on a closed client, and of calls in flight when
// an [AsyncClient] was closed.
var ErrClosed = errors.New("the client is closed")

// A Client calls the operations of the API and waits for the responses. Build it
// with a [ClientBuilder]. It is safe for concurrent use; a program needs one
// client, whose calls share connections, the retry quota and the known clock skew.
//
// The context of a method bounds the call with all its retries. An error response
// is an [*Error]; errors.Is compares its code:
//
//	_, err := client.GetStage(ctx, &ivsrealtime.GetStageInput{ARN: arn})
//	if errors.Is(err, ivsrealtime.ResourceNotFound) { … }
//
// A call without a required member fails with a ValidationException and is not
// sent. The service checks all other constraints; [Validate] checks them before.
type Client struct {
	configuration ServiceClientConfiguration
	retryer       aws.RetryerV2
	signer        *v4.Signer

	shared *shared

	header http.Header // of one call
	result *CallResult // of one call; may be nil
}

// shared is the state that a client shares with those that [CallOption]s make of it.
type shared struct {
	skew   atomic.Int64 // nanoseconds by which the server's clock is ahead
	closed atomic.Bool
}

func newClient(configuration ServiceClientConfiguration) *Client {
	return &Client{
		configuration: configuration,
		retryer:       newRetryer(configuration.retryMode, configuration.maxAttempts),
		signer:        v4.NewSigner(),
		shared:        &shared{},
	}
}

// ServiceClientConfiguration returns the effective settings: the given ones, and
// for the others those of the environment, the shared files or the defaults.
func (c *Client) ServiceClientConfiguration() ServiceClientConfiguration { return c.configuration }

// Close closes idle connections, unless the HTTP client was given. Later calls fail
// with [ErrClosed]; calls in flight continue. Close may be called twice. Its error
// is always nil.
func (c *Client) Close() error {
	c.shared.closed.Store(true)
	if c.configuration.release != nil {
		c.configuration.release()
	}
	return nil
}

// Invoke calls an operation by its declaration: of this API, or of another API at
// the same endpoint, such as that of channels.
func Invoke[In, Out any](ctx context.Context, c *Client, op Operation[In, Out], in *In, options ...CallOption) (*Out, error) {
	return call(ctx, c, op, in, options)
}

// call calls an operation.
func call[In, Out any](ctx context.Context, c *Client, op Operation[In, Out], in *In, options []CallOption) (*Out, error) {
	c, err := c.with(options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	r, err := prepare(op, in)
	if err != nil {
		return nil, err
	}
	return send[Out](ctx, c, r)
}

// send sends a prepared request, with retries.
func send[Out any](ctx context.Context, c *Client, r *request) (*Out, error) {
	out := new(Out)
	begun := time.Now()
	last, err := c.retry(ctx, r, out)
	result := CallResult{
		Operation: r.operation, Attempts: last.Number, StatusCode: last.StatusCode, RequestID: last.RequestID, Duration: time.Since(begun), Err: err,
	}
	c.afterCall(ctx, result)
	if c.result != nil {
		*c.result = result
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
