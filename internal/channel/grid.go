package channel

import (
	"math"
	"time"
)

// A grid restores the timestamps that RTMP rounds to milliseconds: video
// frames and audio packets come at a constant rate. Otherwise the parts of a
// playlist would differ in length, which iOS does not play.
type grid struct {
	rate  float64 // a second; 0 for one that isn't known
	begin time.Duration
	began bool
}

// tolerance is how far a rounded timestamp may be from the grid.
const tolerance = 2 * time.Millisecond

// snap returns the timestamp on the grid that was rounded to at. If there is
// none it returns at, and the grid starts there.
func (g *grid) snap(at time.Duration) time.Duration {
	if g.rate <= 0 {
		return at
	}
	if g.began {
		steps := math.Round((at - g.begin).Seconds() * g.rate)
		on := g.begin + time.Duration(steps/g.rate*float64(time.Second))
		if (on - at).Abs() <= tolerance {
			return on
		}
	}
	g.begin, g.began = at, true
	return at
}

// ticks is a timestamp in units of a clock rate.
func ticks(at time.Duration, rate int) int64 {
	return int64(math.Round(at.Seconds() * float64(rate)))
}
