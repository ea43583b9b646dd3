package bandwidth

import "slices"

// A Claim is what one subscription to video asks of the viewer's bandwidth.
type Claim struct {
	Priority int   // greater goes first
	Layers   []int // bits a second, smallest layer first
	Most     int   // index of the best layer that is wished; beyond the last means any
	Now      int   // index of the layer that flows, None when nothing does
}

// None is the layer of a claim that gets nothing.
const None = -1

const (
	// climb is the percentage of its cost that must be free for a layer to be newly given, so
	// that estimates that wander don't make it come and go.
	climb = 115

	// cling is the percentage of its cost at which a smallest layer that flows is kept: an
	// estimate that has just backed off lies below what arrives, and a poor picture beats none.
	cling = 60
)

func (c *Claim) may(step int) bool {
	return step < len(c.Layers) && step <= c.Most
}

// cost is what a step costs beyond the one below; need is what has to be left for it.
func (c *Claim) cost(step int) (cost, need int) {
	cost, below := c.Layers[step], 0
	if step > 0 {
		below = c.Layers[step-1]
	}
	switch {
	case step > c.Now:
		need = cost*climb/100 - below
	case step == 0:
		need = cost * cling / 100
	default:
		need = cost - below
	}
	return cost - below, need
}

// Allot shares budget bits a second among the claims and returns a layer for each. Everyone
// gets a smallest layer before anyone gets a better one. Then those of the greatest priority
// grow, step by step together, before others do. Nobody gets a layer beyond its Most. next
// is the budget at which somebody would get more, 0 if nobody would.
func Allot(budget int, claims []Claim) (given []int, next int) {
	given = make([]int, len(claims))
	order := make([]int, len(claims))
	for i := range claims {
		given[i], order[i] = None, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return claims[b].Priority - claims[a].Priority })
	left := budget
	// grow gives each of some claims its next step, as far as the budget goes.
	grow := func(some []int) (grew bool) {
		for _, i := range some {
			step := given[i] + 1
			if !claims[i].may(step) {
				continue
			}
			cost, need := claims[i].cost(step)
			if need <= left {
				given[i], grew = step, true
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
		for to < len(order) && claims[order[to]].Priority == claims[order[from]].Priority {
			to++
		}
		peers := slices.DeleteFunc(slices.Clone(order[from:to]), func(i int) bool { return given[i] == None })
		for grow(peers) {
		}
		from = to
	}
	return given, next
}
