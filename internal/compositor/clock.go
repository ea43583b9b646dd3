//go:build cgo

package compositor

import (
	"math"
	"time"
)

const (
	maxLag       = 10 * time.Second // beyond it the clock is reset: the machine slept
	maxCatchUp   = time.Second      // of lag that repeated pictures make up for
	noRepeatTime = 5 * time.Second  // after more lag than that, in which no picture is repeated
)

// An outputClock schedules the ticks of a Program. It reads no clock.
type outputClock struct {
	rate          float64       // ticks a second
	keyframes     time.Duration // no picture lasts beyond a multiple of it
	noRepeatUntil int64         // the tick
}

// at is when tick n is, after the first.
func (c *outputClock) at(n int64) time.Duration {
	return time.Duration(float64(n) / c.rate * float64(time.Second))
}

// keyframeAt counts the keyframe intervals up to a tick.
func (c *outputClock) keyframeAt(n int64) int64 {
	if n < 0 {
		return -1
	}
	return int64(float64(n)/c.rate/c.keyframes.Seconds() + 1e-9)
}

// schedule decides what tick n does when it is late by some time: whether it repeats the
// last picture, and how many ticks its picture lasts. Short lags are made up for by
// repeated pictures, which are cheap, so that every tick has a picture. A machine that is
// too slow for that would repeat for ever; on it each picture is drawn, and lasts until
// the next can be.
func (c *outputClock) schedule(n int64, late time.Duration) (lasts int64, repeat bool) {
	behind := int64(late / c.at(1))
	switch {
	case late > maxCatchUp || behind > 0 && n < c.noRepeatUntil:
		c.noRepeatUntil = n + int64(noRepeatTime.Seconds()*c.rate)
	case n >= c.noRepeatUntil:
		return 1, behind > 0
	}
	lasts = 1
	for interval := c.keyframeAt(n); lasts < behind && c.keyframeAt(n+lasts) == interval; {
		lasts++
	}
	return lasts, false
}

// videoTime is the timestamp of tick n in VideoRate.
func (c *outputClock) videoTime(n int64) int64 {
	return int64(math.Round(float64(n) * VideoRate / c.rate))
}
