package recorder

import (
	"time"

	"rostrum/internal/media"
	"rostrum/realtime"
)

const (
	settleTime   = 500 * time.Millisecond // for which frames are held, to see how much they are delayed
	driftWindow  = 5 * time.Second
	maxDriftStep = 5 * time.Millisecond   // of a correction, once for each driftWindow
	maxEarly     = 30 * time.Millisecond  // before the delay counts as estimated too high
	maxLate      = 300 * time.Millisecond // before frames are held
	maxJump      = 500 * time.Millisecond // forward, before the timestamps count as changed
	maxReordered = 150 * time.Millisecond // backward, of pictures that are sent in the order of decoding
)

// A timedFrame is a frame, and when it was sampled by this machine's clock, apart from the delay
// of the path.
type timedFrame struct {
	realtime.Received
	at time.Time
}

// A trackClock gives the frames of a track times of this machine's clock. A path delays frames
// by different times, so those that were delayed least decide. A publisher's clock that drifts
// is followed. Where its timestamps jump, or stand still while time passes, arrival decides how
// much time has passed.
type trackClock struct {
	kind     media.Kind
	started  bool
	origin   time.Time     // when the frame with time 0 was sampled
	shift    time.Duration // what jumps have added to the frames' times
	last     time.Duration // time of the newest frame, with the shift
	jumpedAt time.Time     // the last time that it did; zero before

	window time.Time     // when it began
	least  time.Duration // delay in the window, or of what is held

	held    []timedFrame
	since   time.Time // when the first of held arrived
	settled bool      // the origin was found
}

// add takes a frame and returns those whose time is known now.
func (c *trackClock) add(f realtime.Received) []timedFrame {
	late := c.unwrap(f)
	switch {
	case len(c.held) > 0:
		c.least = min(c.least, late)
	case !c.settled || late > maxLate:
		c.since, c.least = f.Arrived, late
	default:
		c.follow(f.Arrived, late)
		return []timedFrame{{f, c.origin.Add(c.last)}}
	}
	f.Time = c.last
	c.held = append(c.held, timedFrame{Received: f})
	return c.expire(f.Arrived)
}

// unwrap adds the frame to the continuous times of the track. It returns how late it arrived.
func (c *trackClock) unwrap(f realtime.Received) (late time.Duration) {
	if !c.started {
		c.started, c.origin, c.last = true, f.Arrived.Add(-f.Time), f.Time
		return 0
	}
	reordered := time.Duration(0)
	if c.kind == media.Video {
		reordered = maxReordered
	}
	at := f.Time + c.shift
	late = f.Arrived.Sub(c.origin.Add(at))
	if at < c.last-reordered || late < -maxJump {
		c.shift, c.jumpedAt = c.shift+late, f.Arrived
		at, late = at+late, 0
	}
	c.last = at
	return late
}

// expire returns what was held for long enough.
func (c *trackClock) expire(now time.Time) []timedFrame {
	if now.Sub(c.since) < settleTime {
		return nil
	}
	return c.release()
}

// release returns what is held. If all of it was late, its timestamps stood still for as long.
func (c *trackClock) release() []timedFrame {
	if len(c.held) == 0 {
		return nil
	}
	if !c.settled || c.least > maxLate || c.least < -maxEarly {
		c.origin = c.origin.Add(c.least)
		if c.settled {
			c.jumpedAt = c.since
		}
	}
	held := c.held
	for i := range held {
		held[i].at = c.origin.Add(held[i].Time)
	}
	c.held, c.settled = nil, true
	c.window, c.least = c.since, maxLate
	return held
}

// follow corrects the origin by what even the least delayed frame of a window deviated, at once
// if that was sampled after its arrival.
func (c *trackClock) follow(now time.Time, late time.Duration) {
	c.least = min(c.least, late)
	switch {
	case late < -maxEarly:
		c.origin = c.origin.Add(late)
	case now.Sub(c.window) < driftWindow:
		return
	default:
		c.origin = c.origin.Add(max(-maxDriftStep, min(maxDriftStep, c.least)))
	}
	c.window, c.least = now, maxLate
}
