package sfu

const (
	// hushAfter is how long a layer must be silent, while a smaller one of the same publisher
	// goes on, to be taken for one that is left out. Browsers whose path narrows stop sending
	// their best layer without a word.
	hushAfter = int64(400e6) // ns

	// hushGaps is the same in the layer's own time between pictures: a shared screen may show
	// one a second.
	hushGaps = 3

	slowest = int64(2e9) // ns between pictures of a layer that still counts as sent
)

// A pulse is when the latest pictures of a layer began to come, in a circle.
type pulse struct {
	at   [4]int64
	next int
}

func (p *pulse) beat(now int64) {
	p.at[p.next] = now
	p.next = (p.next + 1) % len(p.at)
}

func (p *pulse) latest() int64   { return p.at[(p.next+len(p.at)-1)%len(p.at)] }
func (p *pulse) earliest() int64 { return p.at[p.next] } // 0 while there were fewer

// gap is the time between two of the latest pictures, on average.
func (p *pulse) gap() int64 {
	if p.earliest() == 0 {
		return 0
	}
	return (p.latest() - p.earliest()) / int64(len(p.at)-1)
}

// silent tells that a layer of this pulse is left out, by the pulse of a smaller one. All are
// made of the same camera's pictures: while that films none, or one now and then, the smaller
// layer has as few.
func (p *pulse) silent(now int64, smaller *pulse) bool {
	return p.earliest() != 0 && now-p.latest() >= max(hushAfter, hushGaps*p.gap()) && smaller.earliest() > p.latest()
}

// A hush is a layer's being left out by its publisher, as its home shard knows it.
type hush struct {
	at  int64 // since when, 0 while it's sent
	gap int64 // between its pictures, or those of the smaller layer, before
}

// over tells that the layer is back: some pictures in a row, not what was still under way.
func (h *hush) over(p *pulse) bool {
	return p.earliest() > h.at && p.gap() <= hushGaps*h.gap
}

// flows tells that the layer is sent now, be it a picture now and then.
func (l *Layer) flows(now int64) bool {
	slow := now-l.pulse.latest() < hushGaps*min(l.pulse.gap(), slowest)
	return l.hush.at == 0 && (l.rate.active || slow)
}

// listen finds layers that fell silent, or are sent again, and reports whether any fell silent.
// While the publisher's path is full none is taken for back: what comes was on its way before.
func (t *Track) listen(now int64, full bool) (fell bool) {
	for _, l := range t.layers {
		if l.hush.at != 0 && !full && l.hush.over(&l.pulse) {
			l.hush = hush{}
		}
	}
	flowing := t.view.Load().layers
	for i, v := range flowing {
		l := t.layers[v.index]
		if l.hush.at != 0 {
			continue
		}
		for _, smaller := range flowing[:i] {
			if below := &t.layers[smaller.index].pulse; l.pulse.silent(now, below) {
				l.hush, fell = hush{now, max(l.pulse.gap(), below.gap())}, true
				break
			}
		}
	}
	return fell
}
