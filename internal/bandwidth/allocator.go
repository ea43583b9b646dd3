package bandwidth

import "slices"

// A Claim is what one subscription to video asks of the viewer's bandwidth.
type Request struct {
	Priority int   // greater goes first
	Bitrates []int // bits a second, smallest layer first
	MaxLayer int   // index of the best layer that is wished; beyond the last means any
	Current  int   // index of the layer that flows, None when nothing does
}

// None is the layer of a claim that gets nothing.
const NoLayer = -1

const (
	// climb is the percentage of its cost that must be free for a layer to be newly given, so
	// that estimates that wander don't make it come and go.
	upgradePercent = 115

	// cling is the percentage of its cost at which a smallest layer that flows is kept: an
	// estimate that has just backed off lies below what arrives, and a poor picture beats none.
	keepPercent = 60
)

func (c *Request) allows(step int) bool {
	return step < len(c.Bitrates) && step <= c.MaxLayer
}

// cost is what a step costs beyond the one below; need is what has to be left for it.
func (c *Request) cost(step int) (cost, need int) {
	cost, below := c.Bitrates[step], 0
	if step > 0 {
		below = c.Bitrates[step-1]
	}
	switch {
	case step > c.Current:
		need = cost*upgradePercent/100 - below
	case step == 0:
		need = cost * keepPercent / 100
	default:
		need = cost - below
	}
	return cost - below, need
}

// Allot shares budget bits a second among the claims and returns a layer for each. Everyone
// gets a smallest layer before anyone gets a better one. Then those of the greatest priority
// grow, step by step together, before others do. Nobody gets a layer beyond its Most. next
// is the budget at which somebody would get more, 0 if nobody would.
func Allocate(budget int, requests []Request) (layers []int, next int) {
	layers = make([]int, len(requests))
	order := make([]int, len(requests))
	for i := range requests {
		layers[i], order[i] = NoLayer, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return requests[b].Priority - requests[a].Priority })
	left := budget
	// grow gives each of some claims its next step, as far as the budget goes.
	grow := func(some []int) (grew bool) {
		for _, i := range some {
			step := layers[i] + 1
			if !requests[i].allows(step) {
				continue
			}
			cost, need := requests[i].cost(step)
			if need <= left {
				layers[i], grew = step, true
				left -= cost
			} else if next == 0 {
				next = budget - left + need
			}
		}
		return grew
	}
	grow(order)
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && requests[order[to]].Priority == requests[order[from]].Priority {
			to++
		}
		peers := slices.DeleteFunc(slices.Clone(order[from:to]), func(i int) bool { return layers[i] == NoLayer })
		for grow(peers) {
		}
		from = to
	}
	return layers, next
}
