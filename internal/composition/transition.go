package composition

import (
	"errors"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// Every change of a composition's state stands in this file, with its event.

// stopping is what StopComposition does to a composition.
func stopping(doc *ivsrealtime.Composition) error {
	if doc.State != ivsrealtime.CompositionStarting && doc.State != ivsrealtime.CompositionActive {
		return nil
	}
	doc.State = ivsrealtime.CompositionStopping
	for i := range doc.Destinations {
		if d := &doc.Destinations[i]; !over(d.State) {
			d.State = ivsrealtime.DestinationStopping
		}
	}
	return nil
}

// over tells whether a destination's state is its last.
func over(s ivsrealtime.DestinationState) bool {
	return s == ivsrealtime.DestinationStopped || s == ivsrealtime.DestinationFailed
}

// A change alters a composition and tells what that means.
type change func(doc *ivsrealtime.Composition, tell func(event.Event))

// storeRetry is how often the store is asked again to keep a change.
const storeRetry = time.Second

// keep makes a change, with its events, and knows the composition as it is then.
// A store that can't write is asked again until it can or the registry closes;
// false tells that the change was not kept.
func (c *composition) keep(apply change) bool {
	for {
		err := c.house.Store.Write(c.house.ctx, func(tx *store.Tx) error {
			doc, err := tx.Compositions().Update(c.arn, func(doc *ivsrealtime.Composition) error {
				apply(doc, func(e event.Event) { tx.Emit(e) })
				return nil
			})
			if err != nil {
				return err
			}
			if err := tx.Hold(c.arn, c.house.Node.ID()); err != nil { // another node took this one for dead
				return err
			}
			c.doc = *doc
			if !doc.EndTime.IsZero() {
				_, err = tx.Release(c.arn, c.house.Node.ID())
			}
			return err
		})
		switch {
		case err == nil:
			return true
		case c.house.ctx.Err() != nil:
			return false
		case errors.Is(err, ivsrealtime.ResourceNotFound), errors.Is(err, ivsrealtime.Conflict):
			c.log.Error("composition is gone from the store, or from this node", "error", err)
			c.stopped = true
			return false
		}
		c.log.Error("keep the composition's state", "error", err)
		select {
		case <-time.After(storeRetry):
		case <-c.house.ctx.Done():
			return false
		}
	}
}

func about(doc *ivsrealtime.Composition) event.Composition {
	return event.Composition{ARN: doc.ARN, StageARN: doc.StageARN}
}

// destination finds a destination of a document; it is always there.
func destination(doc *ivsrealtime.Composition, id string) *ivsrealtime.Destination {
	for i := range doc.Destinations {
		if doc.Destinations[i].ID == id {
			return &doc.Destinations[i]
		}
	}
	return &ivsrealtime.Destination{}
}

// destinationUp has a destination begin, or go on; with the first one the
// composition is ACTIVE. began is when its output did.
func (c *composition) destinationUp(id string, began time.Time) {
	c.keep(func(doc *ivsrealtime.Composition, tell func(event.Event)) {
		d := destination(doc, id)
		if d.State != ivsrealtime.DestinationStarting && d.State != ivsrealtime.DestinationReconnecting {
			return
		}
		now := time.Now()
		if doc.State == ivsrealtime.CompositionStarting {
			doc.State = ivsrealtime.CompositionActive
			tell(event.CompositionStarted(about(doc), now))
		}
		d.State = ivsrealtime.DestinationActive
		if d.StartTime.IsZero() {
			d.StartTime = began
		}
		tell(event.DestinationStarted(about(doc), now, id))
	})
}

// destinationDown tells that a destination was interrupted.
func (c *composition) destinationDown(id string) {
	c.keep(func(doc *ivsrealtime.Composition, tell func(event.Event)) {
		if d := destination(doc, id); d.State == ivsrealtime.DestinationActive {
			d.State = ivsrealtime.DestinationReconnecting
			tell(event.DestinationReconnecting(about(doc), time.Now(), id))
		}
	})
}

// destinationFailed ends a destination that can't be resumed.
func (c *composition) destinationFailed(id string, why event.Failure) {
	c.keep(func(doc *ivsrealtime.Composition, tell func(event.Event)) {
		if d := destination(doc, id); !over(d.State) {
			now := time.Now()
			d.State, d.EndTime = ivsrealtime.DestinationFailed, micro(now)
			tell(event.DestinationFailed(about(doc), now, id, why))
		}
	})
}

// destinationStopped ends a destination whose output is complete.
func (c *composition) destinationStopped(id string) {
	c.keep(func(doc *ivsrealtime.Composition, tell func(event.Event)) {
		if d := destination(doc, id); !over(d.State) {
			now := time.Now()
			d.State, d.EndTime = ivsrealtime.DestinationStopped, micro(now)
			tell(event.DestinationEnded(about(doc), now, id))
		}
	})
}

// stopping begins the end, however it came.
func (c *composition) stopping() {
	c.keep(func(doc *ivsrealtime.Composition, _ func(event.Event)) {
		_ = stopping(doc) // never fails
	})
}

// end is the last change, after those of all destinations.
func (c *composition) end(failure *event.Failure) bool {
	return c.keep(func(doc *ivsrealtime.Composition, tell func(event.Event)) {
		now := time.Now()
		doc.EndTime = now.UTC().Truncate(time.Second)
		if doc.EndTime.Before(doc.StartTime) {
			doc.EndTime = doc.StartTime
		}
		if failure == nil {
			doc.State = ivsrealtime.CompositionStopped
			tell(event.CompositionEnded(about(doc), now))
			return
		}
		doc.State = ivsrealtime.CompositionFailed
		tell(event.CompositionFailed(about(doc), now, *failure))
	})
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
