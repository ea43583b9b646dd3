package stage

import "sync"

// An inbox holds the functions that a session's goroutine has to run, in
// order. put never blocks, so that sessions can post to each other and the
// media engine to all of them. Senders bound its length: each request waits
// for its answer, each connection reports a few changes in its life.
type inbox struct {
	ready chan struct{} // has a value when the queue may not be empty

	mu     sync.Mutex // guards what follows
	queue  []func()
	closed bool
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// put reports false when the session ended and f will never run.
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

// take empties the inbox, up to what one transaction can carry.
func (b *inbox) take() []func() {
	const maxBatch = 512
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) <= maxBatch {
		all := b.queue
		b.queue = nil
		return all
	}
	some := b.queue[:maxBatch:maxBatch]
	b.queue = b.queue[maxBatch:]
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return some
}

// close refuses further functions. What the queue holds can still be taken.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
