package bandwidth

const (
	binSpan = int64(25e6)
	bins    = 32
	// rateBins are counted together, as long as queues are looked at.
	rateBins = int(lookSpan * lookSpans / binSpan)
	jamBins  = int(lookSpan * jamSpans / binSpan)
)

// arrivals counts what came out of the path, on our clock.
type arrivals struct {
	bins   [bins]bin
	newest int64
}

type bin struct {
	number int64
	bytes  int
}

func (w *arrivals) add(at int64, bytes int) {
	number := at / binSpan
	if number < 0 {
		return
	}
	b := &w.bins[number%bins]
	if b.number > number {
		return
	}
	if b.number < number {
		*b = bin{number: number}
	}
	b.bytes += bytes
	w.newest = max(w.newest, number)
}

// rate is the bits a second that came in the latest bins. When several transports report in turn, the
// latest tenth of a second isn't complete and is left out.
func (w *arrivals) rate(latest int, mixed bool) float64 {
	end := w.newest // itself incomplete
	if mixed {
		end -= int64(0.1 * 1e9 / float64(binSpan))
	}
	total := 0
	for i := range w.bins {
		if b := &w.bins[i]; b.number < end && b.number >= end-int64(latest) {
			total += b.bytes
		}
	}
	return float64(total) * 8 * 1e9 / float64(int64(latest)*binSpan)
}

// train measures a path by packets that are sent faster than what usually flows: the line
// through their arrivals has the slope of the path.
type train struct {
	id       uint32
	n        int
	from, to int64 // sent
	origin   int64 // arrival of the first
	bytes    float64
	x, y     float64 // sums over bytes and arrivals
	xx, xy   float64
}

const trainLeast = 8 // packets

func (t *train) add(a Ack) {
	if a.Train == 0 {
		return
	}
	if a.Train != t.id {
		*t = train{id: a.Train, n: 1, from: a.Sent, to: a.Sent, origin: a.Arrived}
		return // the first packet only starts the clock
	}
	t.n++
	t.to = max(t.to, a.Sent)
	t.bytes += float64(a.Size)
	y := float64(a.Arrived - t.origin)
	t.x, t.y, t.xx, t.xy = t.x+t.bytes, t.y+y, t.xx+t.bytes*t.bytes, t.xy+t.bytes*y
}

// ended returns what the train measured, once a packet after it is heard of.
func (t *train) ended(a Ack) (measured float64, ok bool) {
	if t.id == 0 || a.Train == t.id || a.Sent <= t.to {
		return 0, false
	}
	n, enough := float64(t.n), t.n >= trainLeast
	sent := t.bytes * 8 * 1e9 / float64(max(t.to-t.from, 1e6))
	// The first packet is a point too, at the origin.
	slope := (n*t.xy - t.x*t.y) / (n*t.xx - t.x*t.x)
	*t = train{}
	switch {
	case !enough:
		return 0, false
	case !(slope > 0) || 8e9/slope > 0.9*sent:
		return sent, true // the path kept up
	}
	return 8e9 / slope * cautious, true
}

// burst measures how quickly packets come out that went in at once.
type burst struct {
	sent, first, last int64
	bytes, n          int
}

const (
	burstSpan  = int64(1e6)
	burstLeast = 10 // packets
)

// add returns the bits a second at which the burst so far came out, once it's long enough.
func (b *burst) add(a Ack) (bps float64, ok bool) {
	if b.n == 0 || a.Sent-b.sent > burstSpan || a.Sent < b.sent {
		*b = burst{sent: a.Sent, first: a.Arrived, last: a.Arrived, n: 1}
		return 0, false
	}
	b.last, b.bytes, b.n = max(b.last, a.Arrived), b.bytes+a.Size, b.n+1
	if b.n < burstLeast {
		return 0, false
	}
	spread := max(b.last-b.first, 1e6) // receivers count in quarters of a millisecond
	return float64(b.bytes) * 8 * 1e9 / float64(spread), true
}
