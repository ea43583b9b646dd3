package bandwidth

import (
	"math"
	"testing"
	"time"
)

// binsOf adds 1, 2, 4 … bytes in each bin from first to last.
func binsOf(w *arrivalRate, first, last int) {
	for number := first; number <= last; number++ {
		w.add(time.Duration(number)*binDuration, 1<<number)
	}
}

// bytesOf is what binsOf adds from first to last.
func bytesOf(first, last int) (bytes int) {
	for number := first; number <= last; number++ {
		bytes += 1 << number
	}
	return bytes
}

func TestArrivalRate_CountsTheLatestCompleteBins(t *testing.T) {
	for _, c := range []struct {
		name        string
		fill        func(w *arrivalRate)
		latest      int
		alternating bool
		bytes, bins int // that count
	}{
		{"16 bins", func(w *arrivalRate) { binsOf(w, 0, 20) }, 16, false, bytesOf(4, 19), 16},
		{"8 bins", func(w *arrivalRate) { binsOf(w, 0, 20) }, 8, false, bytesOf(12, 19), 8},
		{"the first bin", func(w *arrivalRate) { binsOf(w, 0, 8) }, 8, false, bytesOf(0, 7), 8},
		{"several transports leave out a tenth of a second", func(w *arrivalRate) { binsOf(w, 0, 20) }, 8, true, bytesOf(8, 15), 8},
		{"a late packet", func(w *arrivalRate) { binsOf(w, 0, 20); w.add(13*binDuration, 7) }, 8, false, bytesOf(12, 19) + 7, 8},
		{"a bin of two packets", func(w *arrivalRate) { binsOf(w, 0, 20); w.add(20*binDuration-1, 7) }, 8, false, bytesOf(12, 19) + 7, 8},
		{"a packet that is too late", func(w *arrivalRate) { binsOf(w, 0, 40); w.add(8*binDuration, 7) }, 16, false, bytesOf(24, 39), 16},
		{"a packet of the oldest bin", func(w *arrivalRate) { binsOf(w, 0, 40); w.add(9*binDuration, 7) }, 31, false, bytesOf(9, 39) + 7, 31},
		{"a time before the first", func(w *arrivalRate) { w.add(-binDuration, 7); binsOf(w, 0, 20) }, 16, false, bytesOf(4, 19), 16},
		{"a gap", func(w *arrivalRate) { binsOf(w, 0, 10); binsOf(w, 15, 20) }, 16, false, bytesOf(4, 10) + bytesOf(15, 19), 16},
		{"a gap longer than the ring", func(w *arrivalRate) { binsOf(w, 0, 5); binsOf(w, 55, 60) }, 16, false, bytesOf(55, 59), 16},
		{"what is unknown is left out", func(w *arrivalRate) {
			binsOf(w, 0, 17)
			w.markUnknown(19 * binDuration)
			binsOf(w, 20, 30)
		}, 16, false, bytesOf(14, 16) + bytesOf(20, 29), 13},
		{"an arrival while it is unknown", func(w *arrivalRate) {
			binsOf(w, 0, 17)
			w.markUnknown(19 * binDuration)
			binsOf(w, 18, 30)
		}, 16, false, bytesOf(14, 16) + bytesOf(20, 29), 13},
		{"unknown for longer than the ring", func(w *arrivalRate) {
			binsOf(w, 0, 17)
			w.markUnknown(60 * binDuration)
			w.add(61*binDuration, 1)
			w.add(62*binDuration, 2)
		}, 30, false, 1, 1},
	} {
		var w arrivalRate
		c.fill(&w)
		want := float64(c.bytes*8) / (float64(c.bins) * 0.025)
		if got := w.bitrate(c.latest, c.alternating); math.Abs(got-want) > want*1e-9 {
			t.Errorf("%s: %v bit/s, want %v", c.name, got, want)
		}
	}
}

func TestArrivalRate_IsZeroWhereNothingIsKnown(t *testing.T) {
	var w arrivalRate
	if got := w.bitrate(rateBins, false); got != 0 {
		t.Errorf("%v bit/s before the first packet", got)
	}
	binsOf(&w, 0, 4)
	w.markUnknown(30 * binDuration)
	w.add(30*binDuration, 1)
	if got := w.bitrate(rateBins, false); got != 0 {
		t.Errorf("%v bit/s while nothing is known", got)
	}
}

func TestArrivalRate_CoversTheTimeInWhichTheQueueIsSeen(t *testing.T) {
	if rate, overuse := time.Duration(rateBins)*binDuration, time.Duration(overuseBins)*binDuration; rate != 400*time.Millisecond || overuse != 200*time.Millisecond {
		t.Errorf("%v and %v", rate, overuse)
	}
}
