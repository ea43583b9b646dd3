package ivsrealtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// WaitOptions are the options of a waiter. The zero value has the defaults.
type WaitOptions struct {
	MaxWait  time.Duration // default 5 minutes
	MinDelay time.Duration // between the first two requests; default 1 second
	MaxDelay time.Duration // the delay doubles up to this; default 15 seconds
}

// A CompositionWaitError is returned when a composition can no longer reach the
// awaited state, or did not within the time. In the latter case errors.Is reports
// it as context.DeadlineExceeded.
type CompositionWaitError struct {
	Composition *Composition // as last seen
	// The state that was awaited.
	Wanted CompositionState
	Waited time.Duration // 0 if the state can't be reached any more
}

// Error implements error.
func (e *CompositionWaitError) Error() string {
	if e.Waited > 0 {
		return fmt.Sprintf("composition %s is %s after %v, not yet %s", e.Composition.ARN, e.Composition.State, e.Waited, e.Wanted)
	}
	return fmt.Sprintf("composition %s is %s, it will not become %s", e.Composition.ARN, e.Composition.State, e.Wanted)
}

// Is reports a timeout as context.DeadlineExceeded.
func (e *CompositionWaitError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Waited > 0
}

// WaitUntilCompositionActive polls a composition until it is ACTIVE, and returns
// it. If it is STOPPING, STOPPED or FAILED, or not ACTIVE in time, the error is a
// [*CompositionWaitError]; other errors are from GetComposition.
func (c *Client) WaitUntilCompositionActive(ctx context.Context, in *GetCompositionInput, o WaitOptions) (*Composition, error) {
	return c.waitFor(ctx, in, o, goal{CompositionActive, []CompositionState{CompositionStopping, CompositionStopped, CompositionFailed}})
}

// WaitUntilCompositionStopped polls a composition until it is STOPPED, and returns
// it. If it is FAILED, or not STOPPED in time, the error is a
// [*CompositionWaitError]; other errors are from GetComposition.
func (c *Client) WaitUntilCompositionStopped(ctx context.Context, in *GetCompositionInput, o WaitOptions) (*Composition, error) {
	return c.waitFor(ctx, in, o, goal{CompositionStopped, []CompositionState{CompositionFailed}})
}

// WaitUntilCompositionActive starts [Client.WaitUntilCompositionActive].
func (a *AsyncClient) WaitUntilCompositionActive(ctx context.Context, in *GetCompositionInput, o WaitOptions) *Call[*Composition] {
	return wait(ctx, a, a.client.WaitUntilCompositionActive, in, o)
}

// WaitUntilCompositionStopped starts [Client.WaitUntilCompositionStopped].
func (a *AsyncClient) WaitUntilCompositionStopped(ctx context.Context, in *GetCompositionInput, o WaitOptions) *Call[*Composition] {
	return wait(ctx, a, a.client.WaitUntilCompositionStopped, in, o)
}

type waiter func(context.Context, *GetCompositionInput, WaitOptions) (*Composition, error)

func wait(ctx context.Context, a *AsyncClient, w waiter, in *GetCompositionInput, o WaitOptions) *Call[*Composition] {
	asked := deref(in)
	return begin(ctx, a, nil, func(ctx context.Context) (*Composition, error) { return w(ctx, &asked, o) })
}

// A goal is a state to wait for, and those from which it can't be reached.
type goal struct {
	wanted CompositionState
	never  []CompositionState
}

func (c *Client) waitFor(ctx context.Context, in *GetCompositionInput, o WaitOptions, g goal) (*Composition, error) {
	o.MaxWait = cmp.Or(o.MaxWait, 5*time.Minute)
	delay := cmp.Or(o.MinDelay, time.Second)
	maximum := max(delay, cmp.Or(o.MaxDelay, 15*time.Second))
	timesUp := errors.New("the wait is over")
	ctx, cancel := context.WithTimeoutCause(ctx, o.MaxWait, timesUp)
	defer cancel()
	var last *Composition
	for {
		out, err := c.GetComposition(ctx, in)
		switch {
		case err == nil && out.Composition == nil:
			return nil, errors.New("GetComposition: the answer has no composition")
		case err == nil:
			last = out.Composition
		case last != nil && context.Cause(ctx) == timesUp:
			return nil, &CompositionWaitError{Composition: last, Wanted: g.wanted, Waited: o.MaxWait}
		default:
			return nil, err
		}
		if last.State == g.wanted {
			return last, nil
		}
		if slices.Contains(g.never, last.State) {
			return nil, &CompositionWaitError{Composition: last, Wanted: g.wanted}
		}
		// At least half the delay, the rest random. When ctx ends, the next request
		// fails at once with the reason.
		_ = sleep(ctx, delay/2+rand.N(delay/2+1))
		delay = min(2*delay, maximum)
	}
}

// sleep returns after d, or when ctx ends with its error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
