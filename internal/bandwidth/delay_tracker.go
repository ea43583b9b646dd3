package bandwidth

import "time"

const (
	second = time.Second

	baseDuration = 4 * second // the quickest packet of the last three such spans is the base
	// lookSpans are judged together: 400 ms, longer than a keyframe waits on a path that
	// carries its layer.
	windowDuration    = 25 * time.Millisecond
	windowCount       = 16
	overuseWindows    = windowCount / 2 // in which a path that has become far narrower shows
	minWindowPackets  = 6               // that a judgement takes
	standingThreshold = 20 * time.Millisecond
	longQueue         = 100 * time.Millisecond
	drainThreshold    = 6 * time.Millisecond // in half the time that is looked at: 3 % of what the path carries
	standingTime      = second               // with a short queue: keyframes of several publishers may meet
	maxQueue          = 10 * second          // no queue is that long: a clock was set
)

// Delays is what the packets of one transport tell of the queue on its path: how much longer
// they took than the quickest ones. The receiver's clock need not agree with ours, only run
// at about the same pace. The zero value is ready.
type DelayTracker struct {
	minDelays [3]time.Duration // least delays, by span
	baseIndex int64
	started   bool
	windows   [windowCount]window
	newest    int64 // number of the latest of them
	probe     probeFit
}

// span is what arrived within lookSpan.
type window struct {
	number   int64
	minQueue time.Duration // least wait
	packets  int
	bytes    int
}

// take notes one packet and returns how long it waited in queues.
func (d *DelayTracker) add(sent, arrived time.Duration, bytes int) (queue time.Duration) {
	delay, now := arrived-sent, int64(sent/baseDuration)
	switch {
	case !d.started || delay-d.minDelay() > maxQueue || d.baseIndex-now > 1:
		*d = DelayTracker{started: true, baseIndex: now, minDelays: [3]time.Duration{delay, delay, delay}}
	case now > d.baseIndex:
		for range min(now-d.baseIndex, 3) {
			d.minDelays[2], d.minDelays[1], d.minDelays[0] = d.minDelays[1], d.minDelays[0], delay
		}
		d.baseIndex = now
	}
	d.minDelays[0] = min(d.minDelays[0], delay)
	queue = delay - d.minDelay()
	number := int64((sent + queue) / windowDuration)
	if number < 0 {
		return 0
	}
	s := &d.windows[number%windowCount]
	if s.number > number {
		return queue // too late to count
	}
	if s.number != number {
		*s = window{number: number, minQueue: queue}
	}
	s.minQueue = min(s.minQueue, queue)
	s.packets, s.bytes = s.packets+1, s.bytes+bytes
	d.newest = max(d.newest, number)
	return queue
}

func (d *DelayTracker) minDelay() time.Duration {
	return min(d.minDelays[0], d.minDelays[1], d.minDelays[2])
}

// queue is the wait that no packet was spared lately, 0 when too few came to tell. It drains
// when it becomes shorter by itself: a burst was on its way.
func (d *DelayTracker) standingQueue() (least time.Duration, drains bool) {
	return d.minQueue(windowCount)
}

// jam is the same over half that time, and 0 when it isn't long or drains.
func (d *DelayTracker) overuse() time.Duration {
	if least, drains := d.minQueue(overuseWindows); least > longQueue && !drains {
		return least
	}
	return 0
}

// look judges the latest spans.
func (d *DelayTracker) minQueue(latest int64) (least time.Duration, drains bool) {
	halves, packets, oldest := [2]time.Duration{maxQueue, maxQueue}, 0, d.newest
	for i := range d.windows {
		if s := &d.windows[i]; s.packets > 0 && s.number > d.newest-latest {
			half := 0
			if s.number > d.newest-latest/2 {
				half = 1
			}
			halves[half] = min(halves[half], s.minQueue)
			packets, oldest = packets+s.packets, min(oldest, s.number)
		}
	}
	if packets < minWindowPackets || d.newest-oldest < latest*3/4 {
		return 0, false
	}
	return min(halves[0], halves[1]), halves[1] < halves[0]-drainThreshold
}

// rate is the bits a second that this transport's packets lately came at.
func (d *DelayTracker) bitrate() float64 {
	total := 0
	for i := range d.windows {
		if s := &d.windows[i]; s.number > d.newest-windowCount {
			total += s.bytes
		}
	}
	return float64(total) * 8 / (windowDuration * windowCount).Seconds()
}

// settle makes the queue that is there the base: it isn't ours to empty. What the packets
// take from now on is measured against it, until they are quicker.
func (d *DelayTracker) rebase() {
	q, _ := d.standingQueue()
	for i := range d.minDelays {
		d.minDelays[i] += q
	}
	d.windows = [windowCount]window{}
}
