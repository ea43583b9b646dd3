package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// retry makes attempts at r until one succeeds or none may follow. It returns the
// last attempt.
func (c *Client) retry(ctx context.Context, r *request, out any) (last Attempt, err error) {
	if c.shared.closed.Load() {
		return last, fmt.Errorf("%s: %w", r.operation, ErrClosed)
	}
	ctx, cancel := limit(ctx, c.configuration.callTimeout, "call")
	defer cancel()
	report := func(error) error { return nil }
	clockCorrected := false
	for n := 1; ; n++ {
		last, corrected, err := c.attempt(ctx, r, n, out)
		_ = report(err) // a retry that succeeded returns its tokens to the quota
		if err == nil {
			return last, nil
		}
		if corrected && !clockCorrected && ctx.Err() == nil {
			clockCorrected = true // retried at once, without quota: the request had no effect
			continue
		}
		report, err = c.pause(ctx, n, err)
		switch {
		case err == nil:
		case n == 1:
			return last, fmt.Errorf("%s: %w", r.operation, err)
		default:
			return last, fmt.Errorf("%s: after %d attempts: %w", r.operation, n, err)
		}
	}
}

// attempt makes one attempt. corrected reports that it failed because of the clock,
// whose skew is known now.
func (c *Client) attempt(ctx context.Context, r *request, n int, out any) (info Attempt, corrected bool, err error) {
	info = Attempt{Operation: r.operation, InvocationID: r.invocation, Number: n}
	if ctx.Err() != nil {
		return info, false, contextError(ctx)
	}
	release, err := c.retryer.GetAttemptToken(ctx) // in adaptive mode it waits
	if err != nil && ctx.Err() != nil {
		return info, false, fmt.Errorf("slowed down after throttling: %w", contextError(ctx))
	} else if err != nil {
		return info, false, err
	}
	begun := time.Now()
	skew := time.Duration(c.shared.skew.Load())
	a, err := c.exchange(ctx, r, n, skew)
	if err == nil {
		err = a.decode(out)
	}
	_ = release(err)
	info.Duration, info.Err = time.Since(begun), err
	if a != nil {
		info.StatusCode, info.RequestID = a.status, a.header.Get("x-amzn-RequestId")
		corrected = err != nil && c.correctClock(a, err, skew)
	}
	c.afterAttempt(ctx, info)
	return info, corrected, err
}

// exchange sends r once and reads the whole response, within the attempt timeout.
func (c *Client) exchange(ctx context.Context, r *request, n int, skew time.Duration) (*answer, error) {
	ctx, cancel := limit(ctx, c.configuration.attemptTimeout, "attempt")
	defer cancel()
	h, err := r.forAttempt(ctx, c.configuration.endpoint, n, c.retryer.MaxAttempts(), c.configuration.userAgent)
	if err != nil {
		return nil, err
	}
	for key := range c.header {
		h.Header.Set(key, c.header.Get(key))
	}
	if err := c.beforeTransmit(ctx, Attempt{Operation: r.operation, InvocationID: r.invocation, Number: n}, h); err != nil {
		return nil, fmt.Errorf("interceptor: %w", err)
	}
	if err := c.sign(ctx, h, r.hash, skew); err != nil {
		return nil, err
	}
	response, err := c.configuration.httpClient.Do(h)
	if err != nil {
		return nil, c.transportFailure(ctx, err)
	}
	defer response.Body.Close()
	a, err := readAnswer(response)
	var unreadable *Error
	if err != nil && !errors.As(err, &unreadable) {
		return nil, c.transportFailure(ctx, err)
	}
	return a, err
}

// transportFailure is the error of an attempt without a response.
func (c *Client) transportFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return &transportError{err}
}

// A transportError is a network failure before the response was complete.
type transportError struct{ cause error }

func (e *transportError) Error() string { return e.cause.Error() }
func (e *transportError) Unwrap() error { return e.cause }

// A timeoutError is an expired timeout of the client. errors.Is reports it as
// context.DeadlineExceeded.
type timeoutError struct {
	what  string
	limit time.Duration
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the %s took longer than its limit of %v", e.what, e.limit)
}
func (e *timeoutError) Timeout() bool        { return true }
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

func limit(ctx context.Context, d time.Duration, what string) (context.Context, context.CancelFunc) {
	if d == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, &timeoutError{what, d})
}

// contextError is the error of a context that ended, with its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
