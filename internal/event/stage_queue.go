package event

import "time"

// A stageQueue holds the events of one stage for one target. One call of the sender at a
// time delivers them. While all succeed, the deliveries come from the log. When one fails,
// it and all later ones are parked in the store, and are loaded from there when they are
// due, until none is parked.
type stageQueue struct {
	stage string
	queue []*delivery // in memory, oldest first: all from the log, or all from the store
	due   time.Time   // of the first parked delivery

	stored  int // parked in the store, or about to be
	unsaved int // changes that the store does not have yet

	sending bool // a running call has its first deliveries
	loading bool // parked deliveries are being read
	loaded  bool // queue is from the store
	ready   bool // is in queueState.ready
	index   int  // in the heap of waiting queues; -1 while it is not in it
}

// A delivery is one event on its way to one target.
type delivery struct {
	event    Event
	upTo     int64 // cursor up to which no other event matches
	done     bool  // delivered, or parked
	stored   bool  // it is parked in the store
	attempts int
	since    time.Time // when it was parked
}

// queueHeap holds the queues with parked deliveries by due time, the earliest first
// (container/heap).
type queueHeap []*stageQueue

func (h queueHeap) Len() int           { return len(h) }
func (h queueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h queueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *queueHeap) Push(x any) {
	l := x.(*stageQueue)
	l.index = len(*h)
	*h = append(*h, l)
}

func (h *queueHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	l.index = -1
	*h = old[:len(old)-1]
	return l
}
