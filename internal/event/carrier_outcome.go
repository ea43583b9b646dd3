package event

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstRetry = time.Second // grows by the factor 2 …
	lastRetry  = 15 * time.Minute
	// longestWish bounds how long a listener may put itself off.
	longestWish = time.Hour
	// giveUpAfter is how long a delivery is tried before it is dead.
	giveUpAfter = 24 * time.Hour
	// downAfter is how many failures in a row mean that the whole target is
	// down: the first success then wakes all lanes.
	downAfter = 3
)

// hear takes in what came of a call.
func (c *carrier) hear(ctx context.Context, r call) {
	c.calls--
	for _, p := range r.parts {
		p.lane.sending = false
		for i, parcel := range p.parcels {
			if err := r.errs[i]; err != nil {
				if ctx.Err() == nil { // else the call was cut short, which says nothing
					c.failed(p.lane, p.parcels[i:], err)
				}
				break
			}
			c.delivered(p.lane, parcel)
		}
		r.errs = r.errs[len(p.parcels):]
		c.place(p.lane)
	}
	c.advance()
}

func (c *carrier) delivered(l *lane, p *parcel) {
	c.counts.delivered()
	if p.stored {
		c.progress.Delivered = append(c.progress.Delivered, p.event.Cursor)
		l.stored--
		c.stored--
		c.touch(l)
	} else {
		p.done = true
	}
	if c.failing >= downAfter {
		now := time.Now()
		for _, l := range c.waiting {
			l.due = now // all alike: the heap stays one
		}
	}
	c.failing = 0
}

// failed parks what could not be delivered, and all behind it in its lane.
func (c *carrier) failed(l *lane, rest []*parcel, why error) {
	c.failing++
	c.counts.failed()
	now := time.Now()
	head := rest[0]
	if !head.stored {
		head.since = now
	}
	d := Delivery{Event: head.event, Attempts: head.attempts + 1, Since: head.since, Error: why.Error()}
	var s *Setback
	wish := time.Duration(0)
	if errors.As(why, &s) {
		wish = min(s.After, longestWish)
		d.Dead = s.Final
	}
	d.Due = now.Add(max(wish, backOff(d.Attempts)))
	d.Dead = d.Dead || now.Sub(d.Since) >= giveUpAfter
	l.due = d.Due
	level := slog.LevelInfo
	if d.Dead {
		l.due, level = now, slog.LevelWarn
		c.counts.died()
	}
	c.log.Log(context.Background(), level, "delivery failed", "event", head.event.ID, "stage", l.stage, "attempt", d.Attempts, "dead", d.Dead, "error", why)
	if head.stored {
		c.progress.Failed = append(c.progress.Failed, d)
		c.touch(l)
		if d.Dead {
			l.stored--
			c.stored--
		}
		l.queue = nil // they stand in the ledger
		return
	}
	c.park(l, d)
	head.done = true
	for _, p := range append(rest[1:], l.queue...) {
		c.park(l, Delivery{Event: p.event, Since: now})
		p.done = true
	}
	l.queue = nil
}

// backOff is how long to wait after so many attempts: twice as long each time,
// and differently long, so that many don't come back at once.
func backOff(attempts int) time.Duration {
	d := lastRetry
	if n := attempts - 1; n < 10 {
		d = min(d, firstRetry<<n)
	}
	return d/2 + rand.N(d/2)
}

func (c *carrier) park(l *lane, d Delivery) {
	c.progress.Parked = append(c.progress.Parked, d)
	if !d.Dead {
		l.stored++
		c.stored++
	}
	c.touch(l)
}

func (c *carrier) touch(l *lane) {
	l.unsettled++
	c.touched = append(c.touched, l)
}

// advance moves the cursor over all that is done at the window's beginning.
func (c *carrier) advance() {
	n := 0
	for n < len(c.window) && c.window[n].done {
		c.cursor = c.window[n].upTo
		n++
	}
	c.window = c.window[n:]
}
