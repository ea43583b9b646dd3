//go:build cgo

package compositor

import (
	"math"
	"time"
)

const (
	lag      = 10 * time.Second // a clock so late is set anew: the machine slept
	patience = time.Second      // a clock so late won't catch up by repeating pictures
	hurry    = 5 * time.Second  // so long after it was late nothing is repeated
)

// A pace says how the ticks of a Program follow each other. It knows no clock.
type pace struct {
	rate      float64       // ticks a second
	keyframes time.Duration // no picture lasts beyond a multiple of it
	hurried   int64         // the tick up to which nothing is repeated
}

// at is when tick n is, after the first.
func (p *pace) at(n int64) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}

// keyframeAt counts the intervals of keyframes up to a tick.
func (p *pace) keyframeAt(n int64) int64 {
	if n < 0 {
		return -1
	}
	return int64(float64(n)/p.rate/p.keyframes.Seconds() + 1e-9)
}

// turn says what tick n does, which comes late by some time: whether it repeats the last
// picture, and how many ticks its picture lasts. Short delays are caught up with by
// repeating, which costs little, so that every tick has its picture. A machine that is too
// slow for that would only repeat, for ever. On that one each picture is drawn, and lasts
// until the next can be.
func (p *pace) turn(n int64, late time.Duration) (lasts int64, repeat bool) {
	behind := int64(late / p.at(1))
	switch {
	case late > patience || behind > 0 && n < p.hurried:
		p.hurried = n + int64(hurry.Seconds()*p.rate)
	case n >= p.hurried:
		return 1, behind > 0
	}
	lasts = 1
	for interval := p.keyframeAt(n); lasts < behind && p.keyframeAt(n+lasts) == interval; {
		lasts++
	}
	return lasts, false
}

// videoTime is the time of tick n by VideoRate.
func (p *pace) videoTime(n int64) int64 { return int64(math.Round(float64(n) * VideoRate / p.rate)) }
