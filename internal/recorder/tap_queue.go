package recorder

import (
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

const (
	maxPackets  = 4096 // that may wait for the recorder
	keptPackets = 256  // for which the queue keeps memory
	fewPackets  = 128  // fewer wait for the recorder's tick: to wake it costs more than to record one
)

// A tapped packet is one of a participant, and when it arrived.
type tapped struct {
	packet media.Packet
	at     time.Time
	kind   media.Kind
}

// A tapQueue has the packets of a participant that wait for the recorder. What does not fit is
// dropped, which the reader sees by the numbers. Few packets wait, unless the disk is slow: the
// queue is as large as they need.
type tapQueue struct {
	arrived chan struct{} // has an element while more than a few packets wait
	dropped *atomic.Uint64

	mu      sync.Mutex // guards what follows
	packets []tapped
}

func newTapQueue(dropped *atomic.Uint64) *tapQueue {
	return &tapQueue{arrived: make(chan struct{}, 1), dropped: dropped}
}

func (q *tapQueue) add(p tapped) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.packets) == maxPackets {
		q.dropped.Add(1)
		return
	}
	if q.packets = append(q.packets, p); len(q.packets) < fewPackets {
		return
	}
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// take takes all packets. The next ones use the memory of those taken before, which are done.
func (q *tapQueue) take(done []tapped) []tapped {
	clear(done)
	if done = done[:0]; cap(done) > keptPackets {
		done = nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.packets
	q.packets = done
	return taken
}

func (q *tapQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.packets)
}

// A tapSink queues the packets of one kind of media.
type tapSink struct {
	publisher *sfu.Publisher
	queue     *tapQueue
	kind      media.Kind
}

// Write implements sfu.Sink.
func (s *tapSink) Write(p media.Packet) error {
	s.queue.add(tapped{p, s.publisher.ArrivedAt(p), s.kind})
	return nil
}
