package event

import (
	"context"
	"errors"
	"time"
)

// finishWithin is how long a carrier that was told to stop may take to keep
// what is through.
const finishWithin = 2 * time.Second

func (c *carrier) unsaved() bool {
	return c.cursor > c.kept || len(c.touched) > 0
}

// settle has the ledger keep the progress made, one change at a time.
func (c *carrier) settle(ctx context.Context) {
	if c.settling || !c.unsaved() || time.Now().Before(c.settleAt) {
		return
	}
	c.settling = true
	s := c.cut()
	go func() {
		s.err = c.ledger.Settle(ctx, c.target.Name, c.holder, s.progress)
		c.settled <- s
	}()
}

// cut takes the progress made so far.
func (c *carrier) cut() settlement {
	s := settlement{progress: c.progress, touched: c.touched}
	s.progress.Cursor = c.cursor
	c.progress, c.touched = Progress{}, nil
	return s
}

// keep takes in what the ledger said. What it could not keep is tried again,
// together with what came since.
func (c *carrier) keep(s settlement) error {
	c.settling = false
	if errors.Is(s.err, ErrNotHeld) {
		return s.err
	}
	if s.err != nil {
		c.log.Error("keep progress", "error", s.err)
		c.restore(s)
		c.settleAt = time.Now().Add(again)
		return nil
	}
	c.settleAt = time.Now().Add(settleEvery)
	c.kept = s.progress.Cursor
	for _, l := range s.touched {
		l.unsettled--
		if l.unsettled == 0 {
			c.place(l)
		}
	}
	return nil
}

// restore puts progress that was not kept before what came since.
func (c *carrier) restore(s settlement) {
	c.progress = Progress{
		Parked:    append(s.progress.Parked, c.progress.Parked...),
		Delivered: append(s.progress.Delivered, c.progress.Delivered...),
		Failed:    append(s.progress.Failed, c.progress.Failed...),
	}
	c.touched = append(s.touched, c.touched...)
}

// finish waits for what is under way, which has been told to end, and keeps
// what got through.
func (c *carrier) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	for c.calls > 0 || c.settling || c.reading > 0 {
		select {
		case r := <-c.told:
			c.calls--
			for _, p := range r.parts {
				for i, parcel := range p.parcels {
					if r.errs[i] != nil {
						break
					}
					c.delivered(p.lane, parcel)
				}
				r.errs = r.errs[len(p.parcels):]
			}
			c.advance()
		case <-c.arrived:
			c.reading--
		case s := <-c.settled:
			c.settling = false
			if errors.Is(s.err, ErrNotHeld) {
				return s.err
			}
			if s.err != nil {
				c.restore(s)
			} else {
				c.kept = s.progress.Cursor
			}
		}
	}
	if !c.unsaved() {
		return nil
	}
	return c.ledger.Settle(ctx, c.target.Name, c.holder, c.cut().progress)
}
