package bandwidth

import (
	"fmt"
	"testing"
	"time"
)

func TestPath_ReachesAndKeepsTheBestLayer(t *testing.T) {
	for _, c := range []struct {
		name     string
		path     bottleneck
		keyRatio float64
		within   float64 // seconds
	}{
		{"no limit", bottleneck{latency: 20e6}, 12, 3},
		{"no limit, high latency", bottleneck{latency: 150e6}, 12, 5},
		{"no limit, jitter", bottleneck{latency: 30e6, jitter: 40e6}, 12, 4},
		{"4 Mbps", bottleneck{bitrate: 4e6, latency: 15e6}, 4, 4},
		{"4 Mbps, keyframes of 76 kB", bottleneck{bitrate: 4e6, latency: 15e6}, 13, 4},
		{"4 Mbps, jitter", bottleneck{bitrate: 4e6, latency: 15e6, jitter: 40e6}, 13, 6},
		{"2.5 Mbps", bottleneck{bitrate: 2.5e6, latency: 15e6}, 8, 8},
		{"4 Mbps, 5 % loss", bottleneck{bitrate: 4e6, latency: 15e6, loss: 0.05}, 8, 8},
		{"8 % loss", bottleneck{latency: 15e6, loss: 0.08}, 8, 8},
		{"a short queue", bottleneck{bitrate: 4e6, latency: 15e6, maxQueue: 100e6}, 4, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSimulation(c.path, newViewer(1, c.keyRatio))
			w.run(c.within, nil)
			if w.first().current != bestLayer {
				t.Errorf("not at the best layer after %v s:%v", c.within, w)
			}
			w.resetStats()
			w.run(120, nil)
			if w.first().stats.switches > 0 {
				t.Errorf("the layer was not kept:%v", w)
			}
			t.Log(w)
		})
	}
}

func TestPath_LayersFollowTheBitrate(t *testing.T) {
	for _, jitter := range []time.Duration{0, 40 * time.Millisecond} {
		t.Run(fmt.Sprintf("jitter %v", jitter), func(t *testing.T) {
			w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6, jitter: jitter}, newViewer(1, 8))
			s := w.first()
			w.run(30, nil)
			for round := range 3 {
				w.path.bitrate = 500e3
				w.resetStats()
				down := w.await(20, func() bool { return s.current < 1 })
				if down > 2*time.Second || s.stats.switches > 2 {
					t.Errorf("round %d: the downgrade at 500 kbps took %v:%v", round, down, w)
				}
				w.path.bitrate = 4e6
				w.resetStats()
				up := w.await(20, func() bool { return s.current == bestLayer })
				if up > 10*time.Second || s.stats.switches > 2 {
					t.Errorf("round %d: the upgrade at 4 Mbps took %v:%v", round, up, w)
				}
				t.Logf("downgrade after %v, upgrade after %v", down, up)
			}
		})
	}
}

func TestPath_IsSharedWithoutOscillation(t *testing.T) {
	for _, c := range []struct {
		name                string
		bitrate             float64
		viewers, publishers int
		layers              []int // at least, of each stream of each viewer, after a minute
		switches            int   // at most, of all streams, in the next two minutes
	}{
		{"two viewers, enough for both", 4.5e6, 2, 1, []int{2, 2}, 0},
		{"two viewers, enough for one and a half", 3e6, 2, 1, []int{1, 1}, 2},
		{"two publishers, enough for both", 4.5e6, 1, 2, []int{2, 2}, 0},
		{"two publishers, the first has priority", 3e6, 1, 2, []int{2, 1}, 2},
		{"four publishers", 3e6, 1, 4, []int{2, 0, 0, 0}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var viewers []*viewer
			for range c.viewers {
				viewers = append(viewers, newViewer(c.publishers, 8))
			}
			w := newSimulation(bottleneck{bitrate: c.bitrate, latency: 15e6}, viewers...)
			w.run(60, nil)
			w.resetStats()
			w.run(120, nil)
			t.Log(w)
			i, switches := 0, 0
			for _, v := range w.viewers {
				for _, s := range v.streams {
					if s.current < c.layers[i] {
						t.Errorf("stream %d is at layer %d, want at least %d", i, s.current, c.layers[i])
					}
					switches += s.stats.switches
					i++
				}
				if v.audioLost*100 > v.audioPackets {
					t.Errorf("%d of %d audio packets were lost", v.audioLost, v.audioPackets)
				}
			}
			if switches > c.switches {
				t.Errorf("%d switches in two minutes, want at most %d", switches, c.switches)
			}
		})
	}
}

func TestPath_AudioContinuesWhereNoVideoFits(t *testing.T) {
	w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
	w.run(20, nil)
	w.path.bitrate = 150e3
	w.resetStats()
	w.run(20, nil)
	v := w.viewers[0]
	t.Log(w)
	if v.audioLost*20 > v.audioPackets {
		t.Errorf("%d of %d audio packets were lost", v.audioLost, v.audioPackets)
	}
	if w.first().current != NoLayer {
		t.Errorf("layer %d flows over 150 kbps", w.first().current)
	}
	w.path.bitrate = 4e6
	w.run(10, nil)
	if w.first().current == NoLayer {
		t.Errorf("the video is still paused 10 s after the path recovered:%v", w)
	}
}

func TestPath_ALongerRouteIsNoQueue(t *testing.T) {
	w := newSimulation(bottleneck{latency: 15e6}, newViewer(1, 8))
	w.run(20, nil)
	w.path.latency = 115 * time.Millisecond
	w.resetStats()
	w.run(15, nil)
	t.Log(w)
	if w.first().current != bestLayer {
		t.Errorf("not at the best layer 15 s after the latency grew:%v", w)
	}
}

// The path becomes narrow in both directions. Packets of lost reports must count neither as
// lost nor as missing from the arrival rate.
func TestPath_LostReportsDoNotLowerTheEstimate(t *testing.T) {
	w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
	w.run(30, nil)
	w.path.bitrate, w.path.reportLoss = 1e6, 0.6
	smallest := maxBitrate
	down := w.await(3, func() bool {
		estimate, _ := w.viewers[0].estimator.Bitrate()
		smallest = min(smallest, estimate)
		return w.first().current < bestLayer
	})
	if down > 2*time.Second {
		t.Errorf("the downgrade took %v:%v", down, w)
	}
	if smallest < 500_000 {
		t.Errorf("the estimate fell to %d on a path of 1 Mbps", smallest)
	}
	t.Logf("downgrade after %v, smallest estimate %d", down, smallest)
}

func TestPath_DowngradesWhileHalfOfTheReportsAreLost(t *testing.T) {
	var slowest time.Duration
	for try := range 25 {
		w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6}, newViewer(1, 8))
		w.run(20+float64(try)*0.13, nil)
		w.path.bitrate, w.path.reportLoss = 500e3, 0.5
		slowest = max(slowest, w.timeToDowngrade(t, 1))
	}
	t.Logf("downgrade after at most %v", slowest)
}

// Probes become rare on a path that is narrow for a minute, but the first one that gains is
// followed by others.
func TestPath_UpgradesSoonAfterALongTime(t *testing.T) {
	for _, jitter := range []time.Duration{0, 40 * time.Millisecond} {
		var slowest time.Duration
		for try := range 20 {
			w := newSimulation(bottleneck{bitrate: 4e6, latency: 15e6, jitter: jitter}, newViewer(1, 8))
			w.run(20, nil)
			w.path.bitrate = 500e3
			w.run(60+float64(try)*0.31, nil)
			w.path.bitrate = 4e6
			slowest = max(slowest, w.await(12, func() bool { return w.first().current == bestLayer }))
		}
		t.Logf("jitter %v: upgrade after at most %v", jitter, slowest)
		if slowest > 6*time.Second {
			t.Errorf("jitter %v: the upgrade took %v, want 6 s", jitter, slowest)
		}
	}
}

// The path becomes narrower a second time before the queue of the first time is gone.
func TestPath_DowngradesWhenItNarrowsTwice(t *testing.T) {
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
				t.Logf("downgrade after at most %v", slowest)
			})
		}
	}
}
