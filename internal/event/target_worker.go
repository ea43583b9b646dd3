package event

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// maxWindow is how many events a worker holds in memory, counted from the oldest
	// that is not done.
	maxWindow = 1000
	// queueLimit bounds the stages with parked deliveries. Beyond it the worker stops
	// reading the log, which keeps the rest.
	queueLimit = 100_000
	// loadBatch is how many parked deliveries of a stage are read at a time.
	loadBatch = 64
	// saveInterval is the longest time before progress is saved. A crash repeats the
	// deliveries within it.
	saveInterval = 50 * time.Millisecond
	// storeRetryDelay is the pause before a failed call of the store is repeated.
	storeRetryDelay = time.Second
)

// A targetWorker delivers to one claimed target. One goroutine owns its fields. Calls of
// the sender and of the store run in other goroutines and return through channels.
//
//	log ─readLog─▶ window, stageQueue.queue ─dispatch─▶ Send ─▶ done ─saveProgress─▶ cursor
//	                      ▲                               │ failed
//	               loadParked ◀── due ◀── parked ◀────────┘
type targetWorker struct {
	target  Target
	pattern *Pattern // nil matches all events
	sender  Sender
	options DeliveryOptions
	store   DeliveryStore
	tail    *tail
	holder  string
	log     *slog.Logger
	counts  counts

	logState
	queueState
	progressState

	results chan call
	loads   chan load
	saved   chan savedProgress
}

// logState is how far the log is read.
type logState struct {
	read      int64       // cursor of the newest event taken from the log
	cursor    int64       // all events up to it are done, or parked by progress
	window    []*delivery // taken from the log, oldest first; the first one is not done
	drained   bool        // the log has no more events
	readAfter time.Time   // no reading of the log before, after an error
}

// queueState is what waits, and for what.
type queueState struct {
	queues  map[string]*stageQueue
	ready   []*stageQueue // have something to send
	waiting queueHeap     // have parked deliveries, and none in memory
	loaded  int           // queues whose parked deliveries are in memory, or being read
	reading int           // queues whose parked deliveries are being read
	stored  int           // parked deliveries
	calls   int           // running calls of the sender
	failing int           // failures since the last success
}

// progressState is what the store does not have yet.
type progressState struct {
	progress    Progress
	dirty       []*stageQueue // changed by progress, once for each change
	saving      bool
	savedCursor int64     // cursor that the store has
	saveAt      time.Time // not saved before
}

// A call is one call of the sender with deliveries of several stages, and its results.
type call struct {
	parts []part
	errs  []error // of each delivery, in order
}

type part struct {
	queue      *stageQueue
	deliveries []*delivery
}

// A load is the result of reading the parked deliveries of a stage.
type load struct {
	queue  *stageQueue
	parked []ParkedDelivery
	err    error
}

// A savedProgress is the result of saving progress.
type savedProgress struct {
	progress Progress
	dirty    []*stageQueue
	err      error
}

func newTargetWorker(t Target, l Sender, store DeliveryStore, log *tail, holder string, logger *slog.Logger, n counts) (*targetWorker, error) {
	w := &targetWorker{
		target: t, sender: l, options: l.Options(), store: store, tail: log, holder: holder,
		log: logger.With("target", t.Name), counts: n, queueState: queueState{queues: map[string]*stageQueue{}},
		results: make(chan call), loads: make(chan load), saved: make(chan savedProgress),
	}
	if len(t.Pattern) > 0 {
		p, err := ParsePattern(t.Pattern)
		if err != nil {
			return nil, err
		}
		w.pattern = p
	}
	return w, nil
}

// run delivers the events after a cursor until the context ends or the claim is lost. When
// it returns, everything that it started has ended and its progress is saved.
func (w *targetWorker) run(ctx context.Context, from int64) error {
	w.read, w.cursor, w.savedCursor = from, from, from
	queues, err := w.store.StageQueues(ctx, w.target.Name)
	if err != nil {
		return err
	}
	for _, s := range queues {
		known := &stageQueue{stage: s.StageARN, stored: s.Waiting, due: s.Due, index: -1}
		w.stored += s.Waiting
		w.queues[s.StageARN] = known
		w.schedule(known)
	}
	err = w.loop(ctx)
	return errors.Join(err, w.finish(ctx))
}

func (w *targetWorker) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		changed := w.store.Changed() // before the log is read, so that no event is missed
		w.readLog(ctx)
		w.loadParked(ctx)
		w.dispatch(ctx)
		w.saveProgress(ctx)
		w.counts.observe(w)
		if !w.drained {
			changed = nil
		}
		timer.Reset(w.nextWake())
		select {
		case <-ctx.Done():
		case <-changed:
			w.drained = false
		case r := <-w.results:
			w.handleResult(ctx, r)
		case l := <-w.loads:
			w.addParked(l)
		case s := <-w.saved:
			if err := w.handleSaved(s); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
	return nil
}

// nextWake returns how long the loop may wait if no channel delivers.
func (w *targetWorker) nextWake() time.Duration {
	next := time.Now().Add(time.Minute)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if w.hasCapacity() && !w.drained {
		sooner(w.readAfter)
	}
	if len(w.waiting) > 0 && w.loaded < w.options.Parallel {
		sooner(w.waiting[0].due)
	}
	if !w.saving && w.hasUnsaved() {
		sooner(w.saveAt)
	}
	return max(0, time.Until(next))
}

func (w *targetWorker) hasCapacity() bool {
	return len(w.window) < maxWindow && len(w.queues) < queueLimit
}

// readLog takes the next events from the log, within the worker's capacity.
func (w *targetWorker) readLog(ctx context.Context) {
	if w.drained || !w.hasCapacity() || time.Now().Before(w.readAfter) {
		return
	}
	events, err := w.tail.read(ctx, w.read, maxWindow-len(w.window))
	if err != nil {
		w.readAfter = time.Now().Add(storeRetryDelay)
		if ctx.Err() == nil {
			w.log.Error("read event log", "error", err)
		}
		return
	}
	w.drained = len(events) == 0
	for i := range events {
		w.enqueue(&events[i])
	}
}

func (w *targetWorker) enqueue(h *parsedEvent) {
	w.read = h.Cursor
	if !w.matches(h) {
		if len(w.window) == 0 {
			w.cursor = h.Cursor
		} else {
			w.window[len(w.window)-1].upTo = h.Cursor
		}
		return
	}
	p := &delivery{event: h.Event, upTo: h.Cursor}
	w.window = append(w.window, p)
	q := w.queues[h.StageARN]
	if q == nil {
		q = &stageQueue{stage: h.StageARN, index: -1}
		w.queues[h.StageARN] = q
	}
	if q.stored > 0 { // earlier events of the stage are parked
		w.park(q, ParkedDelivery{Event: p.event, Since: time.Now()})
		p.done = true
		w.advance()
		return
	}
	q.queue = append(q.queue, p)
	w.schedule(q)
}

func (w *targetWorker) matches(h *parsedEvent) bool {
	return h.Account == w.target.Account &&
		(!isRostrumEvent(h.DetailType) || w.target.RostrumEvents) &&
		(w.pattern == nil || w.pattern.Matches(h.document))
}

// schedule moves a stage queue to where it belongs after a change: ready, waiting or gone.
func (w *targetWorker) schedule(q *stageQueue) {
	if q.sending || q.loading || q.ready || q.index >= 0 {
		return
	}
	if q.loaded && len(q.queue) == 0 {
		q.loaded = false
		w.loaded--
	}
	switch {
	case len(q.queue) > 0:
		q.ready = true
		w.ready = append(w.ready, q)
	case q.unsaved > 0: // the store must have the changes first
	case q.stored > 0:
		heap.Push(&w.waiting, q)
	default:
		delete(w.queues, q.stage)
	}
}

// loadParked reads the parked deliveries of the stages that are due.
func (w *targetWorker) loadParked(ctx context.Context) {
	for w.loaded < w.options.Parallel && len(w.waiting) > 0 && !time.Now().Before(w.waiting[0].due) {
		q := heap.Pop(&w.waiting).(*stageQueue)
		q.loading, q.loaded = true, true
		w.loaded++
		w.reading++
		go func() {
			parked, err := w.store.Parked(ctx, w.target.Name, q.stage, loadBatch)
			w.loads <- load{q, parked, err}
		}()
	}
}

func (w *targetWorker) addParked(r load) {
	q := r.queue
	q.loading = false
	w.reading--
	switch {
	case r.err != nil:
		w.log.Error("read parked deliveries", "stage", q.stage, "error", r.err)
		q.due = time.Now().Add(storeRetryDelay)
	case len(r.parked) == 0: // removed by another process
		w.stored -= q.stored
		q.stored = 0
	}
	for _, d := range r.parked {
		q.queue = append(q.queue, &delivery{event: d.Event, stored: true, attempts: d.Attempts, since: d.Since})
	}
	w.schedule(q)
}

// dispatch passes ready deliveries to the sender.
func (w *targetWorker) dispatch(ctx context.Context) {
	for w.calls < w.options.Parallel && len(w.ready) > 0 {
		var parts []part
		var events []Event
		for len(w.ready) > 0 && len(events) < w.options.Batch {
			q := w.ready[0]
			w.ready = w.ready[1:]
			n := 1
			if w.options.Ordered {
				n = min(len(q.queue), w.options.Batch-len(events))
			}
			q.ready, q.sending = false, true
			parts = append(parts, part{q, q.queue[:n:n]})
			for _, p := range q.queue[:n] {
				events = append(events, p.event)
			}
			q.queue = q.queue[n:]
		}
		w.calls++
		go func() { w.results <- call{parts, w.sender.Send(ctx, events)} }()
	}
}
