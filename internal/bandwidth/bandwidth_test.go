package bandwidth

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAllot_ServesByPriorityAndStep(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		says   string
		budget int
		claims []Request
		want   []int
	}{
		{"plenty gives everybody the best", 10_000_000, []Request{{0, layers, 9, 2}, {0, layers, 9, 2}}, []int{2, 2}},
		{"everyone gets the least before anyone gets more", 500_000, []Request{{1, layers, 9, 0}, {0, layers, 9, 0}}, []int{0, 0}},
		{"the pinned one grows first", 1_100_000, []Request{{0, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 1}},
		{"a little below the lowest it goes on", 150_000, []Request{{0, layers, 9, 0}}, []int{0}},
		{"clearly below it nothing flows", 110_000, []Request{{0, layers, 9, 0}}, []int{NoLayer}},
		{"from a better layer one falls to the lowest", 150_000, []Request{{0, layers, 9, 2}}, []int{0}},
		{"a single layer is kept while it just fits", 2_000_000, []Request{{0, []int{2_000_000}, 9, 0}}, []int{0}},
		{"but not begun without room", 2_000_000, []Request{{0, []int{2_000_000}, 9, NoLayer}}, []int{NoLayer}},
		{"nobody gets more than wished", 10_000_000, []Request{{0, layers, 1, 0}}, []int{1}},
		{"no layers, nothing", 10_000_000, []Request{{0, nil, 9, NoLayer}}, []int{NoLayer}},
		{"a better layer needs room to spare", 750_000, []Request{{0, layers, 9, 0}}, []int{0}},
		{"and grows to the end before others do", 2_200_000, []Request{{0, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 2}},
		{"equals grow together", 1_700_000, []Request{{0, layers, 9, 0}, {0, layers, 9, 0}}, []int{1, 1}},
		{"the current one doesn't", 700_000, []Request{{0, layers, 9, 1}}, []int{1}},
	} {
		if got, _ := Allocate(c.budget, c.claims); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.says, got, c.want)
		}
	}
}

func TestAllot_TellsWhatTheNextStepTakes(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		says   string
		budget int
		claims []Request
		want   int
	}{
		{"nothing more is wished", 10_000_000, []Request{{0, layers, 9, 2}}, 0},
		{"the middle layer, with room to spare", 500_000, []Request{{0, layers, 9, 0}}, 805_000},
		{"the first one's, beside what the second has", 500_000, []Request{{1, layers, 9, 0}, {0, layers, 9, 0}}, 1_005_000},
		{"the second's, for the first wishes no more", 500_000, []Request{{1, layers, 0, 0}, {0, layers, 9, 0}}, 1_005_000},
		{"a first layer", 100_000, []Request{{0, layers, 9, NoLayer}}, 230_000},
	} {
		if _, got := Allocate(c.budget, c.claims); got != c.want {
			t.Errorf("%s: got %d, want %d", c.says, got, c.want)
		}
	}
}

func TestLossLimit_BoundsAndReleases(t *testing.T) {
	l := &LossLimit{}
	for i := range int64(6) {
		l.AddReport(time.Duration(1+i)*second, 0.4, 200, 2_000_000, false)
	}
	if r, known := l.Bitrate(); !known || r > 1_600_000 {
		t.Errorf("40 %% loss left the bound at %d (known %v)", r, known)
	}
	for i := range int64(60) {
		l.AddReport(time.Duration(7+i)*second, 0, 200, 500_000, false)
	}
	if _, known := l.Bitrate(); known {
		t.Error("a minute without loss didn't lift the bound")
	}
}

// TestLossLimit_LeavesTheOnlyLayerToRepair reports as browsers do, each second on a few
// dozen packets: what is repaired mustn't stop a picture that has no smaller one beside it.
func TestLossLimit_LeavesTheOnlyLayerToRepair(t *testing.T) {
	for _, path := range []struct {
		lost  float64
		all   bool
		stops bool
	}{{0.05, true, false}, {0.10, true, false}, {0.05, false, false}, {0.20, false, true}, {0.40, true, true}} {
		random := rand.New(rand.NewPCG(1, 2))
		l := &LossLimit{}
		const packets = 30
		for i := range int64(240) {
			missing := 0
			for range packets {
				if random.Float64() < path.lost {
					missing++
				}
			}
			l.AddReport(time.Duration(2+i)*second/2, float64(missing)/packets, packets, 200_000, path.all)
			if _, known := l.Bitrate(); known && !path.stops {
				t.Fatalf("%.0f %% loss (no smaller layer: %v) bounded what is sent after %d s", 100*path.lost, path.all, i/2)
			}
		}
		if _, known := l.Bitrate(); known != path.stops {
			t.Errorf("%.0f %% loss (no smaller layer: %v) bounded what is sent: %v, want %v", 100*path.lost, path.all, known, path.stops)
		}
	}
}

func TestEstimator_SurvivesLies(t *testing.T) {
	var l LossLimit
	zero := 0.0
	for i, bps := range []float64{0, -1, 1e300, 1 / zero, zero / zero} {
		l.AddREMB(bps)
		l.AddReport(time.Duration(1+i)*second, 1, 1<<40, 1_000_000, false)
	}
	if r, _ := l.Bitrate(); r < minBitrate || r > maxBitrate {
		t.Errorf("the bound left its bounds: %d", r)
	}
	e, d := &Estimator{}, &DelayTracker{}
	for now, arrived := range []time.Duration{1 << 62, -1 << 62, 0, 1 << 40, -1 << 40, 1, -1 << 63} {
		for _, sent := range []time.Duration{1 << 62, 0, -1 << 62, 1 << 30} {
			e.AddFeedback(time.Duration(now)*second, d, []Ack{{Sent: sent, Arrived: arrived, Size: 1 << 30, Cluster: 1}, {Sent: sent + 1, Arrived: arrived}})
		}
	}
	if r, _ := e.Bitrate(); r < minBitrate || r > maxBitrate {
		t.Errorf("the estimate left its bounds: %d", r)
	}
}

func TestPacer_SavesUpNothingOnceForfeited(t *testing.T) {
	const rate = 240_000 // bits a second: 30 bytes a millisecond
	var p Pacer
	now, sent := second, 0
	p.Allow(now, rate, 1)
	now += second
	p.Allow(now, rate, 1)
	p.ClearCredit()
	for range 100 {
		now += second / 1000
		for p.Allow(now, rate, 100) {
			sent += 100
		}
	}
	if sent < 2900 || sent > 3200 {
		t.Errorf("%d bytes left in a tenth of a second, want 3,000", sent)
	}
}

// TestProber_GoesOnSoonAfterATrainThatGained: trains that gain nothing become rare; one that did
// shows that the path has more.
func TestProber_GoesOnSoonAfterATrainThatGained(t *testing.T) {
	const need = 2_000_000
	var p Prober
	e := Estimator{known: true, bitrate: 500_000}
	now := 100 * second
	// next tells how long it is until the next train.
	next := func() time.Duration {
		t.Helper()
		for from := now; now < from+60*second; now += second / 10 {
			if _, ok := p.Next(now, &e, need); ok {
				now += second / 10
				return now - second/10 - from
			}
		}
		t.Fatal("no train in a minute")
		return 0
	}
	for i, want := range []time.Duration{0, 300, 900, 1900, 3900, 3900} {
		if got := next(); got != want*1e6 {
			t.Errorf("train %d leaves after %d ms, want %d", i, got/1e6, want)
		}
	}
	e.bitrate = 600_000
	if got := next(); got > minProbeWait {
		t.Errorf("after one that gained the next train leaves after %d ms, want %d at most", got/1e6, minProbeWait/1e6)
	}
	for range 5 {
		next()
	}
	e.bitrate = need
	if _, ok := p.Next(now, &e, need); ok {
		t.Error("a train leaves where nothing more is needed")
	}
	if _, ok := p.Next(now+second/2, &e, 2*need); !ok {
		t.Error("no train leaves soon after what was needed was found, and more is")
	}
	now += 4 * second
	e.congested = true
	p.Next(now, &e, 2*need)
	e.congested = false
	if _, ok := p.Next(now+congestionHold-1, &e, 2*need); ok {
		t.Error("a train leaves soon after there was a queue")
	}
}
