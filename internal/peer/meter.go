package peer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rostrum/realtime"
)

// A meter reports each second how one subscription does.
type meter struct {
	*viewer
	id        string
	began     time.Time
	latency   latencyMeter
	tracks    []*realtime.RemoteTrack // of all connections
	last      map[*realtime.RemoteTrack]realtime.ReceiveStats
	latencies []time.Duration // of the whole run

	changing sync.Mutex // guards what follows
	lost     time.Time  // when the last connection was lost
}

const (
	maxRunLatencies = 1_000_000 // of a run without end
	maxTracks       = 100       // of a run with many interruptions: the last ones
)

// changed reports the loss of the connection, and that it is back.
func (m *meter) changed(err error) {
	m.changing.Lock()
	defer m.changing.Unlock()
	if err != nil {
		m.lost = time.Now()
		m.report(ViewReport{Event: "interrupted", ParticipantID: m.id, Error: err.Error()})
		return
	}
	m.report(ViewReport{Event: "subscribed", ParticipantID: m.id, Elapsed: millis(time.Since(m.lost))})
}

func (m *meter) run(ctx context.Context, sub *realtime.Subscription) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			latencies := m.takeLatencies()
			for _, c := range m.measure(sub) {
				m.report(m.statistics("statistics", c, latencies, time.Second))
			}
		case <-sub.Done():
			return fmt.Errorf("receiving %s ended: %w", m.id, sub.Err())
		case <-ctx.Done():
			return nil
		}
	}
}

// takeLatencies returns those since the last call, and keeps them for the summary.
func (m *meter) takeLatencies() []time.Duration {
	latencies := m.latency.take()
	if len(m.latencies) < maxRunLatencies {
		m.latencies = append(m.latencies, latencies...)
	}
	return latencies
}

// A change is the statistics of a track at two times.
type change struct {
	track       *realtime.RemoteTrack
	before, now realtime.ReceiveStats
}

// measure reads the statistics of the current tracks, and reports when the first picture came.
func (m *meter) measure(sub *realtime.Subscription) []change {
	var all []change
	for _, t := range sub.Tracks() {
		if !slices.Contains(m.tracks, t) {
			m.tracks = append(m.tracks, t)
		}
		all = append(all, m.update(t))
	}
	for len(m.tracks) > maxTracks {
		delete(m.last, m.tracks[0])
		m.tracks = slices.Delete(m.tracks, 0, 1)
	}
	return all
}

func (m *meter) update(t *realtime.RemoteTrack) change {
	c := change{track: t, before: m.last[t], now: t.Stats()}
	m.last[t] = c.now
	if c.before.Keyframes == 0 && c.now.Keyframes > 0 {
		m.report(ViewReport{Event: "first-picture", ParticipantID: m.id, KeyframeWait: millis(c.now.KeyframeWait)})
	}
	return c
}

// summarize reports the whole run, each connection's tracks.
func (m *meter) summarize(sub *realtime.Subscription) {
	m.measure(sub)
	m.takeLatencies()
	for _, t := range m.tracks {
		c := m.update(t)
		m.mu.Lock()
		m.frames += c.now.Samples
		m.mu.Unlock()
		c.before = realtime.ReceiveStats{}
		m.report(m.statistics("summary", c, m.latencies, time.Since(m.began)))
	}
}

func (m *meter) statistics(event string, c change, latencies []time.Duration, over time.Duration) ViewReport {
	now, before := c.now, c.before
	r := ViewReport{
		Event: event, ParticipantID: m.id, Kind: c.track.Codec.Kind().String(), Codec: c.track.Codec.String(),
		Bitrate: uint64(8 * float64(now.Bytes-before.Bytes) / over.Seconds()), Packets: now.Packets - before.Packets, Lost: now.Lost - before.Lost,
		Jitter: millis(now.Jitter), Frames: now.Samples - before.Samples, Keyframes: now.Keyframes - before.Keyframes,
		FPS: float64(now.Samples-before.Samples) / over.Seconds(), Width: now.Width, Height: now.Height,
		Freezes: now.Freezes - before.Freezes, Frozen: millis(now.Frozen - before.Frozen), KeyframeWait: millis(now.KeyframeWait),
	}
	if len(latencies) > 0 && c.track.Codec.Kind() == realtime.Video {
		sorted := slices.Sorted(slices.Values(latencies))
		at := func(share float64) *float64 {
			ms := millis(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))])
			return &ms
		}
		r.LatencyMedian, r.LatencyP95, r.LatencyP99 = at(0.5), at(0.95), at(0.99)
	}
	return r
}
