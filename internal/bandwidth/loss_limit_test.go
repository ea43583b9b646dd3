package bandwidth

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestLossLimit_StartsAndEnds(t *testing.T) {
	l := &LossLimit{}
	now := time.Duration(0)
	for range 6 {
		now += time.Second
		l.AddReport(now, 0.4, 200, 2_000_000, false)
	}
	if bitrate, known := l.Bitrate(); !known || bitrate > 1_600_000 {
		t.Errorf("40 %% loss left the limit at %d (known %v)", bitrate, known)
	}
	for range 60 {
		now += time.Second
		l.AddReport(now, 0, 200, 500_000, false)
	}
	if _, known := l.Bitrate(); known {
		t.Error("the limit did not end after a minute without loss")
	}
}

// The reports are those of browsers: every second, on a few dozen packets. Loss that
// retransmissions repair must not stop a video that has no smaller layer.
func TestLossLimit_KeepsASingleLayerUnlessLossIsHeavy(t *testing.T) {
	for _, path := range []struct {
		lost     float64
		smallest bool
		limited  bool
	}{{0.05, true, false}, {0.10, true, false}, {0.05, false, false}, {0.20, false, true}, {0.40, true, true}} {
		random := rand.New(rand.NewPCG(1, 2))
		l := &LossLimit{}
		const packets = 30
		for i := range 240 {
			lost := 0
			for range packets {
				if random.Float64() < path.lost {
					lost++
				}
			}
			l.AddReport(time.Second+time.Duration(i)*time.Second/2, float64(lost)/packets, packets, 200_000, path.smallest)
			if _, known := l.Bitrate(); known && !path.limited {
				t.Fatalf("%.0f %% loss (smallest layer: %v) set a limit after %d s", 100*path.lost, path.smallest, i/2)
			}
		}
		if _, known := l.Bitrate(); known != path.limited {
			t.Errorf("%.0f %% loss (smallest layer: %v) set a limit: %v, want %v", 100*path.lost, path.smallest, known, path.limited)
		}
	}
}

func TestLossLimit_StaysInRangeOnInvalidReports(t *testing.T) {
	var l LossLimit
	zero := 0.0
	for i, bitrate := range []float64{0, -1, 1e300, 1 / zero, zero / zero} {
		l.AddREMB(bitrate)
		l.AddReport(time.Duration(1+i)*time.Second, 1, 1<<40, 1_000_000, false)
	}
	if bitrate, _ := l.Bitrate(); bitrate < minBitrate || bitrate > maxBitrate {
		t.Errorf("the limit is %d", bitrate)
	}
}
