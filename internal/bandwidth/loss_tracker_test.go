package bandwidth

import (
	"math"
	"testing"
	"time"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestLossTracker_AveragesSamplesOfFortyPackets(t *testing.T) {
	for _, c := range []struct {
		lost, arrived int // per sample, the lost ones first
		samples       int
		share         float64
	}{{10, 29, 1, 0}, {10, 30, 1, 0.125}, {40, 0, 1, 0.5}, {40, 0, 2, 0.75}, {0, 40, 3, 0}, {4, 36, 1, 0.05}} {
		var l lossTracker
		for range c.samples {
			for i := range c.lost + c.arrived {
				l.add(i < c.lost)
			}
		}
		if !near(l.share, c.share) {
			t.Errorf("%d samples of %d lost and %d arrived: %v, want %v", c.samples, c.lost, c.arrived, l.share, c.share)
		}
	}
}

func TestLossTracker_BacksOffOnceUnlessItHelps(t *testing.T) {
	const now = 100 * time.Second
	for _, c := range []struct {
		name              string
		l                 lossTracker
		now               time.Duration
		estimate, arrived float64
		backsOff          bool
		inherent          float64       // afterwards
		backedOffAt       time.Duration // afterwards
	}{
		{"little loss", lossTracker{share: 0.10}, now, 1e6, 1e6, false, 0, 0},
		{"much loss", lossTracker{share: 0.101}, now, 1e6, 1e6, true, 0, now},
		{"in the first half second", lossTracker{share: 0.101}, lossBackoffInterval - 1, 1e6, 1e6, false, 0, 0},
		{"after it", lossTracker{share: 0.101}, lossBackoffInterval, 1e6, 1e6, true, 0, lossBackoffInterval},

		{"as much as the path has anyway", lossTracker{share: 0.26, inherentShare: 0.20}, now, 1e6, 1e6, false, 0.20, 0},
		{"more than that", lossTracker{share: 0.27, inherentShare: 0.20}, now, 1e6, 1e6, true, 0.20, now},
		{"half of that", lossTracker{share: 0.10, inherentShare: 0.20}, now, 1e6, 1e6, false, 0.20, 0},
		{"less than half of that", lossTracker{share: 0.09, inherentShare: 0.20}, now, 1e6, 1e6, false, 0, 0},

		{"less loss 10 s after a backoff", lossTracker{share: 0.01, backedOffAt: now - 10*time.Second}, now, 1e6, 1e6, false, 0, now - 10*time.Second},
		{"less loss longer after a backoff", lossTracker{share: 0.01, backedOffAt: now - 10*time.Second - 1}, now, 1e6, 1e6, false, 0, 0},

		{"soon after a backoff", lossTracker{share: 0.2, shareAtBackoff: 0.2, backedOffAt: now - lossBackoffInterval + 1}, now, 1e6, 2e6, false, 0, now - lossBackoffInterval + 1},
		{"more arrives than it should", lossTracker{share: 0.2, shareAtBackoff: 0.2, backedOffAt: now - lossBackoffInterval}, now, 1e6, 1e6 + 1, true, 0, now},
		{"no more arrives than it should", lossTracker{share: 0.2, shareAtBackoff: 0.2, backedOffAt: now - lossBackoffInterval}, now, 1e6, 1e6, false, 0, now - lossBackoffInterval},

		{"the backoff did not help", lossTracker{share: 0.15, shareAtBackoff: 0.2, backedOffAt: now - 2*time.Second - 1}, now, 1e6, 1e6, false, 0.15, 0},
		{"which is not known yet", lossTracker{share: 0.15, shareAtBackoff: 0.2, backedOffAt: now - 2*time.Second}, now, 1e6, 1e6, false, 0, now - 2*time.Second},
		{"the backoff helped", lossTracker{share: 0.139, shareAtBackoff: 0.2, backedOffAt: now - 2*time.Second - 1}, now, 1e6, 1e6, false, 0, now - 2*time.Second - 1},
		{"the backoff helped by 30 %", lossTracker{share: 0.7, shareAtBackoff: 1, backedOffAt: now - 2*time.Second - 1}, now, 1e6, 1e6, false, 0, now - 2*time.Second - 1},
		{"the sender did not follow", lossTracker{share: 0.15, shareAtBackoff: 0.2, backedOffAt: now - 2*time.Second - 1}, now, 1e6, 1.05e6, true, 0, now},
		{"the sender nearly followed", lossTracker{share: 0.15, shareAtBackoff: 0.2, backedOffAt: now - 2*time.Second - 1}, now, 1e6, 1.049e6, false, 0.15, 0},
	} {
		l := c.l
		got := l.shouldBackOff(c.now, c.estimate, c.arrived)
		if got != c.backsOff || !near(l.inherentShare, c.inherent) || l.backedOffAt != c.backedOffAt {
			t.Errorf("%s: backs off %t, inherent share %v, backed off at %v, want %t, %v, %v", c.name, got, l.inherentShare, l.backedOffAt, c.backsOff, c.inherent, c.backedOffAt)
		}
		if got && l.shareAtBackoff != c.l.share {
			t.Errorf("%s: the share at the backoff is %v", c.name, l.shareAtBackoff)
		}
	}
}
