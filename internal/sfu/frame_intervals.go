package sfu

import "time"

const (
	// stoppedAfter is how long a layer must be silent, while a smaller one of the same
	// publisher continues, to be taken for stopped. Browsers on a narrow path stop sending
	// their best layer without notice.
	stoppedAfter = 400 * time.Millisecond

	// stoppedIntervals is the same in frame intervals of the layer: a shared screen may have
	// one frame per second.
	stoppedIntervals = 3

	// usualFrameInterval is that of most cameras.
	usualFrameInterval = time.Second / 30

	// maxFrameInterval is the longest interval between frames of an active layer.
	maxFrameInterval = 2 * time.Second
)

// frameIntervals records when the first packets of the latest frames of a layer arrived.
type frameIntervals struct {
	starts [4]time.Duration
	next   int
}

func (f *frameIntervals) record(now time.Duration) {
	f.starts[f.next] = now
	f.next = (f.next + 1) % len(f.starts)
}

func (f *frameIntervals) latest() time.Duration {
	return f.starts[(f.next+len(f.starts)-1)%len(f.starts)]
}

// earliest is 0 while there were fewer frames.
func (f *frameIntervals) earliest() time.Duration { return f.starts[f.next] }

// mean returns the mean interval between the latest frames.
func (f *frameIntervals) mean() time.Duration {
	if f.earliest() == 0 {
		return 0
	}
	return (f.latest() - f.earliest()) / time.Duration(len(f.starts)-1)
}

// stoppedBeside reports whether the layer has stopped, judged by the frames of a smaller
// layer. All layers encode the frames of one camera: while it delivers none or few, the
// smaller layer has as few.
func (f *frameIntervals) stoppedBeside(now time.Duration, smaller *frameIntervals) bool {
	return f.earliest() != 0 && now-f.latest() >= max(stoppedAfter, stoppedIntervals*f.mean()) && smaller.earliest() > f.latest()
}

// stoppedState says that the publisher has stopped sending a layer.
type stoppedState struct {
	since    time.Duration // 0 while the layer is sent
	interval time.Duration // between its frames before, or those of the smaller layer
}

// resumed reports whether the layer is sent again: several frames in a row have arrived, not
// only what was in transit. They count as in a row at the rate of before, at that of the layers
// which are sent now, and at a usual one: a layer may stop before its rate is known.
func (s *stoppedState) resumed(f *frameIntervals, others time.Duration) bool {
	return f.earliest() > s.since && f.mean() <= stoppedIntervals*max(s.interval, others, usualFrameInterval)
}
