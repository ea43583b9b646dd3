package ivsrealtime

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ErrClosed is the error of a call made on a client that was closed, or that
// was under way when its [AsyncClient] was.
var ErrClosed = errors.New("the client is closed")

// A Client calls the operations of the API and waits for their answers. It is
// made by a [ClientBuilder], holds no lock while it waits and may be used by
// any number of goroutines at once: one client for a program is right, because
// its calls share connections, the retry quota and what was learned about the
// server's clock.
//
// Every method takes a context, which rules the whole call with all its
// retries. An answer that reports a failure is an [*Error]; errors.Is finds its
// code:
//
//	_, err := client.GetStage(ctx, &ivsrealtime.GetStageInput{ARN: arn})
//	if errors.Is(err, ivsrealtime.ResourceNotFound) { … }
//
// A call whose required members are missing fails with a ValidationException
// without being sent. All other limits are the service's to judge; an
// application that wants to know before it asks calls [Validate].
type Client struct {
	configuration ServiceClientConfiguration
	retryer       aws.RetryerV2
	signer        *v4.Signer

	skew   atomic.Int64 // nanoseconds the server's clock is ahead of ours
	closed atomic.Bool
}

func newClient(configuration ServiceClientConfiguration) *Client {
	return &Client{
		configuration: configuration,
		retryer:       newRetryer(configuration.retryMode, configuration.maxAttempts),
		signer:        v4.NewSigner(),
	}
}

// ServiceClientConfiguration tells the settings in force: those that were given
// to the builder, and for the others what the environment, the shared files or
// the defaults made of them.
func (c *Client) ServiceClientConfiguration() ServiceClientConfiguration { return c.configuration }

// Close releases the idle connections of a client that made its own HTTP
// client; one that was given stays the giver's. Calls made afterwards fail with
// [ErrClosed]; those under way end by themselves. Close may be called twice,
// and its error is always nil.
func (c *Client) Close() error {
	c.closed.Store(true)
	if c.configuration.release != nil {
		c.configuration.release()
	}
	return nil
}

// Invoke carries out an operation by its declaration: of this API, or of one that
// the same endpoint serves to the same keys, as that of channels.
func Invoke[In, Out any](ctx context.Context, c *Client, op Operation[In, Out], in *In) (*Out, error) {
	return call(ctx, c, op, in)
}

// call is every operation of the Client.
func call[In, Out any](ctx context.Context, c *Client, op Operation[In, Out], in *In) (*Out, error) {
	r, err := prepare(op, in)
	if err != nil {
		return nil, err
	}
	return send[Out](ctx, c, r)
}

// send carries out a prepared request.
func send[Out any](ctx context.Context, c *Client, r *request) (*Out, error) {
	out := new(Out)
	begun := time.Now()
	attempts, err := c.carryOut(ctx, r, out)
	c.afterCall(ctx, CallResult{Operation: r.operation, Attempts: attempts, Duration: time.Since(begun), Err: err})
	if err != nil {
		return nil, err
	}
	return out, nil
}
