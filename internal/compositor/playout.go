//go:build cgo

package compositor

import (
	"time"

	"rostrum/internal/media"
)

const (
	margin       = 10 * time.Millisecond  // for decoding, and for the next frame to be a little slower
	firstMargin  = 40 * time.Millisecond  // more at first, while the path is unknown
	maxJitter    = 300 * time.Millisecond // the slowest frame that is waited for, after the fastest
	delaySlack   = 20 * time.Millisecond  // a delay this much too long is borne
	delayStep    = 10 * time.Millisecond  // shrinks by so much, once a delayEvery
	delayEvery   = time.Second
	spreadWindow = 2 * time.Second
	restartAfter = 5 * time.Second        // timestamps that jump more than that begin anew
	epochJump    = 100 * time.Millisecond // sender reports that differ by more are believed at once
)

// A timeline places the RTP timestamps of one medium in time. Times are since the
// room began, or on the sender's clock.
type timeline struct {
	rate    int64 // ticks a second; 0 before the first frame
	last    uint32
	ticks   int64         // of the last frame, since the first
	arrived time.Duration // the last frame

	guess    time.Duration // the epoch, were the fastest frame to travel in no time
	reported time.Duration // the epoch on the sender's clock
	known    bool          // whether reported is
	raw      time.Duration // the last report, before smoothing

	transit spread
}

// spread is the range of recent transit times.
type spread struct {
	current, former bounds
	since           time.Duration // that current began
}

type bounds struct {
	min, max time.Duration
	set      bool
}

func (b *bounds) add(v time.Duration) {
	if !b.set {
		*b = bounds{v, v, true}
		return
	}
	b.min, b.max = min(b.min, v), max(b.max, v)
}

func (s *spread) add(v, now time.Duration) {
	if now-s.since >= spreadWindow {
		s.former, s.current, s.since = s.current, bounds{}, now
	}
	s.current.add(v)
}

// bounds are those of the last one to two windows.
func (s *spread) bounds() bounds {
	b := s.current
	if s.former.set {
		b.add(s.former.min)
		b.add(s.former.max)
	}
	return b
}

func (l *timeline) span(ticks int64) time.Duration {
	return time.Duration(ticks/l.rate)*time.Second + time.Duration(ticks%l.rate)*time.Second/time.Duration(l.rate)
}

// place notes a frame's timestamp and returns it in ticks since the first.
func (l *timeline) place(timestamp, rate uint32, arrived time.Duration) int64 {
	if l.rate != int64(rate) {
		*l = timeline{rate: int64(rate), last: timestamp, arrived: arrived, guess: arrived, transit: spread{since: arrived}}
	}
	step := int64(int32(timestamp - l.last))
	if off := l.span(step) - (arrived - l.arrived); off > restartAfter || off < -restartAfter {
		step = int64(arrived-l.arrived) * l.rate / int64(time.Second)
	}
	ticks := l.ticks + step
	if step > 0 { // a late one changes nothing
		l.last, l.ticks = timestamp, ticks
	}
	l.arrived = arrived
	l.guess = min(l.guess, arrived-l.span(ticks))
	return ticks
}

// report notes a capture time. One report differs from the next by some
// milliseconds of the sender's own delay, which are smoothed.
func (l *timeline) report(captured time.Duration, ticks int64) {
	raw := captured - l.span(ticks)
	if off := raw - l.raw; l.known && off < time.Millisecond && off > -time.Millisecond {
		return
	}
	l.raw = raw
	if off := raw - l.reported; l.known && off < epochJump && off > -epochJump {
		l.reported += off / 8
		return
	}
	l.reported, l.known = raw, true
}

// A playout says when the frames of one Member are due. It knows no clock.
type playout struct {
	lines   [2]timeline // by media.Kind
	synced  bool        // epochs are on the sender's clock
	begun   bool
	delay   time.Duration
	lowered time.Duration // when delay was last made shorter
}

// arrive notes a frame and returns its place in ticks since the medium's first.
func (p *playout) arrive(codec media.Codec, timestamp uint32, captured time.Time, arrived time.Duration) int64 {
	l := &p.lines[codec.Kind()]
	ticks := l.place(timestamp, codec.ClockRate(), arrived)
	if !captured.IsZero() {
		l.report(time.Duration(captured.UnixNano()), ticks)
	}
	if !p.synced && p.lines[media.Audio].known && p.lines[media.Video].known {
		p.sync(arrived)
	}
	l.transit.add(arrived-p.epoch(l)-l.span(ticks), arrived)
	p.adjust(arrived)
	return ticks
}

// sync leaves what was guessed for what the sender reported.
func (p *playout) sync(now time.Duration) {
	p.synced, p.begun = true, false
	for i := range p.lines {
		l := &p.lines[i]
		l.transit = spread{since: now}
		l.transit.add(l.arrived-l.reported-l.span(l.ticks), now)
	}
}

func (p *playout) epoch(l *timeline) time.Duration {
	if p.synced {
		return l.reported
	}
	return l.guess
}

// adjust makes the delay as long as the slower medium needs.
func (p *playout) adjust(now time.Duration) {
	need, any := time.Duration(0), false
	for i := range p.lines {
		l := &p.lines[i]
		b := l.transit.bounds()
		if l.rate == 0 || !b.set || now-l.arrived > 2*spreadWindow {
			continue
		}
		if n := min(b.max, b.min+maxJitter) + margin; !any || n > need {
			need, any = n, true
		}
	}
	switch {
	case !any:
	case !p.begun:
		p.begun, p.delay, p.lowered = true, need+firstMargin, now
	case need > p.delay:
		p.delay, p.lowered = need, now
	case p.delay-need > delaySlack && now-p.lowered >= delayEvery:
		p.delay, p.lowered = p.delay-delayStep, now
	}
}

// position is which ticks are due at a time.
func (p *playout) position(kind media.Kind, at time.Duration) int64 {
	l := &p.lines[kind]
	t := at - p.epoch(l) - p.delay
	return int64(t/time.Second)*l.rate + int64(t%time.Second)*l.rate/int64(time.Second)
}
