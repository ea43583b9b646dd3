package ivsrealtime

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// An Interceptor watches a client's calls and may add to their requests: to
// trace, to count, to carry a header of one's own. Any hook may be nil. Hooks
// are called by the goroutine of the call and hold it up while they run; they
// must be safe for use by several calls at once.
//
// Interceptors are called in the order they were given on the way out, and in
// the reverse order on the way back.
type Interceptor struct {
	// BeforeTransmit is called before each attempt is signed and sent. It may
	// set headers, which are signed with the rest, but must not touch the body.
	// An error ends the call without sending.
	BeforeTransmit func(ctx context.Context, attempt Attempt, request *http.Request) error

	// AfterAttempt is called after each attempt, whether it succeeded or not.
	AfterAttempt func(ctx context.Context, attempt Attempt)

	// AfterCall is called once, when the call has its result. A call that was
	// refused before its first attempt, for want of a required member or of room
	// in an AsyncClient, is not told.
	AfterCall func(ctx context.Context, result CallResult)
}

// An Attempt is one request of a call; a call makes several when it is retried.
// What follows Number is known only after the attempt.
type Attempt struct {
	Operation    string // CreateStage
	InvocationID string // the same for all attempts of a call
	Number       int    // from 1

	StatusCode int    // 0 when no answer came
	RequestID  string // the server's, empty when no answer came
	Duration   time.Duration
	Err        error // nil when it succeeded
}

// A CallResult is what became of a call.
type CallResult struct {
	Operation string
	Attempts  int
	Duration  time.Duration // with all retries and the pauses between them
	Err       error         // what the caller gets; nil when it succeeded
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
