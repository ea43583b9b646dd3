package composition

import (
	"errors"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// This file has every change of a composition's state, with its event.

// setStopping is what StopComposition does to a composition.
func setStopping(doc *ivsrealtime.Composition) {
	if doc.State != ivsrealtime.CompositionStarting && doc.State != ivsrealtime.CompositionActive {
		return
	}
	doc.State = ivsrealtime.CompositionStopping
	for i := range doc.Destinations {
		if d := &doc.Destinations[i]; !isLast(d.State) {
			d.State = ivsrealtime.DestinationStopping
		}
	}
}

// isLast reports whether a destination's state does not change any more.
func isLast(s ivsrealtime.DestinationState) bool {
	return s == ivsrealtime.DestinationStopped || s == ivsrealtime.DestinationFailed
}

// A change alters a composition and emits its events.
type change func(doc *ivsrealtime.Composition, emit func(event.Event))

// storeRetry is how often a change is tried again.
const storeRetry = time.Second

// store makes a change and updates c.doc. It tries again until the store can write or the
// registry closes. It returns false if the change was not stored.
func (c *composition) store(apply change) bool {
	for {
		err := c.registry.Store.Write(c.registry.ctx, func(tx *store.Tx) error { return c.write(tx, apply) })
		switch {
		case err == nil:
			return true
		case c.registry.ctx.Err() != nil:
			return false
		case errors.Is(err, ivsrealtime.ResourceNotFound), errors.Is(err, ivsrealtime.Conflict):
			c.log.Error("composition was deleted, or another node took it", "error", err)
			c.ended = true
			return false
		}
		c.log.Error("store the composition's state", "error", err)
		select {
		case <-time.After(storeRetry):
		case <-c.registry.ctx.Done():
			return false
		}
	}
}

// write makes a change in a transaction. It is a conflict if another node holds the
// composition.
func (c *composition) write(tx *store.Tx, apply change) error {
	doc, err := tx.Compositions().Update(c.arn, func(doc *ivsrealtime.Composition) error {
		apply(doc, func(e event.Event) { tx.Emit(e) })
		return nil
	})
	if err != nil {
		return err
	}
	if err := tx.Hold(c.arn, c.registry.Node.ID()); err != nil {
		return err
	}
	c.doc = *doc
	if !doc.EndTime.IsZero() {
		_, err = tx.Release(c.arn, c.registry.Node.ID())
	}
	return err
}

func eventSource(doc *ivsrealtime.Composition) event.Composition {
	return event.Composition{ARN: doc.ARN, StageARN: doc.StageARN}
}

// findDestination finds a destination of a composition, which has it.
func findDestination(doc *ivsrealtime.Composition, id string) *ivsrealtime.Destination {
	for i := range doc.Destinations {
		if doc.Destinations[i].ID == id {
			return &doc.Destinations[i]
		}
	}
	return &ivsrealtime.Destination{}
}

// storeDestinationUp makes a destination ACTIVE, and the composition with the first one.
// began is when its output did.
func (c *composition) storeDestinationUp(id string, began time.Time) {
	c.store(func(doc *ivsrealtime.Composition, emit func(event.Event)) {
		d := findDestination(doc, id)
		if d.State != ivsrealtime.DestinationStarting && d.State != ivsrealtime.DestinationReconnecting {
			return
		}
		now := time.Now()
		if doc.State == ivsrealtime.CompositionStarting {
			doc.State = ivsrealtime.CompositionActive
			emit(event.CompositionStarted(eventSource(doc), now))
		}
		d.State = ivsrealtime.DestinationActive
		if d.StartTime.IsZero() {
			d.StartTime = began
		}
		emit(event.DestinationStarted(eventSource(doc), now, id))
	})
}

// storeDestinationDown makes a destination RECONNECTING.
func (c *composition) storeDestinationDown(id string) {
	c.store(func(doc *ivsrealtime.Composition, emit func(event.Event)) {
		if d := findDestination(doc, id); d.State == ivsrealtime.DestinationActive {
			d.State = ivsrealtime.DestinationReconnecting
			emit(event.DestinationReconnecting(eventSource(doc), time.Now(), id))
		}
	})
}

// storeDestinationFailed ends a destination that cannot continue.
func (c *composition) storeDestinationFailed(id string, why event.Failure) {
	c.store(func(doc *ivsrealtime.Composition, emit func(event.Event)) {
		if d := findDestination(doc, id); !isLast(d.State) {
			now := time.Now()
			d.State, d.EndTime = ivsrealtime.DestinationFailed, micro(now)
			emit(event.DestinationFailed(eventSource(doc), now, id, why))
		}
	})
}

// storeDestinationStopped ends a destination whose output is complete.
func (c *composition) storeDestinationStopped(id string) {
	c.store(func(doc *ivsrealtime.Composition, emit func(event.Event)) {
		if d := findDestination(doc, id); !isLast(d.State) {
			now := time.Now()
			d.State, d.EndTime = ivsrealtime.DestinationStopped, micro(now)
			emit(event.DestinationEnded(eventSource(doc), now, id))
		}
	})
}

// storeStopping begins the end.
func (c *composition) storeStopping() {
	c.store(func(doc *ivsrealtime.Composition, _ func(event.Event)) { setStopping(doc) })
}

// storeEnd is the last change, after those of all destinations.
func (c *composition) storeEnd(failure *event.Failure) bool {
	return c.store(func(doc *ivsrealtime.Composition, emit func(event.Event)) {
		now := time.Now()
		doc.EndTime = now.UTC().Truncate(time.Second)
		if doc.EndTime.Before(doc.StartTime) {
			doc.EndTime = doc.StartTime
		}
		if failure == nil {
			doc.State = ivsrealtime.CompositionStopped
			emit(event.CompositionEnded(eventSource(doc), now))
			return
		}
		doc.State = ivsrealtime.CompositionFailed
		emit(event.CompositionFailed(eventSource(doc), now, *failure))
	})
}

// micro is a time in the resolution of the API's stored times.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
