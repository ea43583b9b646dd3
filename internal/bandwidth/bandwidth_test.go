package bandwidth

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAllot_ServesByPriorityAndStep(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		says   string
		budget int
		claims []Claim
		want   []int
	}{
		{"plenty gives everybody the best", 10_000_000, []Claim{{0, layers, 9, 2}, {0, layers, 9, 2}}, []int{2, 2}},
		{"everyone gets the least before anyone gets more", 500_000, []Claim{{1, layers, 9, 0}, {0, layers, 9, 0}}, []int{0, 0}},
		{"the pinned one grows first", 1_100_000, []Claim{{0, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 1}},
		{"a little below the lowest it goes on", 150_000, []Claim{{0, layers, 9, 0}}, []int{0}},
		{"clearly below it nothing flows", 110_000, []Claim{{0, layers, 9, 0}}, []int{None}},
		{"from a better layer one falls to the lowest", 150_000, []Claim{{0, layers, 9, 2}}, []int{0}},
		{"a single layer is kept while it just fits", 2_000_000, []Claim{{0, []int{2_000_000}, 9, 0}}, []int{0}},
		{"but not begun without room", 2_000_000, []Claim{{0, []int{2_000_000}, 9, None}}, []int{None}},
		{"nobody gets more than wished", 10_000_000, []Claim{{0, layers, 1, 0}}, []int{1}},
		{"no layers, nothing", 10_000_000, []Claim{{0, nil, 9, None}}, []int{None}},
		{"a better layer needs room to spare", 750_000, []Claim{{0, layers, 9, 0}}, []int{0}},
		{"the current one doesn't", 700_000, []Claim{{0, layers, 9, 1}}, []int{1}},
	} {
		if got := Allot(c.budget, c.claims); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.says, got, c.want)
		}
	}
}

// path is a bottleneck with a queue that drops its tail.
type path struct {
	bps     float64
	free    int64 // when the link is free again
	queue   int64 // most waiting time
	jitter  int64
	latency int64
}

func (p *path) send(now int64, size int) (arrived int64, lost bool) {
	start := max(now, p.free)
	if start-now > p.queue {
		return 0, true
	}
	p.free = start + int64(float64(size)*8*1e9/p.bps)
	return p.free + p.latency + rand.Int64N(p.jitter+1), false
}

// drive sends at the estimate (at most wish) over the path for some time, reports each 100 ms,
// and returns the rate at the end.
func drive(e *Estimator, p *path, from, duration int64, wish float64) (rate int, lostShare float64) {
	var acks []Ack
	sent, lost := 0, 0
	debt := 0.0
	for now := from; now < from+duration; now += 5e6 {
		r, known := e.Rate()
		if !known {
			r = startRate
		}
		debt += min(float64(r), wish) * 0.005 / 8
		for debt >= 1200 {
			debt -= 1200
			at, gone := p.send(now, 1200)
			acks = append(acks, Ack{Sent: now, Arrived: at, Size: 1200, Lost: gone})
			sent++
			if gone {
				lost++
			}
		}
		if now%100e6 == 0 {
			ready := acks[:0:0]
			for len(acks) > 0 && (acks[0].Lost || acks[0].Arrived < now) {
				ready, acks = append(ready, acks[0]), acks[1:]
			}
			e.Feedback(now, ready)
		}
	}
	rate, _ = e.Rate()
	return rate, float64(lost) / float64(max(sent, 1))
}

func TestEstimator_FindsTheBottleneckAndStaysUnderIt(t *testing.T) {
	for _, c := range []struct {
		says string
		path path
	}{
		{"a clean 2 Mbps path", path{bps: 2e6, queue: 300e6, latency: 20e6}},
		{"a jittery 2 Mbps path", path{bps: 2e6, queue: 300e6, latency: 30e6, jitter: 10e6}},
		{"a 500 kbps path with a short queue", path{bps: 5e5, queue: 60e6, latency: 20e6}},
	} {
		e := &Estimator{}
		rate, _ := drive(e, &c.path, 1e9, 60*second, 1e9)
		if float64(rate) < c.path.bps*0.5 || float64(rate) > c.path.bps*1.3 {
			t.Errorf("%s: the estimate is %d after a minute, the path has %.0f", c.says, rate, c.path.bps)
		}
	}
}

func TestEstimator_FallsWithinTwoSecondsAndRises(t *testing.T) {
	e := &Estimator{}
	p := &path{bps: 4e6, queue: 300e6, latency: 20e6}
	drive(e, p, 1e9, 40*second, 3e6)
	p.bps = 5e5
	rate, _ := drive(e, p, 41e9, 2*second, 3e6)
	if rate > 800_000 {
		t.Errorf("two seconds after the path fell to 500 kbps the estimate is %d", rate)
	}
	p.bps = 4e6
	if after, _ := drive(e, p, 43e9, 20*second, 3e6); after < rate*3/2 {
		t.Errorf("twenty seconds after the path recovered the estimate rose only from %d to %d", rate, after)
	}
}

func TestEstimator_LearnsFromATrain(t *testing.T) {
	e := &Estimator{}
	p := &path{bps: 5e6, queue: 300e6, latency: 20e6}
	drive(e, p, 1e9, 3*second, 2e5)
	before, _ := e.Rate()
	var acks []Ack
	for range 20 {
		at, _ := p.send(5e9, 1200)
		acks = append(acks, Ack{Sent: 5e9, Arrived: at, Size: 1200, Probe: true})
	}
	e.Feedback(5.1e9, acks)
	if after, _ := e.Rate(); after < 4_000_000 || after > 5_000_000 {
		t.Errorf("a train over 5 Mbps moved the estimate from %d to %d", before, after)
	}
}

func TestEstimator_SurvivesLies(t *testing.T) {
	e := &Estimator{}
	zero := 0.0
	for _, bps := range []float64{0, -1, 1e300, 1 / zero, zero / zero} {
		e.Remb(1e9, bps)
		e.Loss(1e9, 1, 1_000_000)
	}
	e.Feedback(2e9, []Ack{{Sent: 1 << 62, Arrived: -1 << 62, Size: 1 << 30}, {Sent: -1 << 62, Arrived: 1 << 62}})
	if r, _ := e.Rate(); r < leastRate || r > mostRate {
		t.Errorf("the estimate left its bounds: %d", r)
	}
}

func TestEstimator_LossWithoutReportsLimitsAndReleases(t *testing.T) {
	e := &Estimator{}
	for i := range int64(5) {
		e.Loss(i*second, 0.4, 2_000_000)
	}
	if r, known := e.Rate(); !known || r > 1_600_000 {
		t.Errorf("40 %% loss left the estimate at %d (known %v)", r, known)
	}
	for i := range int64(60) {
		e.Loss((5+i)*second, 0, 500_000)
	}
	if _, known := e.Rate(); known {
		t.Error("a minute without loss didn't lift the limit")
	}
}
