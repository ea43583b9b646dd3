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
	number  int64
	bytes   int
	unknown bool // a report on what came then was lost
}

func (w *arrivals) add(at int64, bytes int) {
	if b := w.bin(at / binSpan); b != nil {
		b.bytes += bytes
		w.newest = max(w.newest, b.number)
	}
}

// bin returns the bin of a number, nil if that was long ago.
func (w *arrivals) bin(number int64) *bin {
	if number < 0 {
		return nil
	}
	b := &w.bins[number%bins]
	if b.number > number {
		return nil
	}
	if b.number < number {
		*b = bin{number: number}
	}
	return b
}

// miss notes that nothing is known of the time from the newest arrival to one at at.
func (w *arrivals) miss(at int64) {
	last := at / binSpan
	for number := max(w.newest, last-bins+1); number <= last; number++ {
		if b := w.bin(number); b != nil {
			b.unknown = true
		}
	}
}

// rate is the bits a second that came in the latest bins. When several transports report in turn, the
// latest tenth of a second isn't complete and is left out.
func (w *arrivals) rate(latest int, mixed bool) float64 {
	end := w.newest // itself incomplete
	if mixed {
		end -= int64(0.1 * 1e9 / float64(binSpan))
	}
	total, known := 0, int64(latest)
	for i := range w.bins {
		switch b := &w.bins[i]; {
		case b.number >= end || b.number < end-int64(latest):
		case b.unknown:
			known--
		default:
			total += b.bytes
		}
	}
	if known == 0 {
		return 0
	}
	return float64(total) * 8 * 1e9 / float64(known*binSpan)
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
