package bandwidth

import "time"

const (
	binDuration = 25 * time.Millisecond
	binCount    = 32
	// rateBins are counted together, as long as queues are looked at.
	rateBins    = int(windowDuration * windowCount / binDuration)
	overuseBins = int(windowDuration * overuseWindows / binDuration)
)

// arrivals counts what came out of the path, on our clock.
type arrivalRate struct {
	bins   [binCount]bin
	newest int64
}

type bin struct {
	number  int64
	bytes   int
	unknown bool // a report on what came then was lost
}

func (w *arrivalRate) add(at time.Duration, bytes int) {
	if b := w.bin(int64(at / binDuration)); b != nil {
		b.bytes += bytes
		w.newest = max(w.newest, b.number)
	}
}

// bin returns the bin of a number, nil if that was long ago.
func (w *arrivalRate) bin(number int64) *bin {
	if number < 0 {
		return nil
	}
	b := &w.bins[number%binCount]
	if b.number > number {
		return nil
	}
	if b.number < number {
		*b = bin{number: number}
	}
	return b
}

// miss notes that nothing is known of the time from the newest arrival to one at at.
func (w *arrivalRate) markUnknown(at time.Duration) {
	last := int64(at / binDuration)
	for number := max(w.newest, last-binCount+1); number <= last; number++ {
		if b := w.bin(number); b != nil {
			b.unknown = true
		}
	}
}

// rate is the bits a second that came in the latest bins. When several transports report in turn, the
// latest tenth of a second isn't complete and is left out.
func (w *arrivalRate) bitrate(latest int, mixed bool) float64 {
	end := w.newest // itself incomplete
	if mixed {
		end -= int64(100 * time.Millisecond / binDuration)
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
	return float64(total) * 8 / (time.Duration(known) * binDuration).Seconds()
}

// train measures a path by packets that are sent faster than what usually flows: the line
// through their arrivals has the slope of the path.
type probeFit struct {
	id                  uint32
	n                   int
	firstSent, lastSent time.Duration // sent
	firstArrived        time.Duration // arrival of the first
	bytes               float64
	x, y                float64 // sums over bytes and arrivals
	xx, xy              float64
}

const minProbePackets = 8 // packets

func (t *probeFit) add(a Ack) {
	if a.Cluster == 0 {
		return
	}
	if a.Cluster != t.id {
		*t = probeFit{id: a.Cluster, n: 1, firstSent: a.Sent, lastSent: a.Sent, firstArrived: a.Arrived}
		return // the first packet only starts the clock
	}
	t.n++
	t.lastSent = max(t.lastSent, a.Sent)
	t.bytes += float64(a.Size)
	y := float64(a.Arrived - t.firstArrived)
	t.x, t.y, t.xx, t.xy = t.x+t.bytes, t.y+y, t.xx+t.bytes*t.bytes, t.xy+t.bytes*y
}

// ended returns what the train measured, once a packet after it is heard of.
func (t *probeFit) result(a Ack) (measured float64, ok bool) {
	if t.id == 0 || a.Cluster == t.id || a.Sent <= t.lastSent {
		return 0, false
	}
	n, enough := float64(t.n), t.n >= minProbePackets
	sent := t.bytes * 8 * 1e9 / float64(max(t.lastSent-t.firstSent, 1e6))
	// The first packet is a point too, at the origin.
	slope := (n*t.xy - t.x*t.y) / (n*t.xx - t.x*t.x)
	*t = probeFit{}
	switch {
	case !enough:
		return 0, false
	case !(slope > 0) || 8e9/slope > 0.9*sent:
		return sent, true // the path kept up
	}
	return 8e9 / slope * probeMargin, true
}

// burst measures how quickly packets come out that went in at once.
type burstFit struct {
	sent, first, last time.Duration
	bytes, n          int
}

const (
	burstDuration   = time.Millisecond
	minBurstPackets = 10 // packets
)

// add returns the bits a second at which the burst so far came out, once it's long enough.
func (b *burstFit) add(a Ack) (bps float64, ok bool) {
	if b.n == 0 || a.Sent-b.sent > burstDuration || a.Sent < b.sent {
		*b = burstFit{sent: a.Sent, first: a.Arrived, last: a.Arrived, n: 1}
		return 0, false
	}
	b.last, b.bytes, b.n = max(b.last, a.Arrived), b.bytes+a.Size, b.n+1
	if b.n < minBurstPackets {
		return 0, false
	}
	spread := max(b.last-b.first, 1e6) // receivers count in quarters of a millisecond
	return float64(b.bytes) * 8 * 1e9 / float64(spread), true
}
