package recorder

import (
	"time"

	"rostrum/realtime"
)

const (
	settleTime   = 500 * time.Millisecond // in which the first frames of a track are held, to see how late they are
	driftWindow  = 5 * time.Second
	maxDriftStep = 5 * time.Millisecond // of a correction, once for each driftWindow
	maxAhead     = 500 * time.Millisecond
	maxBehind    = 3 * time.Second
)

// A trackClock gives the frames of a track times of this machine's clock. A path delays frames
// by different times, so those that were delayed least decide. A publisher's clock that drifts
// is followed; one that jumps is related anew.
type trackClock struct {
	origin time.Time // of the frame with time 0
	window time.Time // when it began
	least  time.Duration
	held   []realtime.Received
	first  time.Time // when the first frame arrived
	ready  bool
}

// add takes a frame and returns those whose time is known now.
func (c *trackClock) add(f realtime.Received) []realtime.Received {
	late := f.Arrived.Sub(c.origin.Add(f.Time))
	switch {
	case c.first.IsZero():
		c.first = f.Arrived
		c.restart(f)
	case late < -maxAhead || late > maxBehind:
		c.restart(f)
	case !c.ready && late < 0:
		c.origin = c.origin.Add(late)
	case c.ready:
		c.follow(f.Arrived, late)
	}
	if c.ready {
		return []realtime.Received{f}
	}
	c.held = append(c.held, f)
	if f.Arrived.Sub(c.first) < settleTime {
		return nil
	}
	return c.release()
}

// release returns what is held.
func (c *trackClock) release() []realtime.Received {
	held := c.held
	c.held, c.ready = nil, true
	return held
}

func (c *trackClock) restart(f realtime.Received) {
	c.origin = f.Arrived.Add(-f.Time)
	c.window, c.least = f.Arrived, maxBehind
}

// follow corrects the origin by what even the least delayed frame of a window deviated.
func (c *trackClock) follow(now time.Time, late time.Duration) {
	c.least = min(c.least, late)
	if now.Sub(c.window) < driftWindow {
		return
	}
	c.origin = c.origin.Add(max(-maxDriftStep, min(maxDriftStep, c.least)))
	c.window, c.least = now, maxBehind
}

// at is when a frame was sampled, apart from the delay of the path.
func (c *trackClock) at(f realtime.Received) time.Time { return c.origin.Add(f.Time) }
