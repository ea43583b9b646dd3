package bandwidth

import (
	"testing"
	"time"
)

func TestProber_WaitsLongerAfterProbesWithoutGain(t *testing.T) {
	const needed = 2_000_000
	var p Prober
	e := Estimator{known: true, bitrate: 500_000}
	now := 100 * time.Second
	next := func() (wait time.Duration) {
		t.Helper()
		for from := now; now < from+time.Minute; now += 100 * time.Millisecond {
			if _, ok := p.Next(now, &e, needed); ok {
				now += 100 * time.Millisecond
				return now - 100*time.Millisecond - from
			}
		}
		t.Fatal("no probe in a minute")
		return 0
	}
	for i, ms := range []time.Duration{0, 300, 900, 1900, 3900, 3900} {
		if got := next(); got != ms*time.Millisecond {
			t.Errorf("probe %d is sent after %v, want %d ms", i, got, ms)
		}
	}
	e.bitrate = 600_000
	if got := next(); got > minProbeWait {
		t.Errorf("the probe after one with a gain is sent after %v, want at most %v", got, minProbeWait)
	}
	for range 5 {
		next()
	}
	e.bitrate = needed
	if _, ok := p.Next(now, &e, needed); ok {
		t.Error("a probe is sent although no higher bitrate is needed")
	}
	if _, ok := p.Next(now+time.Second/2, &e, 2*needed); !ok {
		t.Error("no probe is sent soon after the needed bitrate was reached and more is needed")
	}
	now += 4 * time.Second
	e.congested = true
	p.Next(now, &e, 2*needed)
	e.congested = false
	if _, ok := p.Next(now+congestionHold-1, &e, 2*needed); ok {
		t.Error("a probe is sent soon after congestion")
	}
}
