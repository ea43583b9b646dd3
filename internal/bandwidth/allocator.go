package bandwidth

import "slices"

// Request is what one video subscription asks of the viewer's bandwidth.
type Request struct {
	Priority int   // higher is served first
	Bitrates []int // of each layer, the smallest layer first
	MaxLayer int   // index of the best layer that is wanted; beyond the last means any
	Current  int   // index of the layer that flows, NoLayer when none does
}

// NoLayer is the layer of a subscription that gets nothing.
const NoLayer = -1

const (
	// upgradePercent is the share of a layer's bitrate that must be free before the layer is
	// newly allocated. The margin keeps a wandering estimate from switching back and forth.
	upgradePercent = 115

	// keepPercent is the share of its bitrate at which a smallest layer that flows is kept.
	// An estimate that has just backed off is below what arrives, and a poor picture is
	// better than none.
	keepPercent = 60
)

func (r *Request) allows(layer int) bool {
	return layer < len(r.Bitrates) && layer <= r.MaxLayer
}

// cost returns what a layer costs more than the one below it, and how much bandwidth must be
// left to allocate it.
func (r *Request) cost(layer int) (cost, needed int) {
	bitrate, below := r.Bitrates[layer], 0
	if layer > 0 {
		below = r.Bitrates[layer-1]
	}
	switch {
	case layer > r.Current:
		needed = bitrate*upgradePercent/100 - below
	case layer == 0:
		needed = bitrate * keepPercent / 100
	default:
		needed = bitrate - below
	}
	return bitrate - below, needed
}

// allocation is the state of one call of Allocate.
type allocation struct {
	requests []Request
	layers   []int
	budget   int
	left     int
	next     int
}

// Allocate divides budget among the requests and returns a layer for each. Every request
// gets its smallest layer before any gets a better one. Then the requests of the highest
// priority are upgraded together, one layer at a time, before lower priorities are. No
// request gets more than its MaxLayer. next is the budget at which some request would get
// more, 0 if none would.
func Allocate(budget int, requests []Request) (layers []int, next int) {
	a := allocation{requests: requests, layers: make([]int, len(requests)), budget: budget, left: budget}
	order := make([]int, len(requests))
	for i := range requests {
		a.layers[i], order[i] = NoLayer, i
	}
	slices.SortStableFunc(order, func(x, y int) int { return requests[y].Priority - requests[x].Priority })
	a.upgrade(order)
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && requests[order[to]].Priority == requests[order[from]].Priority {
			to++
		}
		equals := slices.DeleteFunc(slices.Clone(order[from:to]), func(i int) bool { return a.layers[i] == NoLayer })
		for a.upgrade(equals) {
		}
		from = to
	}
	return a.layers, a.next
}

// upgrade gives each of some requests its next layer, as far as the budget allows. It
// reports whether any got one.
func (a *allocation) upgrade(indices []int) (upgraded bool) {
	for _, i := range indices {
		layer := a.layers[i] + 1
		if !a.requests[i].allows(layer) {
			continue
		}
		cost, needed := a.requests[i].cost(layer)
		if needed <= a.left {
			a.layers[i], upgraded = layer, true
			a.left -= cost
		} else if a.next == 0 {
			a.next = a.budget - a.left + needed
		}
	}
	return upgraded
}
