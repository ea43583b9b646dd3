package event

import (
	"context"
	"fmt"
	"time"
)

// A Sender delivers events to one target.
type Sender interface {
	// Send delivers events and returns one error per event: nil when the target has
	// accepted it durably. A [RetryError] says how to retry. Send blocks, and returns
	// soon after ctx ends.
	Send(ctx context.Context, events []Event) []error
	// Options returns the same value at every call.
	Options() DeliveryOptions
	Close() error
}

// DeliveryOptions say how events are passed to a sender.
type DeliveryOptions struct {
	Batch    int // events per call, at most
	Parallel int // concurrent calls, at most

	// Ordered means that a call delivers its events in sequence and stops at the first
	// failure. Only then may one call hold two events of one stage.
	Ordered bool
}

// A RetryError is a failed delivery with advice for the next attempt.
type RetryError struct {
	Err   error
	After time.Duration // no attempt before this time has passed
	Final bool          // no further attempt can succeed
}

func (s *RetryError) Error() string { return s.Err.Error() }

func (s *RetryError) Unwrap() error { return s.Err }

// all returns err for each event of a call.
func all(events []Event, err error) []error {
	errs := make([]error, len(events))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// OpenSender returns the sender of a target.
func OpenSender(ctx context.Context, t Target) (Sender, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	var l Sender
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
