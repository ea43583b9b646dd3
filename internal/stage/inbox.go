package stage

import "sync"

// An inbox holds what a session's goroutine has still to do, in order. Putting
// something in never waits, so that sessions can write to each other and the
// media engine to all of them. Its length is bounded by those who write: each
// request waits for its answer, each connection reports a few changes in its life.
type inbox struct {
	ready chan struct{} // has a value when there may be something to take

	mu     sync.Mutex // guards what follows
	queue  []func()
	closed bool
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// put reports false when the session is over and f will never run.
func (b *inbox) put(f func()) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.queue = append(b.queue, f)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return true
}

// take empties the inbox, up to a number that one transaction can carry.
func (b *inbox) take() []func() {
	const most = 512
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) <= most {
		all := b.queue
		b.queue = nil
		return all
	}
	some := b.queue[:most:most]
	b.queue = b.queue[most:]
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return some
}

// close refuses what comes from now on. What had come is left for take.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
