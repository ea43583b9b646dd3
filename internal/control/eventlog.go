package control

import (
	"context"
	"math"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// readEvents is the action for the event log in policies. The managed service
// has no such log.
const readEvents = "rostrum:ReadEvents"

const (
	// scanLimit bounds the events that are read for one page, for patterns that
	// match few of them.
	scanLimit = 10_000
	// scanLength is the number of events read at a time.
	scanLength = 500
)

// An EventLogQuery selects a part of the event log.
type EventLogQuery struct {
	After    int64          // cursor: only events after it
	StageARN string         // empty for all stages
	Pattern  *event.Pattern // nil for all events
	Limit    int
}

// An EventLogPage is a part of the event log.
type EventLogPage struct {
	Events []event.Event
	Next   int64 // cursor for the next query, also if nothing matched
	AtEnd  bool  // there is nothing newer
}

// AuthorizeEvents checks that the caller may read the events of a stage, or of
// all stages if it is empty.
func (p *Plane) AuthorizeEvents(ctx context.Context, c Caller, stageARN string) error {
	return p.Authorize(ctx, c, readEvents, stageARN)
}

// ReadEvents reads events of the caller's account and region, in order. The
// caller has been authorized.
func (p *Plane) ReadEvents(ctx context.Context, c Caller, q EventLogQuery) (EventLogPage, error) {
	page := EventLogPage{Events: []event.Event{}, Next: q.After}
	for scanned := 0; scanned < scanLimit && len(page.Events) < q.Limit; scanned += scanLength {
		events, newest, err := p.scanEvents(ctx, c, q.StageARN, page.Next)
		if err != nil {
			return page, err
		}
		for _, e := range events {
			page.Next = e.Cursor
			if q.Pattern != nil {
				doc, err := e.Document()
				if err != nil || !q.Pattern.Matches(doc) {
					continue
				}
			}
			if page.Events = append(page.Events, e); len(page.Events) == q.Limit {
				return page, nil
			}
		}
		if len(events) < scanLength {
			page.Next, page.AtEnd = max(page.Next, newest), true // skips the events of others
			break
		}
	}
	return page, nil
}

func (p *Plane) scanEvents(ctx context.Context, c Caller, stageARN string, after int64) (events []event.Event, newest int64, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		events, err = tx.Events(store.EventQuery{After: after, Limit: scanLength, Account: c.Account, Region: c.Region, StageARN: stageARN})
		if err != nil {
			return err
		}
		newest, err = tx.LastCursor()
		return err
	})
	return events, newest, err
}

// EventsChanged returns a channel that is closed when the log grows.
func (p *Plane) EventsChanged() <-chan struct{} { return p.store.Changed() }

// EventCursor returns the cursor before the first event stored at a time or later.
func (p *Plane) EventCursor(ctx context.Context, at time.Time) (cursor int64, err error) {
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		cursor, err = tx.CursorAt(at)
		return err
	})
	return cursor, err
}

// StageAt rebuilds the state of a stage at a time from the log. The caller has
// been authorized.
func (p *Plane) StageAt(ctx context.Context, c Caller, stageARN string, at time.Time) (*event.StageState, error) {
	if at.After(time.Now()) {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "at is in the future")
	}
	state := event.NewStageState(stageARN, at)
	after, err := p.sessionBefore(ctx, stageARN, at)
	if err != nil {
		return nil, err
	}
	for seen := false; ; {
		events, _, err := p.scanEvents(ctx, c, stageARN, after)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			// After a crash a session's events may be written late, but never
			// after the next session has begun.
			if e.OpensSession() && (seen || e.Time.After(at)) {
				return state, nil
			}
			seen = seen || !e.Time.After(at)
			state.Apply(e)
			after = e.Cursor
		}
		if len(events) < scanLength {
			return state, nil
		}
	}
}

// sessionBefore returns the cursor before the event that opened the stage's
// session at a time; 0 if the log does not go back that far.
func (p *Plane) sessionBefore(ctx context.Context, stageARN string, at time.Time) (int64, error) {
	for before := int64(math.MaxInt64); ; {
		var events []event.Event
		err := p.store.Read(ctx, func(tx *store.Tx) (err error) {
			events, err = tx.EventsBefore(stageARN, before, scanLength)
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, e := range events {
			if !e.Time.After(at) && e.OpensSession() {
				return e.Cursor - 1, nil
			}
			before = e.Cursor
		}
		if len(events) < scanLength {
			return 0, nil
		}
	}
}
