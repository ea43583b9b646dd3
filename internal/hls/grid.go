package hls

import (
	"math"
	"time"
)

// A grid restores the timestamps that RTMP rounds to milliseconds: pictures come at a
// constant rate. Otherwise the parts of a playlist would differ in length, which iOS does
// not play.
type grid struct {
	rate  float64 // a second; 0 for one that isn't known
	begin time.Duration
	began bool
	off   int // timestamps beside the grid, less those on it
}

// tolerance is how far a rounded timestamp may be from the grid.
const tolerance = 2 * time.Millisecond

// maxOff is how many timestamps beside the grid show that its rate is not the stream's.
const maxOff = 8

// snap returns the timestamp on the grid that was rounded to at. If there is none it
// returns at, and the grid starts there.
func (g *grid) snap(at time.Duration) time.Duration {
	if on, ok := g.near(at); ok {
		g.off = max(0, g.off-1)
		return on
	}
	if g.off++; g.off > maxOff {
		g.rate = 0
	}
	g.begin, g.began = at, g.rate > 0
	return at
}

// near returns the timestamp on the grid that was rounded to at; false and at if there is
// none.
func (g *grid) near(at time.Duration) (time.Duration, bool) {
	if !g.began {
		return at, false
	}
	steps := math.Round((at - g.begin).Seconds() * g.rate)
	on := g.begin + time.Duration(steps/g.rate*float64(time.Second))
	if (on - at).Abs() > tolerance {
		return at, false
	}
	return on, true
}

// ticks is a timestamp in units of a clock rate.
func ticks(at time.Duration, rate int) int64 {
	return int64(math.Round(at.Seconds() * float64(rate)))
}
