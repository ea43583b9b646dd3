//go:build cgo

package compositor

import "time"

// A cadence chooses which picture of a participant a Program shows at each tick. The newest
// one that is due would be the choice, if it were not for jitter: where pictures are due
// about when ticks are, some tick would come just before its picture and repeat the last
// one, and the next would skip one. So each picture is shown about as late as the one before,
// within a tolerance of when it is due. Times are in ticks of VideoRate.
type cadence struct {
	interval  int64 // between two ticks of the Program
	tolerance int64 // by which a picture may be shown early, or the one before it stay
	shown     uint64
	lateness  int64 // of the pictures shown, smoothed; negative where they are early
}

// maxTolerance is a sixth of the interval at 30 pictures a second.
const maxTolerance = VideoRate / 180

func newCadence(tick time.Duration) *cadence {
	interval := int64(tick) * VideoRate / int64(time.Second)
	return &cadence{interval: interval, tolerance: min(interval/6, maxTolerance)}
}

// passed counts the pictures at the front that are not shown any more.
func (c *cadence) passed(pictures []timedPicture, at int64) (n int) {
	for n+1 < len(pictures) && pictures[n+1].ticks <= at-c.tolerance {
		n++
	}
	return n
}

// choose returns the index of the picture to show at a time; -1 for none. Pictures are in
// order, and those up to lastDue were due before the delay grew.
func (c *cadence) choose(pictures []timedPicture, at int64, lastDue uint64) int {
	best := -1
	if c.shown == 0 {
		for i, p := range pictures {
			if p.ticks <= at || p.serial <= lastDue {
				best = i
			}
		}
	} else {
		best = c.next(pictures, at, lastDue)
	}
	if best >= 0 && pictures[best].serial != c.shown {
		c.record(pictures[best].serial, at-pictures[best].ticks)
	}
	return best
}

// next is choose after the first picture.
func (c *cadence) next(pictures []timedPicture, at int64, lastDue uint64) (best int) {
	best = -1
	var deviation int64
	for i, p := range pictures {
		if p.serial < c.shown {
			continue
		}
		if early := p.ticks > at && p.serial > max(c.shown, lastDue); early && (p.ticks > at+c.tolerance || p.serial > c.shown+1) {
			break // also where it would be both early and instead of another
		}
		d := abs(at - p.ticks - c.lateness)
		if p.serial == c.shown && i+1 < len(pictures) { // the next one is shown a tick later
			d = abs(at + c.interval - pictures[i+1].ticks - c.lateness)
		}
		if best < 0 || d <= deviation {
			best, deviation = i, d
		}
	}
	return best
}

// record takes the lateness of a picture that is shown from now on.
func (c *cadence) record(serial uint64, lateness int64) {
	change := lateness - c.lateness
	if c.shown == 0 || abs(change) > c.interval/2 {
		c.lateness = lateness
	} else {
		c.lateness += change / 8
	}
	c.shown = serial
}

func abs(v int64) int64 { return max(v, -v) }
