package event

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// windowLength is how many events a carrier has in its hands at most, from
	// the oldest that is not through.
	windowLength = 1000
	// laneLimit is how many lanes may have parked deliveries. Beyond it the
	// carrier takes no more from the log, where the rest is as safe.
	laneLimit = 100_000
	// loadLength is how many parked deliveries of a lane are read at a time.
	loadLength = 64
	// settleEvery is how long progress may be without being kept: what a crash
	// delivers twice.
	settleEvery = 50 * time.Millisecond
	// again is how soon the ledger is asked again after a fault of its own.
	again = time.Second
)

// A carrier delivers to one target, which is in its hands: one goroutine, which
// alone touches its fields. Calls of the listener, reads of parked deliveries
// and changes of the ledger happen beside it and come back through channels.
//
//	log ─take─▶ window, lane.queue ─dispatch─▶ Tell ─▶ done ─settle─▶ cursor
//	                  ▲                          │ failed
//	                load ◀── due ◀── parked ◀────┘
type carrier struct {
	target   Target
	pattern  *Pattern // nil lets all pass
	listener Listener
	manner   Manner
	ledger   Ledger
	tail     *tail
	holder   string
	log      *slog.Logger
	counts   counts

	read    int64     // cursor of the newest event taken from the log
	cursor  int64     // everything up to it is through, or parked by progress
	window  []*parcel // taken from the log, oldest first; the first is not done
	drained bool      // the log has no more than what was taken
	trouble time.Time // no reading from the log before, after a fault

	lanes   map[string]*lane
	ready   []*lane  // have something to send
	waiting laneHeap // have parked deliveries, and none in memory
	loaded  int      // lanes whose parked deliveries are in memory, or being read
	reading int      // lanes whose parked deliveries are being read
	stored  int      // parked deliveries
	calls   int      // under way
	failing int      // failures since the last success

	progress Progress // not kept yet
	touched  []*lane  // whose changes it holds, each as often as it has changes
	settling bool
	kept     int64     // cursor that the ledger has
	settleAt time.Time // no earlier

	told    chan call
	arrived chan load
	settled chan settlement
}

// A call is deliveries of several lanes, and what came of them.
type call struct {
	parts []part
	errs  []error // of each parcel, in order
}

type part struct {
	lane    *lane
	parcels []*parcel
}

type load struct {
	lane   *lane
	parked []Delivery
	err    error
}

type settlement struct {
	progress Progress
	touched  []*lane
	err      error
}

func newCarrier(t Target, l Listener, ledger Ledger, log *tail, holder string, logger *slog.Logger, n counts) (*carrier, error) {
	c := &carrier{
		target: t, listener: l, manner: l.Manner(), ledger: ledger, tail: log, holder: holder,
		log: logger.With("target", t.Name), counts: n, lanes: map[string]*lane{},
		told: make(chan call), arrived: make(chan load), settled: make(chan settlement),
	}
	if len(t.Pattern) > 0 {
		p, err := ParsePattern(t.Pattern)
		if err != nil {
			return nil, err
		}
		c.pattern = p
	}
	return c, nil
}

// run delivers from a cursor on until the context ends or the target is no
// longer held. All that it started has ended when it returns, and what is
// through is kept.
func (c *carrier) run(ctx context.Context, from int64) error {
	c.read, c.cursor, c.kept = from, from, from
	lanes, err := c.ledger.Lanes(ctx, c.target.Name)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		known := &lane{stage: l.StageARN, stored: l.Waiting, due: l.Due, index: -1}
		c.stored += l.Waiting
		c.lanes[l.StageARN] = known
		c.place(known)
	}
	err = c.loop(ctx)
	return errors.Join(err, c.finish(ctx))
}

func (c *carrier) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		changed := c.ledger.Changed() // before the log is read, so that nothing slips between
		c.take(ctx)
		c.load(ctx)
		c.dispatch(ctx)
		c.settle(ctx)
		c.counts.observe(c)
		if !c.drained {
			changed = nil
		}
		timer.Reset(c.pause())
		select {
		case <-ctx.Done():
		case <-changed:
			c.drained = false
		case r := <-c.told:
			c.hear(ctx, r)
		case l := <-c.arrived:
			c.unpack(l)
		case s := <-c.settled:
			if err := c.keep(s); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
	return nil
}

// pause is how long nothing is to do unless something comes back.
func (c *carrier) pause() time.Duration {
	next := time.Now().Add(time.Minute)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if c.room() && !c.drained {
		sooner(c.trouble)
	}
	if len(c.waiting) > 0 && c.loaded < c.manner.Parallel {
		sooner(c.waiting[0].due)
	}
	if !c.settling && c.unsaved() {
		sooner(c.settleAt)
	}
	return max(0, time.Until(next))
}

func (c *carrier) room() bool { return len(c.window) < windowLength && len(c.lanes) < laneLimit }

// take reads on in the log, as far as there is room for what is wanted.
func (c *carrier) take(ctx context.Context) {
	if c.drained || !c.room() || time.Now().Before(c.trouble) {
		return
	}
	events, err := c.tail.read(ctx, c.read, windowLength-len(c.window))
	if err != nil {
		c.trouble = time.Now().Add(again)
		if ctx.Err() == nil {
			c.log.Error("read the event log", "error", err)
		}
		return
	}
	c.drained = len(events) == 0
	for i := range events {
		c.accept(&events[i])
	}
}

func (c *carrier) accept(h *happening) {
	c.read = h.Cursor
	if !c.wants(h) {
		if len(c.window) == 0 {
			c.cursor = h.Cursor
		} else {
			c.window[len(c.window)-1].upTo = h.Cursor
		}
		return
	}
	p := &parcel{event: h.Event, upTo: h.Cursor}
	c.window = append(c.window, p)
	l := c.lanes[h.StageARN]
	if l == nil {
		l = &lane{stage: h.StageARN, index: -1}
		c.lanes[h.StageARN] = l
	}
	if l.stored > 0 { // those before it come first
		c.park(l, Delivery{Event: p.event, Since: time.Now()})
		p.done = true
		c.advance()
		return
	}
	l.queue = append(l.queue, p)
	c.place(l)
}

func (c *carrier) wants(h *happening) bool {
	return h.Account == c.target.Account &&
		(!ours(h.DetailType) || c.target.RostrumEvents) &&
		(c.pattern == nil || c.pattern.Matches(h.document))
}

// place puts a lane where it belongs after any change.
func (c *carrier) place(l *lane) {
	if l.sending || l.loading || l.ready || l.index >= 0 {
		return
	}
	if l.loaded && len(l.queue) == 0 {
		l.loaded = false
		c.loaded--
	}
	switch {
	case len(l.queue) > 0:
		l.ready = true
		c.ready = append(c.ready, l)
	case l.unsettled > 0: // the ledger has to know first
	case l.stored > 0:
		heap.Push(&c.waiting, l)
	default:
		delete(c.lanes, l.stage)
	}
}

// load reads the parked deliveries of lanes whose time has come.
func (c *carrier) load(ctx context.Context) {
	for c.loaded < c.manner.Parallel && len(c.waiting) > 0 && !time.Now().Before(c.waiting[0].due) {
		l := heap.Pop(&c.waiting).(*lane)
		l.loading, l.loaded = true, true
		c.loaded++
		c.reading++
		go func() {
			parked, err := c.ledger.Parked(ctx, c.target.Name, l.stage, loadLength)
			c.arrived <- load{l, parked, err}
		}()
	}
}

func (c *carrier) unpack(r load) {
	l := r.lane
	l.loading = false
	c.reading--
	switch {
	case r.err != nil:
		c.log.Error("read parked deliveries", "stage", l.stage, "error", r.err)
		l.due = time.Now().Add(again)
	case len(r.parked) == 0: // removed by somebody else
		c.stored -= l.stored
		l.stored = 0
	}
	for _, d := range r.parked {
		l.queue = append(l.queue, &parcel{event: d.Event, stored: true, attempts: d.Attempts, since: d.Since})
	}
	c.place(l)
}

// dispatch hands what is ready to the listener.
func (c *carrier) dispatch(ctx context.Context) {
	for c.calls < c.manner.Parallel && len(c.ready) > 0 {
		var parts []part
		var events []Event
		for len(c.ready) > 0 && len(events) < c.manner.Batch {
			l := c.ready[0]
			c.ready = c.ready[1:]
			n := 1
			if c.manner.Ordered {
				n = min(len(l.queue), c.manner.Batch-len(events))
			}
			l.ready, l.sending = false, true
			parts = append(parts, part{l, l.queue[:n:n]})
			for _, p := range l.queue[:n] {
				events = append(events, p.event)
			}
			l.queue = l.queue[n:]
		}
		c.calls++
		go func() { c.told <- call{parts, c.listener.Tell(ctx, events)} }()
	}
}
