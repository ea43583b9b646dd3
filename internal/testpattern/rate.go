package testpattern

import "math"

// A rate keeps the bit rate: what pictures need less is filled with macroblocks that are
// sent as samples; where they need more, they are quantised more.
type rate struct {
	budget [2]int // bytes of a picture, and of a keyframe
	need   [2]int // bytes of the last ones, without the filling
	credit int    // bytes that were not sent yet
	qp     int

	needed, allowed int // bytes since the last keyframe
}

// keyframeWeight is how many times larger than other pictures a keyframe may be, as in
// usual encoders.
const keyframeWeight = 4

func newRate(c VideoConfig, gop int) rate {
	each := c.Bitrate / 8 * gop / c.FPS / (gop - 1 + keyframeWeight)
	budget := [2]int{each, keyframeWeight * each}
	r := rate{budget: budget, need: budget, qp: pictureQP}
	if each > 0 {
		const usual = 0.05 // bits a pixel at pictureQP
		r.coarsen(usual * float64(c.Width*c.Height*c.FPS) / float64(c.Bitrate))
	}
	return r
}

// halving is by how much the QP must grow for half the bytes; edges and marks need some
// whatever the QP.
const halving = 10

// coarsen sets the QP for pictures that need so many times the bit rate.
func (r *rate) coarsen(excess float64) {
	r.qp = max(pictureQP, min(maxQP, r.qp+int(math.Ceil(halving*math.Log2(excess)))))
}

func index(key bool) int {
	if key {
		return 1
	}
	return 0
}

// plan returns the QP of the next picture, and how many macroblocks are sent as samples.
// The QP changes at keyframes only, and not at each.
func (r *rate) plan(key bool) (qp, repeats int) {
	budget := r.budget[index(key)]
	if budget == 0 {
		return r.qp, 0
	}
	if key && r.allowed >= 4*r.budget[1] {
		if excess := float64(r.needed) / float64(r.allowed); excess > 1 || excess < 0.4 {
			r.coarsen(excess)
		}
		r.needed, r.allowed = 0, 0
	}
	r.allowed += budget
	r.credit = min(r.credit+budget, 2*r.budget[1])
	return r.qp, max(0, (r.credit-r.need[index(key)])/pcmBytes)
}

// record counts a picture: what it needed, and its size.
func (r *rate) record(key bool, need, size int) {
	r.need[index(key)] = need
	r.needed += need
	r.credit -= size
}
