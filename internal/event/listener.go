package event

import (
	"context"
	"fmt"
	"time"
)

// A Listener is told what happened.
type Listener interface {
	// Tell delivers events and answers, for each, nil once the listener has
	// taken it for good, or why it has not. A [Setback] among the errors says
	// what to do about it. Tell blocks; it returns soon after ctx ends.
	Tell(ctx context.Context, events []Event) []error
	// Manner never changes.
	Manner() Manner
	Close() error
}

// A Manner is how a listener wants to be told.
type Manner struct {
	Batch    int // most events a call
	Parallel int // most calls at a time

	// Ordered tells that a call takes its events one after the other and none
	// after one that it did not take. Only then may it be given two events of
	// one stage.
	Ordered bool
}

// A Setback is an error that says more about the next attempt.
type Setback struct {
	Err   error
	After time.Duration // the listener asks not to be tried earlier
	Final bool          // no attempt will ever succeed
}

func (s *Setback) Error() string { return s.Err.Error() }

func (s *Setback) Unwrap() error { return s.Err }

// all answers the same for each event of a call.
func all(events []Event, err error) []error {
	errs := make([]error, len(events))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Listen makes the listener of a target.
func Listen(ctx context.Context, t Target) (Listener, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	var l Listener
	var err error
	switch {
	case t.Webhook != nil:
		l, err = newWebhook(t)
	case t.Bus != nil:
		l, err = newBus(ctx, t)
	default:
		l, err = newFile(*t.File)
	}
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t.Name, err)
	}
	return l, nil
}
