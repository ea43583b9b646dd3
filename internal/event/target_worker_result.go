package event

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second // doubles with each attempt
	maxBackoff = 15 * time.Minute
	// maxRetryAfter bounds the pause that a target may ask for.
	maxRetryAfter = time.Hour
	// deliveryTimeout is how long a delivery is retried before it is dead.
	deliveryTimeout = 24 * time.Hour
	// downThreshold is the number of consecutive failures after which the whole target
	// counts as down: the next success makes all waiting queues due.
	downThreshold = 3
)

// handleResult applies the results of a call.
func (w *targetWorker) handleResult(ctx context.Context, r call) {
	w.calls--
	for _, p := range r.parts {
		p.queue.sending = false
		for i, delivery := range p.deliveries {
			if err := r.errs[i]; err != nil {
				if ctx.Err() == nil { // otherwise the call was cancelled, which says nothing about the target
					w.recordFailure(p.queue, p.deliveries[i:], err)
				}
				break
			}
			w.recordSuccess(p.queue, delivery)
		}
		r.errs = r.errs[len(p.deliveries):]
		w.schedule(p.queue)
	}
	w.advance()
}

func (w *targetWorker) recordSuccess(q *stageQueue, p *delivery) {
	w.counts.delivered()
	if p.stored {
		w.progress.Delivered = append(w.progress.Delivered, p.event.Cursor)
		q.stored--
		w.stored--
		w.markDirty(q)
	} else {
		p.done = true
	}
	if w.failing >= downThreshold {
		now := time.Now()
		for _, q := range w.waiting {
			q.due = now // all equal: the heap order holds
		}
	}
	w.failing = 0
}

// recordFailure parks a failed delivery and all later ones of its stage.
func (w *targetWorker) recordFailure(q *stageQueue, rest []*delivery, why error) {
	w.failing++
	w.counts.failed()
	now := time.Now()
	head := rest[0]
	if !head.stored {
		head.since = now
	}
	d := ParkedDelivery{Event: head.event, Attempts: head.attempts + 1, Since: head.since, Error: why.Error()}
	var s *RetryError
	retryAfter := time.Duration(0)
	if errors.As(why, &s) {
		retryAfter = min(s.After, maxRetryAfter)
		d.Dead = s.Final
	}
	d.Due = now.Add(max(retryAfter, backoff(d.Attempts)))
	d.Dead = d.Dead || now.Sub(d.Since) >= deliveryTimeout
	q.due = d.Due
	level := slog.LevelInfo
	if d.Dead {
		q.due, level = now, slog.LevelWarn
		w.counts.died()
	}
	w.log.Log(context.Background(), level, "delivery failed", "event", head.event.ID, "stage", q.stage, "attempt", d.Attempts, "dead", d.Dead, "error", why)
	if head.stored {
		w.progress.Failed = append(w.progress.Failed, d)
		w.markDirty(q)
		if d.Dead {
			q.stored--
			w.stored--
		}
		q.queue = nil // they are in the store
		return
	}
	w.park(q, d)
	head.done = true
	for _, p := range append(rest[1:], q.queue...) {
		w.park(q, ParkedDelivery{Event: p.event, Since: now})
		p.done = true
	}
	q.queue = nil
}

// backoff returns the pause after a number of attempts: doubling, with jitter, so that
// retries of many stages do not coincide.
func backoff(attempts int) time.Duration {
	d := maxBackoff
	if n := attempts - 1; n < 10 {
		d = min(d, minBackoff<<n)
	}
	return d/2 + rand.N(d/2)
}

func (w *targetWorker) park(q *stageQueue, d ParkedDelivery) {
	w.progress.Parked = append(w.progress.Parked, d)
	if !d.Dead {
		q.stored++
		w.stored++
	}
	w.markDirty(q)
}

func (w *targetWorker) markDirty(q *stageQueue) {
	q.unsaved++
	w.dirty = append(w.dirty, q)
}

// advance moves the cursor past the finished deliveries at the start of the window.
func (w *targetWorker) advance() {
	n := 0
	for n < len(w.window) && w.window[n].done {
		w.cursor = w.window[n].upTo
		n++
	}
	w.window = w.window[n:]
}
