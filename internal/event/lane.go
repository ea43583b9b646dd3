package event

import "time"

// A lane is the events of one stage on their way to one target: one call at a
// time carries them. Its deliveries are in memory, fresh from the log, as long
// as all goes well. Once one fails, it and all behind it are parked in the
// ledger, and come back from there when it is time, until none is parked.
type lane struct {
	stage string
	queue []*parcel // in memory, oldest first: all fresh, or all from the ledger
	due   time.Time // not before, while deliveries are parked

	stored    int // parked in the ledger, or on their way there
	unsettled int // changes that the ledger doesn't have yet

	sending bool // a call has its first parcels
	loading bool // parked ones are being read
	loaded  bool // queue is from the ledger
	ready   bool // stands in the carrier's ready
	index   int  // in the heap of those that wait, -1 while outside
}

// A parcel is one event to deliver.
type parcel struct {
	event    Event
	upTo     int64 // cursor up to which nothing else is wanted
	done     bool  // delivered, or parked
	stored   bool  // it stands in the ledger
	attempts int
	since    time.Time // when it was parked
}

// laneHeap is the lanes whose parked deliveries wait for their time, the
// earliest first (container/heap).
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.index = len(*h)
	*h = append(*h, l)
}

func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	l.index = -1
	*h = old[:len(old)-1]
	return l
}
