package channel

import (
	"math"
	"time"
)

// A grid gives times back what RTMP took from them by rounding to milliseconds:
// pictures and packets of sound come at a steady rate. Without it the parts of a
// playlist would differ in length, which iOS does not play.
type grid struct {
	rate  float64 // a second; 0 for one that isn't known
	begin time.Duration
	began bool
}

// rounding is how far a time may be from the grid and still be meant to be on it.
const rounding = 2 * time.Millisecond

// snap is the time on the grid that a rounded one was, or the same if it is none:
// then the grid begins there anew.
func (g *grid) snap(at time.Duration) time.Duration {
	if g.rate <= 0 {
		return at
	}
	if g.began {
		steps := math.Round((at - g.begin).Seconds() * g.rate)
		on := g.begin + time.Duration(steps/g.rate*float64(time.Second))
		if (on - at).Abs() <= rounding {
			return on
		}
	}
	g.begin, g.began = at, true
	return at
}

// ticks is a time by a clock of that many ticks a second.
func ticks(at time.Duration, rate int) int64 {
	return int64(math.Round(at.Seconds() * float64(rate)))
}
