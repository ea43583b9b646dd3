package sfu

import (
	"sync"
	"sync/atomic"
)

// taskQueue takes functions for a shard's thread from any goroutine: transports that begin or
// end, and queries. Of what happens per packet only misrouted datagrams pass through it.
type taskQueue struct {
	mu        sync.Mutex // guards what follows
	tasks     []func()
	misrouted int         // among tasks
	pending   atomic.Bool // tasks is not empty
}

// maxMisrouted bounds the datagrams that wait for another shard.
const maxMisrouted = 2048

func (q *taskQueue) push(f func()) {
	q.mu.Lock()
	q.tasks = append(q.tasks, f)
	q.pending.Store(true)
	q.mu.Unlock()
}

// pushMisrouted is push for a datagram. It reports false when too many wait.
func (q *taskQueue) pushMisrouted(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.misrouted >= maxMisrouted {
		return false
	}
	q.misrouted++
	q.tasks = append(q.tasks, f)
	q.pending.Store(true)
	return true
}

func (q *taskQueue) takeAll() []func() {
	if !q.pending.Load() {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	tasks := q.tasks
	q.tasks, q.misrouted = nil, 0
	q.pending.Store(false)
	return tasks
}
