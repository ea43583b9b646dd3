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

func TestProber_ProbesForWhatIsNeeded(t *testing.T) {
	const now = time.Minute
	for _, c := range []struct {
		name    string
		p       Prober
		e       Estimator
		needed  int
		bitrate int // 0 for no probe
		after   Prober
	}{
		{"a little more", Prober{}, Estimator{known: true, bitrate: 1_000_000}, 1_100_000, 1_320_000, Prober{now, minProbeWait, 0, 1_000_000}},
		{"much more", Prober{}, Estimator{known: true, bitrate: 1_000_000}, 9_000_000, 2_500_000, Prober{now, minProbeWait, 0, 1_000_000}},
		{"very little", Prober{}, Estimator{known: true, bitrate: 50_000}, 60_000, minProbeBitrate, Prober{now, minProbeWait, 0, 50_000}},
		{"nothing more", Prober{lastEstimate: 9}, Estimator{known: true, bitrate: 1_000_000}, 1_000_000, 0, Prober{wait: minProbeWait}},
		{"one bit more", Prober{}, Estimator{known: true, bitrate: 1_000_000}, 1_000_001, 1_200_001, Prober{now, minProbeWait, 0, 1_000_000}},
		{"nothing is known", Prober{}, Estimator{}, 1_000_000, 0, Prober{wait: minProbeWait}},
		{"a queue", Prober{wait: 9, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_000_000, congestion: congestion{congested: true}}, 2_000_000, 0, Prober{0, 9, now + congestionHold, 1_000_000}},
		{"soon after a queue", Prober{heldUntil: now + 1}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 0, Prober{0, minProbeWait, now + 1, 0}},
		{"later", Prober{heldUntil: now}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 2_400_000, Prober{now, minProbeWait, now, 1_000_000}},
		{"soon after a probe", Prober{last: now - 599*time.Millisecond, wait: 600 * time.Millisecond, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 0, Prober{now - 599*time.Millisecond, 600 * time.Millisecond, 0, 1_000_000}},
		{"a gain shortens the wait", Prober{last: now - 400*time.Millisecond, wait: 600 * time.Millisecond, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_100_001}, 2_000_000, 2_400_000, Prober{now, minProbeWait, 0, 1_100_001}},
		{"which takes a tenth", Prober{last: now - 400*time.Millisecond, wait: 600 * time.Millisecond, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_100_000}, 2_000_000, 0, Prober{now - 400*time.Millisecond, 600 * time.Millisecond, 0, 1_000_000}},
		{"no gain lengthens it", Prober{last: now - 600*time.Millisecond, wait: 600 * time.Millisecond, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 2_400_000, Prober{now, 1200 * time.Millisecond, 0, 1_000_000}},
		{"to a second", Prober{wait: minProbeWait, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 2_400_000, Prober{now, unsuccessfulProbeWait, 0, 1_000_000}},
		{"to four seconds", Prober{wait: 3 * time.Second, lastEstimate: 1_000_000}, Estimator{known: true, bitrate: 1_000_000}, 2_000_000, 2_400_000, Prober{now, maxProbeWait, 0, 1_000_000}},
	} {
		bitrate, ok := c.p.Next(now, &c.e, c.needed)
		if bitrate != c.bitrate || ok != (c.bitrate != 0) || c.p != c.after {
			t.Errorf("%s: %d, %t, %+v, want %d, %+v", c.name, bitrate, ok, c.p, c.bitrate, c.after)
		}
	}
}
