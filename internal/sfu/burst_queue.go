package sfu

import (
	"sync/atomic"

	"rostrum/internal/media"
)

// burst is what one Publisher sent within about a millisecond, video before audio. The
// packets are immutable, so that every shard may read them.
type burst struct {
	publisher *Publisher
	packets   []media.Packet
	history   bool // kept packets for a shard's first subscriber, not new ones
}

const burstQueueSize = 1024

// burstQueue carries bursts from one shard to another. It is a lock-free queue with a single
// producer and a single consumer (SPSC).
type burstQueue struct {
	slots [burstQueueSize]burst
	_     [64]byte // head and tail are on cache lines of their own
	head  atomic.Uint64
	_     [56]byte
	tail  atomic.Uint64
}

// push reports false when the queue is full.
func (q *burstQueue) push(b burst) bool {
	tail := q.tail.Load()
	if tail-q.head.Load() == burstQueueSize {
		return false
	}
	q.slots[tail%burstQueueSize] = b
	q.tail.Store(tail + 1)
	return true
}

func (q *burstQueue) pop() (b burst, ok bool) {
	head := q.head.Load()
	if head == q.tail.Load() {
		return b, false
	}
	i := head % burstQueueSize
	b, q.slots[i] = q.slots[i], burst{}
	q.head.Store(head + 1)
	return b, true
}

func (q *burstQueue) empty() bool { return q.head.Load() == q.tail.Load() }
