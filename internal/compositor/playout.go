//go:build cgo

package compositor

import (
	"time"

	"rostrum/internal/media"
)

const (
	delayMargin   = 10 * time.Millisecond  // for decoding, and for frames that are a little slower
	initialMargin = 40 * time.Millisecond  // in addition at first, while the path is unknown
	maxJitter     = 300 * time.Millisecond // of the slowest frame that is waited for, after the fastest
	delaySlack    = 20 * time.Millisecond  // by which the delay may be too long
	delayStep     = 10 * time.Millisecond  // by which it shrinks, once every delayInterval
	delayInterval = time.Second
	transitWindow = 2 * time.Second
	maxJump       = 5 * time.Second        // of timestamps, after which they begin anew
	maxEpochDrift = 100 * time.Millisecond // between sender reports, after which the new one is taken at once
)

// A timeline maps the RTP timestamps of one medium to time. Times are since the stage
// began, or on the sender's clock.
type timeline struct {
	rate        int64 // ticks a second; 0 before the first frame
	lastStamp   uint32
	ticks       int64 // of the last frame, since the first
	lastArrival time.Duration

	estimated  time.Duration // the epoch, if the fastest frame had no transit time
	reported   time.Duration // the epoch by sender reports, on the sender's clock; smoothed
	isReported bool
	lastReport time.Duration // the epoch by the last one

	transit transitTimes
}

// transitTimes is the range of recent transit times, over one to two windows.
type transitTimes struct {
	current, previous timeRange
	since             time.Duration // current began
}

type timeRange struct {
	min, max time.Duration
	set      bool
}

func (r *timeRange) add(v time.Duration) {
	if !r.set {
		*r = timeRange{v, v, true}
		return
	}
	r.min, r.max = min(r.min, v), max(r.max, v)
}

func (t *transitTimes) add(v, now time.Duration) {
	if now-t.since >= transitWindow {
		t.previous, t.current, t.since = t.current, timeRange{}, now
	}
	t.current.add(v)
}

func (t *transitTimes) timeRange() timeRange {
	r := t.current
	if t.previous.set {
		r.add(t.previous.min)
		r.add(t.previous.max)
	}
	return r
}

func (t *timeline) duration(ticks int64) time.Duration {
	return time.Duration(ticks/t.rate)*time.Second + time.Duration(ticks%t.rate)*time.Second/time.Duration(t.rate)
}

// unwrap records a frame's timestamp and returns it in ticks since the first.
func (t *timeline) unwrap(timestamp, rate uint32, arrived time.Duration) int64 {
	if t.rate != int64(rate) {
		*t = timeline{rate: int64(rate), lastStamp: timestamp, lastArrival: arrived, estimated: arrived, transit: transitTimes{since: arrived}}
	}
	step := int64(int32(timestamp - t.lastStamp))
	if jump := t.duration(step) - (arrived - t.lastArrival); jump > maxJump || jump < -maxJump {
		step = int64(arrived-t.lastArrival) * t.rate / int64(time.Second)
	}
	ticks := t.ticks + step
	if step > 0 { // a reordered frame changes nothing
		t.lastStamp, t.ticks = timestamp, ticks
	}
	t.lastArrival = arrived
	t.estimated = min(t.estimated, arrived-t.duration(ticks))
	return ticks
}

// addReport takes a capture time by sender reports. Reports differ by some milliseconds
// of the sender's own delay, which are smoothed.
func (t *timeline) addReport(captured time.Duration, ticks int64) {
	epoch := captured - t.duration(ticks)
	if d := epoch - t.lastReport; t.isReported && d < time.Millisecond && d > -time.Millisecond {
		return
	}
	t.lastReport = epoch
	if d := epoch - t.reported; t.isReported && d < maxEpochDrift && d > -maxEpochDrift {
		t.reported += d / 8
		return
	}
	t.reported, t.isReported = epoch, true
}

// A playout decides when the frames of one participant are due. It reads no clock.
type playout struct {
	exact     bool        // frames are due when they arrive, without delay; nothing else is used
	timelines [2]timeline // by media.Kind
	synced    bool        // epochs are on the sender's clock
	begun     bool
	delay     time.Duration
	lowered   time.Duration // when delay was last reduced
}

// insert records a frame and returns its timestamp in ticks since the medium's first.
func (p *playout) insert(codec media.Codec, timestamp uint32, captured time.Time, arrived time.Duration) int64 {
	t := &p.timelines[codec.Kind()]
	if p.exact {
		t.rate = int64(codec.ClockRate())
		return p.position(codec.Kind(), arrived)
	}
	ticks := t.unwrap(timestamp, codec.ClockRate(), arrived)
	if !captured.IsZero() {
		t.addReport(time.Duration(captured.UnixNano()), ticks)
	}
	if !p.synced && p.timelines[media.Audio].isReported && p.timelines[media.Video].isReported {
		p.sync(arrived)
	}
	t.transit.add(arrived-p.epoch(t)-t.duration(ticks), arrived)
	p.updateDelay(arrived)
	return ticks
}

// sync replaces the estimated epochs by the reported ones.
func (p *playout) sync(now time.Duration) {
	p.synced, p.begun = true, false
	for i := range p.timelines {
		t := &p.timelines[i]
		t.transit = transitTimes{since: now}
		t.transit.add(t.lastArrival-t.reported-t.duration(t.ticks), now)
	}
}

func (p *playout) epoch(t *timeline) time.Duration {
	if p.synced {
		return t.reported
	}
	return t.estimated
}

// updateDelay makes the delay as long as the slower medium needs.
func (p *playout) updateDelay(now time.Duration) {
	need, known := time.Duration(0), false
	for i := range p.timelines {
		t := &p.timelines[i]
		r := t.transit.timeRange()
		if t.rate == 0 || !r.set || now-t.lastArrival > 2*transitWindow {
			continue
		}
		if n := min(r.max, r.min+maxJitter) + delayMargin; !known || n > need {
			need, known = n, true
		}
	}
	switch {
	case !known:
	case !p.begun:
		p.begun, p.delay, p.lowered = true, need+initialMargin, now
	case need > p.delay:
		p.delay, p.lowered = need, now
	case p.delay-need > delaySlack && now-p.lowered >= delayInterval:
		p.delay, p.lowered = p.delay-delayStep, now
	}
}

// position is the timestamp, in ticks, that is due at a time.
func (p *playout) position(kind media.Kind, at time.Duration) int64 {
	l := &p.timelines[kind]
	t := at - p.epoch(l) - p.delay
	return int64(t/time.Second)*l.rate + int64(t%time.Second)*l.rate/int64(time.Second)
}

// addedDelay is how long the frame with the shortest transit time is buffered.
func (p *playout) addedDelay() time.Duration {
	shortest, known := time.Duration(0), false
	for i := range p.timelines {
		if r := p.timelines[i].transit.timeRange(); r.set && (!known || r.min < shortest) {
			shortest, known = r.min, true
		}
	}
	return p.delay - shortest
}
