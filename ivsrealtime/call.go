package ivsrealtime

import (
	"context"
	"errors"
)

// A Call is something under way on an [AsyncClient] that will end with a T or
// an error. It may be asked and waited for by any number of goroutines, any
// number of times.
type Call[T any] struct {
	client *AsyncClient
	cancel context.CancelFunc
	done   chan struct{}

	result T // these two are written before done is closed, and not after
	err    error
}

// Done is closed when the call has ended, for use in a select.
func (c *Call[T]) Done() <-chan struct{} { return c.done }

// Wait waits for the call's end and returns its result. When ctx ends first,
// Wait returns ctx's error and the call goes on.
func (c *Call[T]) Wait(ctx context.Context) (T, error) {
	select {
	case <-c.done:
		return c.result, c.err
	default: // a result that is there is given whatever became of ctx
	}
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Poll returns the result if the call has ended. It never waits.
func (c *Call[T]) Poll() (result T, ended bool, err error) {
	select {
	case <-c.done:
		return c.result, true, c.err
	default:
		return result, false, nil
	}
}

// Cancel makes the call end soon with context.Canceled, unless it has ended. A
// request that was sent may have had its effect nevertheless.
func (c *Call[T]) Cancel() { c.cancel() }

// Then begins what follows a call: when it has succeeded, next is called with
// its result, and what next returns ends the new call. When it fails, so does
// the new call, with the same error, and next isn't called.
//
// ctx rules the new call; next gets one made of it. Cancelling the new call
// also cancels the one it still waits for.
func Then[A, B any](ctx context.Context, c *Call[A], next func(context.Context, A) (B, error)) *Call[B] {
	return begin(ctx, c.client, nil, func(ctx context.Context) (b B, err error) {
		a, err := c.Wait(ctx)
		if err != nil {
			if ctx.Err() != nil {
				c.Cancel()
				err = ended(ctx)
			}
			return b, err
		}
		return next(ctx, a)
	})
}

// All begins a call of a that ends when all the given have ended, with their
// results in the same order, or with all their errors joined. A failure doesn't
// stop the others: what they do may be wanted, or has to be undone. Cancelling
// the new call cancels them all.
func All[T any](ctx context.Context, a *AsyncClient, calls ...*Call[T]) *Call[[]T] {
	return begin(ctx, a, nil, func(ctx context.Context) ([]T, error) {
		results := make([]T, len(calls))
		failures := make([]error, len(calls))
		for i, c := range calls {
			results[i], failures[i] = c.Wait(ctx)
			if ctx.Err() != nil {
				for _, c := range calls[i:] {
					c.Cancel()
				}
				return nil, ended(ctx)
			}
		}
		if err := errors.Join(failures...); err != nil {
			return nil, err
		}
		return results, nil
	})
}

// begin runs work in a goroutine that the client's Drain and Close wait for.
// after is called when it has ended, or was refused; nil for nothing.
func begin[T any](ctx context.Context, a *AsyncClient, after func(), work func(context.Context) (T, error)) *Call[T] {
	if after == nil {
		after = func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := a.enter(ctx, cancel)
	if err != nil {
		cancel(nil)
		after()
		return failed[T](a, err)
	}
	c := &Call[T]{client: a, cancel: func() { cancel(nil) }, done: make(chan struct{})}
	go func() {
		defer a.leave(r)
		defer cancel(nil)
		defer close(c.done)
		defer after()
		c.result, c.err = work(context.WithValue(ctx, followUp{a}, true))
	}()
	return c
}

// failed is a call that has ended before it began.
func failed[T any](a *AsyncClient, err error) *Call[T] {
	c := &Call[T]{client: a, cancel: func() {}, done: make(chan struct{}), err: err}
	close(c.done)
	return c
}
