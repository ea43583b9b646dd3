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
	held      bool // not new: what the publisher's rings held, for a shard that begins
}

const laneSize = 1024

// A lane carries bursts from one shard to another: one writer, one reader, no lock.
type lane struct {
	slots [laneSize]burst
	_     [64]byte // head and tail on lines of their own
	head  atomic.Uint64
	_     [56]byte
	tail  atomic.Uint64
}

// push reports false when the reader is too far behind.
func (l *lane) push(b burst) bool {
	tail := l.tail.Load()
	if tail-l.head.Load() == laneSize {
		return false
	}
	l.slots[tail%laneSize] = b
	l.tail.Store(tail + 1)
	return true
}

func (l *lane) pop() (b burst, ok bool) {
	head := l.head.Load()
	if head == l.tail.Load() {
		return b, false
	}
	i := head % laneSize
	b, l.slots[i] = l.slots[i], burst{}
	l.head.Store(head + 1)
	return b, true
}

func (l *lane) empty() bool { return l.head.Load() == l.tail.Load() }

// A mailbox takes work for a shard's thread from anyone: joins, leaves, questions. Nothing
// that happens per packet goes through it, but datagrams that strayed.
type mailbox struct {
	mu     sync.Mutex // guards what follows
	work   []func()
	strays int
	waits  atomic.Bool // work isn't empty
}

// maxStrays bounds the datagrams that wait for another shard.
const maxStrays = 2048

func (m *mailbox) put(f func()) {
	m.mu.Lock()
	m.work = append(m.work, f)
	m.waits.Store(true)
	m.mu.Unlock()
}

// putStray is put for a datagram: it may be refused.
func (m *mailbox) putStray(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.strays >= maxStrays {
		return false
	}
	m.strays++
	m.work = append(m.work, f)
	m.waits.Store(true)
	return true
}

func (m *mailbox) takeAll() []func() {
	if !m.waits.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	work := m.work
	m.work, m.strays = nil, 0
	m.waits.Store(false)
	return work
}
