package bandwidth

import "time"

const (
	binDuration = 25 * time.Millisecond
	binCount    = 32

	// The arrival rate is measured over the same time as the queue.
	rateBins    = int(windowDuration * windowCount / binDuration)
	overuseBins = int(windowDuration * overuseWindows / binDuration)
)

// arrivalRate counts the bytes that left the path, by the sender's clock, in a ring of bins.
type arrivalRate struct {
	bins   [binCount]bin
	newest int64 // bin number
}

type bin struct {
	number  int64
	bytes   int
	unknown bool // a report on what arrived in this time was lost
}

func (w *arrivalRate) add(at time.Duration, bytes int) {
	if b := w.bin(int64(at / binDuration)); b != nil {
		b.bytes += bytes
		w.newest = max(w.newest, b.number)
	}
}

// bin returns the bin with a number, nil if it was overwritten.
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

// markUnknown marks the time from the newest arrival to at as unknown.
func (w *arrivalRate) markUnknown(at time.Duration) {
	last := int64(at / binDuration)
	for number := max(w.newest, last-binCount+1); number <= last; number++ {
		if b := w.bin(number); b != nil {
			b.unknown = true
		}
	}
}

// bitrate returns the bitrate of the latest bins, 0 if nothing is known of them. When several
// transports report in turn, the latest tenth of a second is incomplete and is left out.
func (w *arrivalRate) bitrate(latest int, alternating bool) float64 {
	end := w.newest // incomplete itself
	if alternating {
		end -= int64(100 * time.Millisecond / binDuration)
	}
	total, known := 0, latest
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
	return bitrate(total, time.Duration(known)*binDuration)
}

// bitrate converts bytes in a time to bits per second.
func bitrate(bytes int, in time.Duration) float64 {
	return float64(bytes) * 8 / in.Seconds()
}
