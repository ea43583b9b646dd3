package ivsrealtime

import (
	"context"
	"errors"
)

// A Call is a call of an [AsyncClient] that ends with a T or an error. Its methods
// may be called concurrently and repeatedly.
type Call[T any] struct {
	client *AsyncClient
	cancel context.CancelFunc
	done   chan struct{}

	result T // these two are written before done is closed, and not after
	err    error
}

// Done returns a channel that is closed when the call has ended.
func (c *Call[T]) Done() <-chan struct{} { return c.done }

// Wait waits for the call and returns its result. If ctx ends first, Wait returns
// ctx's error and the call continues.
func (c *Call[T]) Wait(ctx context.Context) (T, error) {
	select {
	case <-c.done:
		return c.result, c.err
	default: // an available result is returned even if ctx has ended
	}
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Poll returns the result if the call has ended. It does not wait.
func (c *Call[T]) Poll() (result T, ended bool, err error) {
	select {
	case <-c.done:
		return c.result, true, c.err
	default:
		return result, false, nil
	}
}

// Cancel cancels the call, which ends with context.Canceled unless it has ended. A
// request that was sent may still have its effect.
func (c *Call[T]) Cancel() { c.cancel() }

// Then returns a call that follows another: when that has succeeded, next is called
// with its result, and returns the result of the new call. If it fails, the new
// call fails with the same error, and next is not called.
//
// ctx is the context of the new call; next gets a context derived from it.
// Canceling the new call also cancels the call that it waits for.
func Then[A, B any](ctx context.Context, c *Call[A], next func(context.Context, A) (B, error)) *Call[B] {
	return begin(ctx, c.client, nil, func(ctx context.Context) (b B, err error) {
		a, err := c.Wait(ctx)
		if err != nil {
			if ctx.Err() != nil {
				c.Cancel()
				err = contextError(ctx)
			}
			return b, err
		}
		return next(ctx, a)
	})
}

// All returns a call that ends when all the given calls have ended, with their
// results in the same order, or with their errors joined. A failure does not
// cancel the others. Canceling the new call cancels them all.
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
				return nil, contextError(ctx)
			}
		}
		if err := errors.Join(failures...); err != nil {
			return nil, err
		}
		return results, nil
	})
}

// begin runs work in a goroutine that Drain and Close wait for. after is called
// when it has ended or was refused; it may be nil.
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

// failed is a call that has ended with an error.
func failed[T any](a *AsyncClient, err error) *Call[T] {
	c := &Call[T]{client: a, cancel: func() {}, done: make(chan struct{}), err: err}
	close(c.done)
	return c
}
