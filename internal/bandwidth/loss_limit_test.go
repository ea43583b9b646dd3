package bandwidth

import (
	"math"
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

func TestLossLimit_IsSetByTheShareOverASample(t *testing.T) {
	for _, c := range []struct {
		name     string
		l        LossLimit
		now      time.Duration
		share    float64
		packets  int
		sent     int
		smallest bool
		bitrate  int // 0 for no limit
	}{
		{"half of the first sample is taken", LossLimit{sampleStart: 1}, time.Second + 1, 0.4, 100, 1_000_000, false, 900_000},
		{"in less than a second", LossLimit{sampleStart: 1}, time.Second, 0.4, 100, 1_000_000, false, 0},
		{"of fewer packets", LossLimit{sampleStart: 1}, time.Second + 1, 0.4, 99, 1_000_000, false, 0},
		{"a share of a tenth", LossLimit{sampleStart: 1}, time.Second + 1, 0.2, 100, 1_000_000, false, 0},
		{"a little more", LossLimit{sampleStart: 1}, time.Second + 1, 0.22, 100, 1_000_000, false, 945_000},
		{"with what the sample had before", LossLimit{sampleStart: 1, packets: 100, lost: 40}, time.Second + 1, 0, 100, 1_000_000, false, 0},
		{"with more of that", LossLimit{sampleStart: 1, packets: 100, lost: 100}, time.Second + 1, 0, 100, 1_000_000, false, 875_000},
		{"with the samples before", LossLimit{sampleStart: 1, lossShare: 0.2}, time.Second + 1, 0.4, 100, 1_000_000, false, 850_000},
		{"nothing was sent", LossLimit{sampleStart: 1}, time.Second + 1, 0.4, 100, 0, false, 0},
		{"little was sent", LossLimit{sampleStart: 1}, time.Second + 1, 0.4, 100, 1, false, minBitrate},
		{"the first report starts a sample", LossLimit{}, 5 * time.Second, 0.4, 100, 1_000_000, false, 0},
		{"a limit that is known falls", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0.4, 100, 1_000_000, false, 450_000},
		{"to what was sent at most", LossLimit{sampleStart: 1, known: true, bitrate: 5_000_000}, time.Second + 1, 0.4, 100, 1_000_000, false, 900_000},

		{"the smallest layer bears a quarter", LossLimit{sampleStart: 1}, 2*time.Second + 1, 0.5, 100, 1_000_000, true, 0},
		{"not more", LossLimit{sampleStart: 1}, 2*time.Second + 1, 0.52, 100, 1_000_000, true, 870_000},
		{"in less than two seconds", LossLimit{sampleStart: 1}, 2 * time.Second, 0.52, 100, 1_000_000, true, 0},

		{"a limit rises", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0, 100, 1_000_000, false, 540_000},
		{"for two seconds at most", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, 9 * time.Second, 0, 100, 1_000_000, false, 580_000},
		{"to the most of all", LossLimit{sampleStart: 1, known: true, bitrate: maxBitrate}, 9 * time.Second, 0.1, 100, 1_000_000, false, maxBitrate},
		{"up to twice of what is sent", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0, 100, 270_000, false, 540_000},
		{"and ends above that", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0, 100, 269_999, false, 0},
		{"not while packets are lost", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0.04, 100, 200_000, false, 540_000},
		{"which it may with few", LossLimit{sampleStart: 1, known: true, bitrate: 500_000}, time.Second + 1, 0.038, 100, 200_000, false, 0},
	} {
		l := c.l
		l.AddReport(c.now, c.share, c.packets, c.sent, c.smallest)
		bitrate, known := l.Bitrate()
		if known != (c.bitrate != 0) || known && (bitrate < c.bitrate-1 || bitrate > c.bitrate+1) {
			t.Errorf("%s: the limit is %d, known %t, want %d", c.name, bitrate, known, c.bitrate)
		}
	}
}

func TestLossLimit_StartsANewSample(t *testing.T) {
	l := LossLimit{}
	for i, share := range []float64{0.4, 0.4, 0, 0} { // the sample begins with the first report
		l.AddReport(time.Duration(1+i)*time.Second, share, 50, 1_000_000, false)
		if want := []time.Duration{1, 2, 2, 4}[i] * time.Second; l.sampleStart != want {
			t.Errorf("after report %d the sample started at %v, want %v", i, l.sampleStart, want)
		}
	}
	if !near(l.lossShare, 0.1) || l.packets != 0 || l.lost != 0 {
		t.Errorf("the share is %v, the next sample has %v of %v", l.lossShare, l.lost, l.packets)
	}
}

func TestLossLimit_REMBLowersALimitThatLossSet(t *testing.T) {
	for _, c := range []struct {
		name string
		l    LossLimit
		remb float64
		want float64
	}{
		{"lower", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, 400_000, 400_000},
		{"higher", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, 600_000, 500_000},
		{"without a limit", LossLimit{bitrate: 500_000, lossShare: 0.1}, 400_000, 500_000},
		{"with little loss", LossLimit{known: true, bitrate: 500_000, lossShare: lowLoss}, 400_000, 500_000},
		{"with nearly little loss", LossLimit{known: true, bitrate: 500_000, lossShare: lowLoss + 0.001}, 400_000, 400_000},
		{"very low", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, 1, minBitrate},
		{"none", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, 0, 500_000},
		{"negative", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, -1, 500_000},
		{"no number", LossLimit{known: true, bitrate: 500_000, lossShare: 0.1}, math.NaN(), 500_000},
		{"the most", LossLimit{known: true, bitrate: 2 * maxBitrate, lossShare: 0.1}, maxBitrate, maxBitrate},
		{"more than that", LossLimit{known: true, bitrate: 3 * maxBitrate, lossShare: 0.1}, maxBitrate + 1, 3 * maxBitrate},
	} {
		l := c.l
		if l.AddREMB(c.remb); l.bitrate != c.want {
			t.Errorf("%s: the limit is %v, want %v", c.name, l.bitrate, c.want)
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
