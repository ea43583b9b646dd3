package event

import (
	"context"
	"errors"
	"time"
)

// A DeliveryStore stores the progress of the dispatcher: for each target the cursor up to
// which every event is delivered, not wanted or parked, and the parked deliveries. Changes
// are durable when the call returns.
type DeliveryStore interface {
	// Targets lists all targets with their secrets.
	Targets(ctx context.Context) ([]Target, error)

	// Claim gives holder the exclusive right to deliver to a target until a time, and
	// returns the target's cursor. It returns ErrNotHeld while another holder has the
	// claim, or if there is no such target.
	Claim(ctx context.Context, target, holder string, until time.Time) (cursor int64, err error)
	// Release ends a claim.
	Release(ctx context.Context, target, holder string) error

	// Log reads events after a cursor, in order.
	Log(ctx context.Context, after int64, limit int) ([]Event, error)
	// Changed returns a channel that is closed when the log has grown since the call.
	Changed() <-chan struct{}

	// StageQueues lists the stages with parked deliveries to a target.
	StageQueues(ctx context.Context, target string) ([]StageQueue, error)
	// Parked reads the first parked deliveries of a stage, oldest event first.
	Parked(ctx context.Context, target, stageARN string, limit int) ([]ParkedDelivery, error)
	// SaveProgress stores progress, all of it or nothing. It returns ErrNotHeld when
	// holder no longer has the claim.
	SaveProgress(ctx context.Context, target, holder string, p Progress) error
}

// ErrNotHeld means that the caller has no claim on the target.
var ErrNotHeld = errors.New("the target is not claimed by this node")

// A StageQueue summarises the parked deliveries of one stage to one target.
type StageQueue struct {
	StageARN string
	Waiting  int       // parked deliveries, dead ones not counted
	Due      time.Time // when the first of them may be tried
}

// A ParkedDelivery is an event whose delivery failed, or that waits behind one of the same
// stage that failed.
type ParkedDelivery struct {
	Event    Event
	Attempts int
	Due      time.Time // not tried before; zero: as soon as the deliveries before it are done
	Since    time.Time // when it was parked
	Error    string    // of the last attempt
	Dead     bool      // no longer retried: kept, and delivered only by redelivery
}

// Progress is the outcome of deliveries since it was last saved.
type Progress struct {
	Cursor    int64            // grows only
	Parked    []ParkedDelivery // to store
	Delivered []int64          // cursors of parked events that are delivered
	Failed    []ParkedDelivery // parked deliveries that failed again
}
