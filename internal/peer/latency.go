package peer

import (
	"sync"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

const (
	maxLatencies = 4096        // between two calls of take
	ignoredStart = time.Second // of latencies: a server may begin with older pictures
)

// A latencyMeter measures from drawing to arrival, by the marks of the test pattern, without
// the first second of each track.
type latencyMeter struct {
	mu        sync.Mutex // guards what follows
	began     map[*realtime.RemoteTrack]time.Time
	latencies []time.Duration
}

// add takes a received sample.
func (m *latencyMeter) add(t *realtime.RemoteTrack, r realtime.Received) {
	if t.Codec != realtime.H264 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began == nil {
		m.began = map[*realtime.RemoteTrack]time.Time{}
	}
	if _, known := m.began[t]; !known {
		clear(m.began) // of a former connection
		m.began[t] = r.Arrived
	}
	mark, ok := testpattern.Find(r.Data)
	if ok && r.Arrived.Sub(m.began[t]) >= ignoredStart && len(m.latencies) < maxLatencies {
		m.latencies = append(m.latencies, r.Arrived.Sub(mark.Sent))
	}
}

// take returns the latencies since the last call.
func (m *latencyMeter) take() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.latencies
	m.latencies = nil
	return all
}
