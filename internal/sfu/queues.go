package sfu

import (
	"sync"
	"sync/atomic"

	"rostrum/internal/media"
)

// A burst is what one Publisher sent within about a millisecond, pictures before sound.
// The packets are immutable, so every shard may read them.
type burst struct {
	publisher *Publisher
	packets   []media.Packet
	history   bool // not new: what the publisher's rings held, for a shard that begins
}

const burstQueueSize = 1024

// A lane carries bursts from one shard to another: one writer, one reader, no lock.
type burstQueue struct {
	slots [burstQueueSize]burst
	_     [64]byte // head and tail on lines of their own
	head  atomic.Uint64
	_     [56]byte
	tail  atomic.Uint64
}

// push reports false when the reader is too far behind.
func (l *burstQueue) push(b burst) bool {
	tail := l.tail.Load()
	if tail-l.head.Load() == burstQueueSize {
		return false
	}
	l.slots[tail%burstQueueSize] = b
	l.tail.Store(tail + 1)
	return true
}

func (l *burstQueue) pop() (b burst, ok bool) {
	head := l.head.Load()
	if head == l.tail.Load() {
		return b, false
	}
	i := head % burstQueueSize
	b, l.slots[i] = l.slots[i], burst{}
	l.head.Store(head + 1)
	return b, true
}

func (l *burstQueue) empty() bool { return l.head.Load() == l.tail.Load() }

// A mailbox takes work for a shard's thread from anyone: joins, leaves, questions. Nothing
// that happens per packet goes through it, but datagrams that strayed.
type taskQueue struct {
	mu        sync.Mutex // guards what follows
	tasks     []func()
	misrouted int
	pending   atomic.Bool // work isn't empty
}

// maxStrays bounds the datagrams that wait for another shard.
const maxMisrouted = 2048

func (m *taskQueue) push(f func()) {
	m.mu.Lock()
	m.tasks = append(m.tasks, f)
	m.pending.Store(true)
	m.mu.Unlock()
}

// putStray is put for a datagram: it may be refused.
func (m *taskQueue) pushMisrouted(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.misrouted >= maxMisrouted {
		return false
	}
	m.misrouted++
	m.tasks = append(m.tasks, f)
	m.pending.Store(true)
	return true
}

func (m *taskQueue) takeAll() []func() {
	if !m.pending.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	work := m.tasks
	m.tasks, m.misrouted = nil, 0
	m.pending.Store(false)
	return work
}
