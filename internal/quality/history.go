package quality

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rostrum/internal/bus"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/wire"
)

const (
	interval = 5 * time.Second // between samples
	fine     = time.Hour       // how long these are kept; after that there is one a minute
	maxBytes = 1 << 30         // of the history

	// minReportInterval is the least time between two reports of a client: others are ignored.
	minReportInterval = interval / 2
	// maxParticipants bounds those that have samples in memory, at up to 16 KB each.
	maxParticipants = 20_000
	// flushDelay lets reports on the end of a minute arrive before it is stored.
	flushDelay = interval
	// flushRows are stored in one transaction, so that no other write waits long for it.
	flushRows = 200
	// closeTimeout bounds storing the rest when the server stops.
	closeTimeout = 2 * time.Second
	// joinInterval is the time between two searches for minutes to join to hours.
	joinInterval = 15 * time.Minute
)

// A Load is how busy this node is. The figures are totals since its start.
type Load struct {
	CPUSeconds float64
	Drops      uint64 // packets that it dropped because it was too busy
}

// Sources are what a History samples.
type Sources struct {
	Media func() []stage.MediaSample
	Load  func() Load
}

// A History takes samples, stores them, and answers what happened. It is safe for concurrent
// use.
type History struct {
	store *store.Store
	cfg   Config
	log   *slog.Logger

	mu   sync.Mutex // guards what follows
	open map[participantKey]*buffer
}

type participantKey struct{ session, participant string }

// A buffer has the samples of a participant that are not stored yet: two minutes at most.
type buffer struct {
	Block
	reportedAt time.Time // by its client
	touchedAt  time.Time
	storedTo   time.Time // the next row begins here or later
}

// A Config is what a History needs beside its store.
type Config struct {
	Age    time.Duration // how long it is kept
	NodeID string        // of this process
	Bus    *bus.Bus      // asks other nodes; nil where there are none
	Log    *slog.Logger
}

// NewHistory returns a history that is kept in a store.
func NewHistory(s *store.Store, cfg Config) *History {
	h := &History{store: s, cfg: cfg, log: cfg.Log, open: map[participantKey]*buffer{}}
	if cfg.Bus != nil {
		h.serveBus(cfg.Bus)
	}
	return h
}

// Report implements [stage.Quality].
func (h *History) Report(of stage.Reporter, q wire.Quality) { h.report(of, q, time.Now()) }

func (h *History) report(of stage.Reporter, q wire.Quality, now time.Time) {
	sent, received, details := reported(q)
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.buffer(of, now)
	if b == nil || now.Sub(b.reportedAt) < minReportInterval {
		return
	}
	b.reportedAt = now
	b.Details.add(details)
	if received != nil {
		b.addFreeze(entryFreeze, received.Frozen, now)
	}
	at := now.Truncate(interval).Add(interval) // the samples of the server follow
	for _, m := range []struct {
		to *[]Sample
		s  *Sample
	}{{&b.Sent, sent}, {&b.Received, received}} {
		if m.s != nil {
			m.s.At = at
			addSample(m.to, *m.s)
		}
	}
}

// buffer returns that of a participant, nil if there are too many; h.mu is held.
func (h *History) buffer(of stage.Reporter, now time.Time) *buffer {
	key := participantKey{of.SessionID, of.ParticipantID}
	b := h.open[key]
	if b == nil {
		if len(h.open) >= maxParticipants {
			return nil
		}
		b = &buffer{}
		h.open[key] = b
	}
	b.touchedAt = now
	return b
}

// addSample adds a report on the interval that ends at the sample's time. Client and server
// report on the same one.
func addSample(to *[]Sample, s Sample) {
	s.Interval = int(interval / time.Second)
	all := *to
	if n := len(all); n > 0 && !all[n-1].At.Before(s.At) {
		all[n-1].combine(&s)
		return
	}
	*to = append(all, s)
}

// Run takes samples and stores them until ctx ends; then it stores the rest.
func (h *History) Run(ctx context.Context, from Sources) error {
	t := &sampler{history: h, from: from}
	timer := time.NewTimer(untilNext(time.Now()))
	defer timer.Stop()
	var maintenance sync.WaitGroup
	maintenance.Go(func() { h.runMaintenance(ctx) })
	maintenance.Go(func() { t.stalls.run(ctx) })
	defer maintenance.Wait()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			h.flush(last, time.Now().Add(time.Hour))
			return nil
		case <-timer.C:
		}
		now := time.Now()
		t.sample(now)
		h.flush(ctx, now)
		timer.Reset(untilNext(time.Now()))
	}
}

func untilNext(now time.Time) time.Duration { return now.Truncate(interval).Add(interval).Sub(now) }

// A sampler takes the server's half of the samples.
type sampler struct {
	history   *History
	from      Sources
	collector collector
	load      Load
	at        time.Time // of the last sample
	stalls    stallMeter
}

func (t *sampler) sample(now time.Time) {
	media, load := t.from.Media(), t.from.Load()
	percent, drops := t.busy(load, now)
	stalled := int(t.stalls.take() / time.Millisecond)
	at := now.Truncate(interval)
	h := t.history
	h.mu.Lock()
	defer h.mu.Unlock()
	t.collector.collect(media, func(of stage.Reporter, sent bool, s Sample) {
		b := h.buffer(of, now)
		if b == nil {
			return
		}
		s.At, s.Load, s.ServerDrops, s.Stalled = at, percent, drops, stalled
		s.clamp()
		if s.KeyframeWait >= int(minKeyframeWait/time.Millisecond) && now.Sub(b.reportedAt) > 3*interval { // a client that reports tells of freezes itself
			b.addFreeze(entryKeyframeWait, s.KeyframeWait, at)
		}
		if sent {
			addSample(&b.Sent, s)
		} else {
			addSample(&b.Received, s)
		}
	})
}

// scarce is the share of the processors, in percent, above which the load is recorded.
const scarce = 80

// busy returns the load since the last sample, 0 while it matters to nobody.
func (t *sampler) busy(load Load, now time.Time) (percent, drops int) {
	before, since := t.load, now.Sub(t.at)
	first := t.at.IsZero()
	t.load, t.at = load, now
	if first || since <= 0 {
		return 0, 0
	}
	percent = int(100 * (load.CPUSeconds - before.CPUSeconds) / since.Seconds() / float64(sfu.Processors()))
	if percent < scarce {
		percent = 0
	}
	return percent, int(load.Drops - before.Drops)
}

// flush stores the minutes that are over.
func (h *History) flush(ctx context.Context, now time.Time) {
	rows := h.takeRows(now)
	for len(rows) > 0 {
		n := min(len(rows), flushRows)
		if err := h.store.Write(ctx, func(tx *store.Tx) error { return tx.PutQuality(rows[:n]) }); err != nil {
			if ctx.Err() == nil {
				h.log.Warn("quality history is lost", "error", err)
			}
			return
		}
		rows = rows[n:]
	}
}

// takeRows takes the samples of minutes that are over.
func (h *History) takeRows(now time.Time) (rows []store.QualityRow) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := now.Add(-flushDelay).Truncate(time.Minute)
	for key, b := range h.open {
		rows = append(rows, b.takeRows(key, end)...)
		if b.isEmpty() && now.Sub(b.touchedAt) > 2*time.Minute {
			delete(h.open, key)
		}
	}
	return rows
}

// takeRows takes the samples of minutes that ended by end: as a rule one.
func (b *buffer) takeRows(key participantKey, end time.Time) (rows []store.QualityRow) {
	for !b.isEmpty() {
		start := b.firstMinute()
		if start.Before(b.storedTo) { // a freeze began before it was reported
			start = b.storedTo
		}
		if !start.Before(end) {
			break
		}
		block := Block{Details: b.Details}
		block.Sent, b.Sent = cut(b.Sent, start.Add(time.Minute))
		block.Received, b.Received = cut(b.Received, start.Add(time.Minute))
		block.Timeline, b.Timeline = cutTimeline(b.Timeline, start.Add(time.Minute))
		b.storedTo = start.Add(time.Minute)
		rows = append(rows, store.QualityRow{SessionID: key.session, ParticipantID: key.participant, Span: time.Minute, Start: start, Data: pack(&block)})
	}
	return rows
}

func (b *Block) isEmpty() bool { return len(b.Sent)+len(b.Received)+len(b.Timeline) == 0 }

// firstMinute is the minute in which a block begins that is not empty.
func (b *Block) firstMinute() (first time.Time) {
	earlier := func(minute time.Time) {
		if first.IsZero() || minute.Before(first) {
			first = minute
		}
	}
	for _, l := range [][]Sample{b.Sent, b.Received} {
		if len(l) > 0 { // a sample belongs to the minute that it ends in
			earlier(l[0].At.Add(-time.Nanosecond).Truncate(time.Minute))
		}
	}
	if len(b.Timeline) > 0 {
		earlier(b.Timeline[0].At.Truncate(time.Minute))
	}
	return first
}

// cut divides samples at a moment. The later ones get memory of their own.
func cut(all []Sample, at time.Time) (before, after []Sample) {
	n := 0
	for n < len(all) && !all[n].At.After(at) {
		n++
	}
	return all[:n], append([]Sample(nil), all[n:]...)
}
