package ivsrealtime

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// An Interceptor observes a client's calls and may add headers to requests. Any
// hook may be nil. Hooks run on the goroutine of the call, which waits for them;
// they must be safe for concurrent use.
//
// Before requests interceptors are called in the given order, after responses in
// the reverse order.
type Interceptor struct {
	// BeforeTransmit is called before each attempt is signed and sent. It may
	// set headers, which are signed, but must not change the body.
	// An error ends the call without sending.
	BeforeTransmit func(ctx context.Context, attempt Attempt, request *http.Request) error

	// AfterAttempt is called after each attempt, whether it succeeded or not.
	AfterAttempt func(ctx context.Context, attempt Attempt)

	// AfterCall is called once, with the result of the call. It is not called for
	// calls that fail before their first attempt, because of a missing member or
	// a full queue of an AsyncClient.
	AfterCall func(ctx context.Context, result CallResult)
}

// An Attempt is one request of a call; a call makes several when it is retried.
// The fields after Number are set after the attempt.
type Attempt struct {
	Operation    string // CreateStage
	InvocationID string // the same for all attempts of a call
	Number       int    // from 1

	StatusCode int    // 0 without a response
	RequestID  string // from the server; empty without a response
	// From the start of the attempt to the end of its response.
	Duration time.Duration
	Err      error // nil on success
}

// A CallResult is the result of a call.
type CallResult struct {
	// The name of the operation, such as CreateStage.
	Operation string
	// How many attempts were made.
	Attempts   int
	StatusCode int           // of the last response; 0 without one
	RequestID  string        // of the last response, as in the server's log; empty without one
	Duration   time.Duration // with all retries and the pauses between them
	Err        error         // for the caller; nil on success
}

func (c *Client) beforeTransmit(ctx context.Context, a Attempt, r *http.Request) error {
	for _, i := range c.configuration.interceptors {
		if i.BeforeTransmit == nil {
			continue
		}
		if err := i.BeforeTransmit(ctx, a, r); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) afterAttempt(ctx context.Context, a Attempt) {
	for _, i := range slices.Backward(c.configuration.interceptors) {
		if i.AfterAttempt != nil {
			i.AfterAttempt(ctx, a)
		}
	}
}

func (c *Client) afterCall(ctx context.Context, r CallResult) {
	for _, i := range slices.Backward(c.configuration.interceptors) {
		if i.AfterCall != nil {
			i.AfterCall(ctx, r)
		}
	}
}
