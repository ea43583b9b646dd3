package event

import (
	"context"
	"errors"
	"time"
)

// A Ledger keeps what the courier must not forget: for each target the cursor
// up to which every event is delivered, not wanted or parked, and the parked
// deliveries. Its changes are durable when the call returns.
type Ledger interface {
	// Targets lists all targets with their secrets.
	Targets(ctx context.Context) ([]Target, error)

	// Claim makes holder the one who delivers to a target until a time, and
	// answers the target's cursor. While another holds it, and when there is no
	// such target, it is ErrNotHeld.
	Claim(ctx context.Context, target, holder string, until time.Time) (cursor int64, err error)
	// Release ends a claim.
	Release(ctx context.Context, target, holder string) error

	// Log reads events after a cursor, in order.
	Log(ctx context.Context, after int64, limit int) ([]Event, error)
	// Changed returns a channel that is closed when the log has grown since the call.
	Changed() <-chan struct{}

	// Lanes lists the stages for which deliveries to a target are parked.
	Lanes(ctx context.Context, target string) ([]Lane, error)
	// Parked reads the first parked deliveries of a lane, oldest event first.
	Parked(ctx context.Context, target, stageARN string, limit int) ([]Delivery, error)
	// Settle keeps what came of deliveries, all of it or nothing; ErrNotHeld
	// when the target is no longer in holder's hands.
	Settle(ctx context.Context, target, holder string, p Progress) error
}

// ErrNotHeld tells that a target is not in the caller's hands.
var ErrNotHeld = errors.New("the target is not held")

// A Lane is the events of one stage on their way to one target.
type Lane struct {
	StageARN string
	Waiting  int       // parked deliveries, dead ones not counted
	Due      time.Time // when the first of them may be tried
}

// A Delivery is an event that could not be delivered at once, or that waits
// behind one of the same stage that could not.
type Delivery struct {
	Event    Event
	Attempts int
	Due      time.Time // not before; zero for as soon as those before it are through
	Since    time.Time // when it was parked
	Error    string    // of the last attempt
	Dead     bool      // given up: kept, and delivered only when someone asks for it
}

// Progress is what came of deliveries since it was last kept.
type Progress struct {
	Cursor    int64      // grows only
	Parked    []Delivery // stand in the ledger from now on
	Delivered []int64    // cursors of parked events that are through
	Failed    []Delivery // parked ones that failed again
}
