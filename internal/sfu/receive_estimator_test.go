package sfu

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rostrum/internal/media"
)

// A crossing sends packets of 1,200 bytes over a simulated path: a bottleneck with a queue of
// 300 ms that drops its tail, 15 ms long, with jitter.
type crossing struct {
	bps    float64       // 0 for no limit
	jitter time.Duration // ns, evenly
	rate   float64       // bits a second that are sent
	busy   time.Duration // until then the bottleneck is
	due    float64       // ns
	onWay  []crosser
	random *rand.Rand
}

type crosser struct{ sent, arrives time.Duration }

// step sends what is due and gives the uplink what has come.
func (c *crossing) step(u *receiveEstimator, now time.Duration) {
	const bits = 1228 * 8
	for ; c.due <= float64(now); c.due += bits / c.rate * 1e9 {
		at := now + 15e6
		if c.jitter > 0 {
			at += time.Duration(c.random.Int64N(int64(c.jitter)))
		}
		if c.bps > 0 {
			start := max(now, c.busy)
			if start-now > 300e6 {
				continue
			}
			c.busy = start + time.Duration(bits/c.bps*1e9)
			at += c.busy - now
		}
		c.onWay = append(c.onWay, crosser{now, at})
	}
	still := c.onWay[:0]
	for _, p := range c.onWay {
		if p.arrives > now {
			still = append(still, p)
			continue
		}
		ticks := uint32(p.sent * sendClock / 1e9)
		u.record([]byte{byte(ticks >> 16), byte(ticks >> 8), byte(ticks)}, 1228, now)
	}
	c.onWay = still
}

// TestUplink_BoundsAPublisherWhosePathHasBecomeNarrow lets a publisher send at one rate, which
// it lowers to what it's told, if it listens, as browsers do.
func TestUplink_BoundsAPublisherWhosePathHasBecomeNarrow(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		says        string
		before, bps float64 // of the path, until 10 s and until 20 s, then as before
		jitter      time.Duration
		deaf        bool
		bound       bool
	}{
		{says: "a path that stays wide", before: 4e6, bps: 4e6},
		{says: "one without limit", jitter: 1},
		{says: "one that mixes packets up", jitter: 60 * ms},
		{says: "a narrower one that is wide enough", before: 4e6, bps: 1.5e6},
		{says: "a path that narrows", before: 4e6, bps: 500e3, bound: true},
		{says: "a path that narrows, with jitter", before: 4e6, bps: 500e3, jitter: 40 * ms, bound: true},
		{says: "a publisher that doesn't listen", before: 4e6, bps: 500e3, deaf: true, bound: true},
	} {
		t.Run(c.says, func(t *testing.T) {
			var u receiveEstimator
			path := crossing{bps: c.before, jitter: c.jitter, rate: 1.2e6, due: 50e9, random: rand.New(rand.NewPCG(1, 2))}
			first, told, lifted := time.Duration(0), float32(0), time.Duration(0)
			for at := time.Duration(0); at < 30_000; at++ { // the sender's clock wraps on the way
				now := (50_000 + at) * ms
				switch at {
				case 10_000:
					path.bps = c.bps
				case 20_000:
					path.bps = c.before
				}
				path.step(&u, now)
				if at%50 != 0 {
					continue
				}
				u.update(now)
				bps, ok := u.nextREMB(now)
				if !ok {
					continue
				}
				told, lifted = bps, at
				if first == 0 {
					first = at
				}
				if !c.deaf {
					path.rate = min(1.2e6, float64(bps))
				}
			}
			if !c.bound {
				if first != 0 {
					t.Fatalf("told %.0f after %d ms, want nothing told", told, first)
				}
				return
			}
			if first < 10_000 || first > 10_700 {
				t.Errorf("first told after %d ms, want within 700 ms after 10,000", first)
			}
			if told != rembUnlimited || lifted > 24_000 {
				t.Errorf("last told %.0f after %d ms, want %.0f and at most 4 s after 20,000", told, lifted, float32(rembUnlimited))
			}
		})
	}
}

func TestTrack_LeavesOutWhatDoesNotFitIntoABound(t *testing.T) {
	for _, c := range []struct {
		says    string
		flowing []string
		bound   int
		left    []bool // of low, mid and hi
	}{
		{"all fit", []string{"low", "mid", "hi"}, 3_000_000, []bool{false, false, false}},
		{"the best one still has more than half", []string{"low", "mid", "hi"}, 1_900_000, []bool{false, false, false}},
		{"the best one has less", []string{"low", "mid", "hi"}, 1_600_000, []bool{false, false, true}},
		{"only the smallest fits", []string{"low", "mid", "hi"}, 425_000, []bool{false, true, true}},
		{"not even that", []string{"low", "mid", "hi"}, 100_000, []bool{false, true, true}},
		{"what isn't sent takes nothing", []string{"low", "hi"}, 1_200_000, []bool{false, false, false}},
	} {
		track := &Track{kind: media.Video, codec: media.H264}
		for i := range int8(3) {
			track.layers = append(track.layers, newLayer(track, i, ""))
		}
		track.view.Store(&trackView{layers: threeLayers(c.flowing...)})
		fell := track.stopUnaffordable(1, c.bound)
		for i, v := range track.view.Load().layers {
			if left := track.layers[v.index].stopped.since != 0; left != c.left[i] {
				t.Errorf("%s: %s left out: %v, want %v", c.says, v.label, left, c.left[i])
			}
		}
		if want := slices.Contains(c.left, true); fell != want {
			t.Errorf("%s: told that some are: %v, want %v", c.says, fell, want)
		}
	}
}
