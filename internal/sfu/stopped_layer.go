package sfu

import "time"

const (
	// hushAfter is how long a layer must be silent, while a smaller one of the same publisher
	// goes on, to be taken for one that is left out. Browsers whose path narrows stop sending
	// their best layer without a word.
	stoppedAfter = 400 * time.Millisecond // ns

	// hushGaps is the same in the layer's own time between pictures: a shared screen may show
	// one a second.
	stoppedIntervals = 3

	maxFrameInterval = 2 * time.Second // ns between pictures of a layer that still counts as sent
)

// A pulse is when the latest pictures of a layer began to come, in a circle.
type frameIntervals struct {
	starts [4]time.Duration
	next   int
}

func (p *frameIntervals) record(now time.Duration) {
	p.starts[p.next] = now
	p.next = (p.next + 1) % len(p.starts)
}

func (p *frameIntervals) latest() time.Duration {
	return p.starts[(p.next+len(p.starts)-1)%len(p.starts)]
}
func (p *frameIntervals) earliest() time.Duration { return p.starts[p.next] } // 0 while there were fewer

// gap is the time between two of the latest pictures, on average.
func (p *frameIntervals) mean() time.Duration {
	if p.earliest() == 0 {
		return 0
	}
	return (p.latest() - p.earliest()) / time.Duration(len(p.starts)-1)
}

// silent tells that a layer of this pulse is left out, by the pulse of a smaller one. All are
// made of the same camera's pictures: while that films none, or one now and then, the smaller
// layer has as few.
func (p *frameIntervals) stoppedBeside(now time.Duration, smaller *frameIntervals) bool {
	return p.earliest() != 0 && now-p.latest() >= max(stoppedAfter, stoppedIntervals*p.mean()) && smaller.earliest() > p.latest()
}

// A hush is a layer's being left out by its publisher, as its home shard knows it.
type stoppedState struct {
	since    time.Duration // since when, 0 while it's sent
	interval time.Duration // between its pictures, or those of the smaller layer, before
}

// over tells that the layer is back: some pictures in a row, not what was still under way.
func (h *stoppedState) resumed(p *frameIntervals) bool {
	return p.earliest() > h.since && p.mean() <= stoppedIntervals*h.interval
}

// flows tells that the layer is sent now, be it a picture now and then.
func (l *Layer) isActive(now time.Duration) bool {
	slow := now-l.frames.latest() < stoppedIntervals*min(l.frames.mean(), maxFrameInterval)
	return l.stopped.since == 0 && (l.rate.active || slow)
}

// listen finds layers that fell silent, or are sent again, and reports whether any fell silent.
// While the publisher's path is full none is taken for back: what comes was on its way before.
func (t *Track) detectStopped(now time.Duration, full bool) (fell bool) {
	for _, l := range t.layers {
		if l.stopped.since != 0 && !full && l.stopped.resumed(&l.frames) {
			l.stopped = stoppedState{}
		}
	}
	flowing := t.view.Load().layers
	for i, v := range flowing {
		l := t.layers[v.index]
		if l.stopped.since != 0 {
			continue
		}
		for _, smaller := range flowing[:i] {
			if below := &t.layers[smaller.index].frames; l.frames.stoppedBeside(now, below) {
				l.stopped, fell = stoppedState{now, max(l.frames.mean(), below.mean())}, true
				break
			}
		}
	}
	return fell
}
