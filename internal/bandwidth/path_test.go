package bandwidth

import (
	"fmt"
	"testing"
	"time"
)

func TestPath_TheBestLayerComesSoonAndStays(t *testing.T) {
	for _, c := range []struct {
		says     string
		path     bottleneck
		keyRatio float64
		within   float64 // seconds until the best layer
	}{
		{"without limit", bottleneck{latency: 20e6}, 12, 3},
		{"without limit, far away", bottleneck{latency: 150e6}, 12, 5},
		{"without limit, with jitter", bottleneck{latency: 30e6, jitter: 40e6}, 12, 4},
		{"4 Mbps", bottleneck{bitrate: 4e6, latency: 15e6}, 4, 4},
		{"4 Mbps, keyframes of 76 kB", bottleneck{bitrate: 4e6, latency: 15e6}, 13, 4},
		{"4 Mbps, jitter", bottleneck{bitrate: 4e6, latency: 15e6, jitter: 40e6}, 13, 6},
		{"2.5 Mbps", bottleneck{bitrate: 2.5e6, latency: 15e6}, 8, 8},
		{"4 Mbps, 5 % loss", bottleneck{bitrate: 4e6, latency: 15e6, loss: 0.05}, 8, 8},
		{"8 % loss", bottleneck{latency: 15e6, loss: 0.08}, 8, 8},
		{"a short queue", bottleneck{bitrate: 4e6, latency: 15e6, maxQueue: 100e6}, 4, 8},
	} {
		t.Run(c.says, func(t *testing.T) {
			w := newSimulation(c.path, newViewer(1, c.keyRatio))
			w.run(c.within, nil)
			if s := w.all[0].streams[0]; s.current != 2 {
				t.Errorf("after %v s not at the best layer:%v", c.within, w)
			}
			w.resetCounters()
			w.run(120, nil)
			if s := w.all[0].streams[0]; s.switches > 0 {
				t.Errorf("it wasn't held:%v", w)
			}
			t.Log(w)
		})
	}
}

func TestPath_LayersFollowTheRate(t *testing.T) {
	for _, jitter := range []time.Duration{0, 40e6} {
		t.Run(fmt.Sprintf("jitter %d ms", jitter/millisecond), func(t *testing.T) {
			w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6, jitter: jitter}, newViewer(1, 8))
			s := w.all[0].streams[0]
			w.run(30, nil)
			for round := range 3 {
				w.path.bitrate = 500e3
				began, down, up := w.now, time.Duration(0), time.Duration(0)
				w.resetCounters()
				w.run(20, func() {
					if down == 0 && s.current < 1 {
						down = w.now - began
					}
				})
				if down == 0 || down > 2*second || s.switches > 2 {
					t.Errorf("round %d: at 500 kbps the layer went down after %v ms:%v", round, down/millisecond, w)
				}
				w.path.bitrate = 4e6
				began = w.now
				w.resetCounters()
				w.run(20, func() {
					if up == 0 && s.current == 2 {
						up = w.now - began
					}
				})
				if up == 0 || up > 10*second || s.switches > 2 {
					t.Errorf("round %d: at 4 Mbps again it went up after %v ms:%v", round, up/millisecond, w)
				}
				t.Logf("down after %d ms, up after %d ms", down/millisecond, up/millisecond)
			}
		})
	}
}

func TestPath_IsSharedInPeace(t *testing.T) {
	for _, c := range []struct {
		says               string
		bps                float64
		viewers, publisher int
		atLeast            []int // layer of each picture of each viewer after a minute
		switches           int   // in all, in the two minutes that follow
	}{
		{"two viewers, room for both", 4.5e6, 2, 1, []int{2, 2}, 0},
		{"two viewers, room for one and a half", 3e6, 2, 1, []int{1, 1}, 2},
		{"two publishers, room for both", 4.5e6, 1, 2, []int{2, 2}, 0},
		{"two publishers, the first goes first", 3e6, 1, 2, []int{2, 1}, 2},
		{"four publishers", 3e6, 1, 4, []int{2, 0, 0, 0}, 2},
	} {
		t.Run(c.says, func(t *testing.T) {
			var all []*viewer
			for range c.viewers {
				all = append(all, newViewer(c.publisher, 8))
			}
			w := newSimulation(bottleneck{bitrate: c.bps, latency: 15e6}, all...)
			w.run(60, nil)
			w.resetCounters()
			w.run(120, nil)
			t.Log(w)
			i, switches := 0, 0
			for _, a := range w.all {
				for _, s := range a.streams {
					if s.current < c.atLeast[i] {
						t.Errorf("picture %d is at layer %d, want at least %d", i, s.current, c.atLeast[i])
					}
					switches += s.switches
					i++
				}
				if a.audioLost*100 > a.audioPackets {
					t.Errorf("%d of %d packets of sound were lost", a.audioLost, a.audioPackets)
				}
			}
			if switches > c.switches {
				t.Errorf("%d switches in two minutes, want at most %d", switches, c.switches)
			}
		})
	}
}

func TestPath_SoundSurvivesWhereNoPictureFits(t *testing.T) {
	w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
	w.run(20, nil)
	w.path.bitrate = 150e3
	w.resetCounters()
	w.run(20, nil)
	a := w.all[0]
	t.Log(w)
	if a.audioLost*20 > a.audioPackets {
		t.Errorf("%d of %d packets of sound were lost", a.audioLost, a.audioPackets)
	}
	if a.streams[0].current != NoLayer {
		t.Errorf("layer %d flows over 150 kbps", a.streams[0].current)
	}
	w.path.bitrate = 4e6
	w.run(10, nil)
	if a.streams[0].current == NoLayer {
		t.Errorf("the picture wasn't back 10 s after the path was:%v", w)
	}
}

func TestPath_ALongerWayIsNoQueue(t *testing.T) {
	w := newSimulation(bottleneck{latency: 15e6}, newViewer(1, 8))
	w.run(20, nil)
	w.path.latency = 115e6
	w.resetCounters()
	w.run(15, nil)
	t.Log(w)
	if s := w.all[0].streams[0]; s.current != 2 {
		t.Errorf("15 s after the way became longer the layer is %d:%v", s.current, w)
	}
}

// TestPath_LostReportsSayNothing has the path become narrow in both directions: what the lost
// reports would have told is neither lost nor missing from what the path carries.
func TestPath_LostReportsSayNothing(t *testing.T) {
	w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
	w.run(30, nil)
	w.path.bitrate, w.path.reportLoss = 1e6, 0.6
	began, down, least := w.now, time.Duration(0), maxBitrate
	a := w.all[0]
	w.run(3, func() {
		if rate, _ := a.estimator.Bitrate(); rate < least {
			least = rate
		}
		if down == 0 && a.streams[0].current < 2 {
			down = w.now - began
		}
	})
	if down == 0 || down > 2*second {
		t.Errorf("the layer went down after %d ms:%v", down/millisecond, w)
	}
	if least < 500_000 {
		t.Errorf("the estimate fell to %d on a path of 1 Mbit/s", least)
	}
	t.Logf("down after %d ms, the least estimate %d", down/millisecond, least)
}

// TestPath_IsBelievedThoughReportsAreLost: a path that is full in both directions loses half of
// what the viewer tells of it. None of that may end the estimate's fall.
func TestPath_IsBelievedThoughReportsAreLost(t *testing.T) {
	var slowest time.Duration
	for try := range 25 {
		w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
		w.run(20+float64(try)*0.13, nil)
		w.path.bitrate, w.path.reportLoss = 500e3, 0.5
		slowest = max(slowest, w.timeToDowngrade(t, 1))
	}
	t.Logf("down after %d ms at most", slowest/millisecond)
}

// TestPath_IsTakenBackSoonAfterALongTime: on a narrow path trains become rare, but the first that
// finds more is followed by others.
func TestPath_IsTakenBackSoonAfterALongTime(t *testing.T) {
	for _, jitter := range []time.Duration{0, 40e6} {
		var slowest time.Duration
		for try := range 20 {
			w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6, jitter: jitter}, newViewer(1, 8))
			w.run(20, nil)
			w.path.bitrate = 500e3
			w.run(60+float64(try)*0.31, nil)
			w.path.bitrate = 4e6
			began, up, s := w.now, none, w.all[0].streams[0]
			w.run(12, func() {
				if up == none && s.current == 2 {
					up = w.now - began
				}
			})
			slowest = max(slowest, up)
		}
		t.Logf("jitter %d ms: up after %d ms at most", jitter/millisecond, slowest/millisecond)
		if slowest > 6*second {
			t.Errorf("jitter %d ms: the best layer came after %d ms, want 6 s", jitter/millisecond, slowest/millisecond)
		}
	}
}

// TestPath_IsFollowedWhenItBecomesNarrowerOnceMore: before the queue of a first fall has gone
// there is a second one.
func TestPath_IsFollowedWhenItBecomesNarrowerOnceMore(t *testing.T) {
	for _, first := range []float64{2.5e6, 1.5e6} {
		for _, after := range []float64{0.2, 0.4, 0.6, 0.8, 1, 1.5} {
			t.Run(fmt.Sprintf("%v Mbps for %v s", first/1e6, after), func(t *testing.T) {
				var slowest time.Duration
				for try := range 8 {
					w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
					w.run(20+float64(try)*0.13, nil)
					w.path.bitrate = first
					w.run(after, nil)
					w.path.bitrate = 300e3
					slowest = max(slowest, w.timeToDowngrade(t, 0))
				}
				t.Logf("down after %d ms at most", slowest/millisecond)
			})
		}
	}
}
