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

// climb is what a layer must leave free to be newly given, so that estimates that wander
// don't make it come and go.
const climb = 1.15

// cling is the share of its cost at which a smallest layer that flows is kept: an estimate
// that has just backed off lies below what arrives, and a poor picture beats none.
const cling = 0.6

// Allot shares budget bits a second among the claims and returns a layer for each. Everyone
// gets a smallest layer before anyone gets a better one, in the order of priority; then
// layers grow one step at a time. Nobody gets a layer beyond its Most.
func Allot(budget int, claims []Claim) []int {
	given := make([]int, len(claims))
	order := make([]int, len(claims))
	for i := range claims {
		given[i], order[i] = None, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return claims[b].Priority - claims[a].Priority })
	left := budget
	for step := 0; ; step++ {
		grew := false
		for _, i := range order {
			c := &claims[i]
			if given[i] != step-1 || step >= len(c.Layers) || step > c.Most {
				continue
			}
			cost := c.Layers[step]
			if step > 0 {
				cost -= c.Layers[step-1]
			}
			need := cost
			switch {
			case step == 0 && c.Now != None:
				need = int(float64(cost) * cling)
			case step > c.Now:
				need = int(float64(c.Layers[step])*climb) - (c.Layers[step] - cost)
			}
			if need <= left {
				given[i], grew = step, true
				left -= cost
			}
		}
		if !grew {
			return given
		}
	}
}
