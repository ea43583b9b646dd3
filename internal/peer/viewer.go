package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/wire"
)

// A ViewerConfig says which publishers of a stage are received, and how.
type ViewerConfig struct {
	Token    Token
	Endpoint Endpoint // of another WHEP server, instead of what the token says

	Participant string // the publisher; empty is the first who publishes
	All         bool   // every publisher, as they come and go
	File        string // write what is received there
	AudioOnly   bool
	Layer       string // ask for this layer; empty lets the server choose

	Network  Network
	Duration time.Duration // 0 has no end
	Rejoin   time.Duration // how long to try to come back; 0 ends with the first connection
}

// errNoFrames ends a viewer that had nothing to decode.
var errNoFrames = errors.New("nothing was received: no frame could be decoded")

// A viewer is one run of RunViewer.
type viewer struct {
	ViewerConfig
	report func(ViewReport)
	events *Events         // of the token; nil unless publishers are followed
	stop   context.Context // ends when the caller stops, and not with the duration

	mu     sync.Mutex // guards what follows
	frames uint64
}

// RunViewer receives until ctx, the duration or the publisher ends. Without a duration the
// end of the publisher is an error unless all are received; that nothing was received
// always is.
func RunViewer(ctx context.Context, c ViewerConfig, report func(ViewReport)) error {
	timed := ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	v := &viewer{ViewerConfig: c, report: report, stop: ctx}
	var err error
	switch {
	case c.Endpoint.URL != "":
		err = v.watch(timed, c.Endpoint.URL, c.Endpoint)
	case c.Participant != "":
		err = v.watchParticipant(timed, c.Participant)
	default:
		err = v.follow(timed)
	}
	if err == nil && !v.sawFrames() && ctx.Err() == nil {
		err = errNoFrames
	}
	return err
}

func (v *viewer) sawFrames() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames > 0
}

// follow watches all publishers of the stage, or the first.
func (v *viewer) follow(ctx context.Context) error {
	events, err := NewEvents(v.Token, nil)
	if err != nil {
		return err
	}
	v.events = events
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first sync.Once
	var watched error // of the first, if only one is watched
	err = Follow(ctx, v.Token, events, nil, func(present context.Context, m wire.Participant) {
		if v.All {
			if err := v.watchParticipant(present, m.ID); err != nil && present.Err() == nil {
				v.report(ViewReport{Event: "error", ParticipantID: m.ID, Error: err.Error()})
			}
			return
		}
		first.Do(func() {
			// With ctx and not with present: after a restart of the server, viewers that
			// reconnect first get PUBLISHER_NOT_FOUND.
			watched = v.watchParticipant(ctx, m.ID)
			cancel()
		})
	})
	return errors.Join(err, watched)
}

func (v *viewer) watchParticipant(ctx context.Context, id string) error {
	at, err := v.Token.SubscribeAt(id)
	if err != nil {
		return err
	}
	at.Events = v.events
	return v.watch(ctx, id, at)
}

// watch receives one publisher until ctx ends, which is no error. A file is not continued
// after an interruption.
func (v *viewer) watch(ctx context.Context, id string, at Endpoint) error {
	if v.File != "" {
		recording := NewRecording(v.File)
		_, err := v.subscribe(ctx, id, at, recording.Write)
		if closing := recording.Close(); closing != nil {
			return errors.Join(err, fmt.Errorf("%s: %w", v.File, closing))
		}
		return err
	}
	interrupted := func(err error) {
		v.report(ViewReport{Event: "interrupted", ParticipantID: id, Error: err.Error()})
	}
	return rejoin(ctx, v.Rejoin, interrupted, func(ctx context.Context) (Ending, error) {
		return v.subscribe(ctx, id, at, nil)
	})
}

// subscribe receives a publisher through one connection.
func (v *viewer) subscribe(ctx context.Context, id string, at Endpoint, take func(*Inlet, Received)) (Ending, error) {
	began := time.Now()
	sub, err := Subscribe(ctx, at, SubscribeConfig{Network: v.Network, AudioOnly: v.AudioOnly, OnFrame: take})
	if err != nil {
		if ctx.Err() != nil {
			return "", nil
		}
		return "", err
	}
	m := meter{viewer: v, id: id, sub: sub, began: time.Now(), last: map[*Inlet]Stats{}}
	v.report(ViewReport{Event: "subscribed", ParticipantID: id, Elapsed: millis(time.Since(began))})
	if v.Layer != "" {
		if _, err := sub.ChooseLayer(ctx, v.Layer); err != nil {
			return ClosedByUs, errors.Join(fmt.Errorf("choose layer %s: %w", v.Layer, err), sub.Close())
		}
	}
	err = m.run(ctx)
	if closing := sub.Close(); v.stop.Err() == nil {
		err = errors.Join(err, closing)
	}
	m.summarize()
	return sub.Ending(), err
}

// A meter reports each second how one subscription does.
type meter struct {
	*viewer
	id        string
	sub       *Subscription
	began     time.Time
	last      map[*Inlet]Stats
	latencies []time.Duration // of the whole run
}

// maxRunLatencies bounds the memory of a run without end.
const maxRunLatencies = 1_000_000

func (m *meter) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, c := range m.measure() {
				m.report(m.statistics("statistics", c, c.now.Latencies, time.Second))
			}
		case <-m.sub.Done():
			return fmt.Errorf("receiving %s ended: %w", m.id, m.sub.Err())
		case <-ctx.Done():
			return nil
		}
	}
}

// A change is the statistics of an inlet at two times.
type change struct {
	in          *Inlet
	before, now Stats
}

// measure reads the statistics of all inlets, and reports when the first picture came.
func (m *meter) measure() []change {
	var all []change
	for _, in := range m.sub.Inlets() {
		c := change{in: in, before: m.last[in], now: in.Stats()}
		m.last[in] = c.now
		if c.before.Keyframes == 0 && c.now.Keyframes > 0 {
			m.report(ViewReport{Event: "first-picture", ParticipantID: m.id, KeyframeWait: millis(c.now.KeyframeWait)})
		}
		if len(m.latencies) < maxRunLatencies {
			m.latencies = append(m.latencies, c.now.Latencies...)
		}
		all = append(all, c)
	}
	return all
}

// summarize reports the whole run.
func (m *meter) summarize() {
	for _, c := range m.measure() {
		m.mu.Lock()
		m.frames += c.now.Frames
		m.mu.Unlock()
		c.before = Stats{}
		latencies := m.latencies
		if c.in.Codec.Kind() == media.Audio {
			latencies = nil
		}
		m.report(m.statistics("summary", c, latencies, time.Since(m.began)))
	}
}

func (m *meter) statistics(event string, c change, latencies []time.Duration, over time.Duration) ViewReport {
	now, before := c.now, c.before
	r := ViewReport{
		Event: event, ParticipantID: m.id, Kind: c.in.Codec.Kind().String(), Codec: c.in.Codec.String(),
		Bitrate: uint64(8 * float64(now.Bytes-before.Bytes) / over.Seconds()), Packets: now.Packets - before.Packets, Lost: now.Lost - before.Lost,
		Jitter: millis(now.Jitter), Frames: now.Frames - before.Frames, Keyframes: now.Keyframes - before.Keyframes,
		FPS: float64(now.Frames-before.Frames) / over.Seconds(), Width: now.Width, Height: now.Height,
		Freezes: now.Freezes - before.Freezes, Frozen: millis(now.Frozen - before.Frozen), KeyframeWait: millis(now.KeyframeWait),
	}
	if len(latencies) > 0 {
		sorted := slices.Sorted(slices.Values(latencies))
		at := func(share float64) *float64 {
			ms := millis(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))])
			return &ms
		}
		r.LatencyMedian, r.LatencyP95, r.LatencyP99 = at(0.5), at(0.95), at(0.99)
	}
	return r
}
