package bandwidth

import "time"

const (
	// baseDuration: the base is the smallest delay of the current and the last two of these.
	baseDuration = 4 * time.Second

	// windowCount windows are looked at together: 400 ms, longer than a keyframe waits on a
	// path that carries its layer.
	windowDuration = 25 * time.Millisecond
	windowCount    = 16

	// overuseWindows are enough to see that a path has become far narrower.
	overuseWindows = windowCount / 2

	minWindowPackets  = 6 // fewer say nothing about a queue
	standingThreshold = 20 * time.Millisecond
	longQueue         = 100 * time.Millisecond

	// drainThreshold is by how much a queue must shrink within half the time that is looked
	// at: 3 % of what the path carries.
	drainThreshold = 6 * time.Millisecond

	// standingTime is how long a short queue may stand: keyframes of several publishers may
	// arrive together.
	standingTime = time.Second

	// maxQueue is longer than any real queue. A larger delay means that a clock was set.
	maxQueue = 10 * time.Second
)

// DelayTracker measures the queue on the path of one transport: by how much its packets took
// longer than the fastest ones. The receiver's clock need not agree with the sender's, but
// must run at about the same speed. The zero value is ready to use.
type DelayTracker struct {
	started   bool
	minDelays [3]time.Duration // of the last base durations, the current one first
	baseIndex int64            // number of the current base duration
	windows   [windowCount]window
	newest    int64 // number of the newest window
	probe     probeFit
}

// window is what arrived within windowDuration.
type window struct {
	number   int64
	minQueue time.Duration
	packets  int
	bytes    int
}

// add records one packet and returns how long it waited in queues.
func (d *DelayTracker) add(sent, arrived time.Duration, bytes int) (queue time.Duration) {
	delay, base := arrived-sent, int64(sent/baseDuration)
	switch {
	case !d.started || delay-d.minDelay() > maxQueue || d.baseIndex-base > 1:
		*d = DelayTracker{started: true, baseIndex: base, minDelays: [3]time.Duration{delay, delay, delay}}
	case base > d.baseIndex:
		for range min(base-d.baseIndex, 3) {
			d.minDelays[2], d.minDelays[1], d.minDelays[0] = d.minDelays[1], d.minDelays[0], delay
		}
		d.baseIndex = base
	}
	d.minDelays[0] = min(d.minDelays[0], delay)
	queue = delay - d.minDelay()
	number := int64((sent + queue) / windowDuration)
	if number < 0 {
		return 0
	}
	w := &d.windows[number%windowCount]
	if w.number > number {
		return queue // too late to count
	}
	if w.number != number {
		*w = window{number: number, minQueue: queue}
	}
	w.minQueue = min(w.minQueue, queue)
	w.packets, w.bytes = w.packets+1, w.bytes+bytes
	d.newest = max(d.newest, number)
	return queue
}

func (d *DelayTracker) minDelay() time.Duration {
	return min(d.minDelays[0], d.minDelays[1], d.minDelays[2])
}

// standingQueue returns the shortest wait of the latest packets, 0 when too few arrived.
// draining reports that the queue shrinks by itself, because only a burst was in transit.
func (d *DelayTracker) standingQueue() (queue time.Duration, draining bool) {
	return d.minQueue(windowCount)
}

// overuse is standingQueue over half the time; it is 0 when the queue is short or draining.
func (d *DelayTracker) overuse() time.Duration {
	if queue, draining := d.minQueue(overuseWindows); queue > longQueue && !draining {
		return queue
	}
	return 0
}

// minQueue looks at the latest windows and compares their older half with the newer one.
func (d *DelayTracker) minQueue(latest int64) (queue time.Duration, draining bool) {
	halves, packets, oldest := [2]time.Duration{maxQueue, maxQueue}, 0, d.newest
	for i := range d.windows {
		if w := &d.windows[i]; w.packets > 0 && w.number > d.newest-latest {
			half := 0
			if w.number > d.newest-latest/2 {
				half = 1
			}
			halves[half] = min(halves[half], w.minQueue)
			packets, oldest = packets+w.packets, min(oldest, w.number)
		}
	}
	if packets < minWindowPackets || d.newest-oldest < latest*3/4 {
		return 0, false
	}
	return min(halves[0], halves[1]), halves[1] < halves[0]-drainThreshold
}

// bitrate returns the bitrate at which the latest packets of this transport arrived.
func (d *DelayTracker) bitrate() float64 {
	total := 0
	for i := range d.windows {
		if w := &d.windows[i]; w.number > d.newest-windowCount {
			total += w.bytes
		}
	}
	return bitrate(total, windowDuration*windowCount)
}

// rebase takes the standing queue as the new base, because the sender cannot empty it. Later
// delays are measured against it, until packets are faster again.
func (d *DelayTracker) rebase() {
	queue, _ := d.standingQueue()
	for i := range d.minDelays {
		d.minDelays[i] += queue
	}
	d.windows = [windowCount]window{}
}
