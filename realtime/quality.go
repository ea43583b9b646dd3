package realtime

import (
	"context"
	"slices"
	"time"

	"rostrum/internal/wire"
)

const qualityInterval = 5 * time.Second // between two reports

// A qualityReporter summarizes what the tracks of a stage sent and received.
type qualityReporter struct {
	stage    *Stage
	measured time.Time
	sent     map[*LocalTrack]SendStats
	received map[*RemoteTrack]ReceiveStats
}

// reportQuality reports to the server until ctx ends.
func (s *Stage) reportQuality(ctx context.Context) {
	r := &qualityReporter{stage: s, measured: time.Now()}
	tick := time.NewTicker(qualityInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if q, ok := r.summarize(time.Now()); ok {
			_ = s.socket.send(ctx, s.attachment, q) // without a socket there is nothing to report to
		}
	}
}

// summarize is about the time since the last call. It reports false without media.
func (r *qualityReporter) summarize(now time.Time) (q wire.Quality, ok bool) {
	s := r.stage
	s.mu.Lock()
	publication, subscriptions := s.publication, slices.Clone(s.subscriptions)
	s.mu.Unlock()
	passed := now.Sub(r.measured).Seconds()
	r.measured = now
	q.Interval = passed * 1000
	sent, received := map[*LocalTrack]SendStats{}, map[*RemoteTrack]ReceiveStats{}
	if publication != nil && publication.Err() == nil {
		q.Sent = &wire.MediaQuality{}
		for _, t := range publication.Tracks() {
			sent[t] = t.Stats()
			addSent(q.Sent, t, r.sent[t], sent[t], passed)
		}
	}
	for _, sub := range subscriptions {
		if sub.Err() != nil {
			continue
		}
		if q.Received == nil {
			q.Received = &wire.MediaQuality{}
		}
		for _, t := range sub.Tracks() {
			received[t] = t.Stats()
			addReceived(q.Received, t, r.received[t], received[t], passed)
		}
	}
	r.sent, r.received = sent, received
	return q, q.Sent != nil || q.Received != nil
}

func addSent(m *wire.MediaQuality, t *LocalTrack, before, now SendStats, passed float64) {
	m.Bitrate += 8 * float64(now.Bytes-before.Bytes) / passed
	if t.codec.Kind() == Video {
		m.FrameRate = float64(now.Samples-before.Samples) / passed / float64(t.Layers())
		m.Codec = t.codec.String()
	}
}

// addReceived adds a track: the sum of the bitrates, the worst of the rest.
func addReceived(m *wire.MediaQuality, t *RemoteTrack, before, now ReceiveStats, passed float64) {
	m.Bitrate += 8 * float64(now.Bytes-before.Bytes) / passed
	lost, packets := float64(now.Lost-before.Lost), float64(now.Packets-before.Packets)
	if lost > 0 {
		m.Loss = max(m.Loss, lost/(lost+packets))
	}
	m.Jitter = max(m.Jitter, float64(now.Jitter)/float64(time.Millisecond))
	if t.Codec.Kind() != Video {
		return
	}
	m.FrameRate = max(m.FrameRate, float64(now.Samples-before.Samples)/passed)
	m.Height = max(m.Height, float64(now.Height))
	m.Freezes += float64(now.Freezes - before.Freezes)
	m.Frozen += float64(now.Frozen-before.Frozen) / float64(time.Millisecond)
	m.Codec = t.Codec.String()
}
