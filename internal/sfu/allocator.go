package sfu

import "time"

const (
	allocateInterval = 200 * time.Millisecond
	allocateBatch    = 64 // viewers in one step
	maxUrgentViewers = 256
)

// allocator decides for every viewer which layer of each video flows. It runs in a goroutine
// of its own, reads what shards publish, stores its decisions where shards read them, and
// never touches a packet.
type allocator struct {
	core    *core
	routers func() []*Router
	urgent  chan *Viewer // viewers that cannot wait for the next round

	// The current round.
	waiting  []*Viewer
	visited  []*Router
	interval time.Duration // between steps
}

func newAllocator(c *core, routers func() []*Router) *allocator {
	return &allocator{core: c, routers: routers, urgent: make(chan *Viewer, maxUrgentViewers)}
}

func (a *allocator) run() {
	defer a.core.wg.Done()
	timer := time.NewTimer(allocateInterval)
	defer timer.Stop()
	for {
		select {
		case <-a.core.ctx.Done():
			return
		case v := <-a.urgent:
			v.allocateOrEnd(a.core.now())
		case <-timer.C:
			timer.Reset(a.step())
		}
	}
}

// step allocates for the next viewers of the round and returns when the next step is due. A
// round is spread over its interval: on one processor, a large round at once would delay
// packets.
func (a *allocator) step() time.Duration {
	if len(a.waiting) == 0 {
		a.startRound()
	}
	now := a.core.now()
	n := min(allocateBatch, len(a.waiting))
	for _, v := range a.waiting[:n] {
		v.allocateOrEnd(now)
	}
	if a.waiting = a.waiting[n:]; len(a.waiting) > 0 {
		return a.interval
	}
	for _, r := range a.visited {
		for _, p := range *r.publisherList.Load() {
			p.updateUnused(now)
		}
	}
	a.waiting, a.visited = nil, nil // keeps no viewer in memory that has left
	return a.interval
}

func (a *allocator) startRound() {
	a.visited = a.routers()
	for _, r := range a.visited {
		a.waiting = append(a.waiting, r.viewerList()...)
	}
	a.interval = allocateInterval / time.Duration(max(1, (len(a.waiting)+allocateBatch-1)/allocateBatch))
}
