package sfu

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// simulatedPath carries packets of 1,200 bytes over a bottleneck with a tail-drop queue of 300 ms,
// with 15 ms of latency and with jitter.
type simulatedPath struct {
	capacity    float64       // 0 for no limit
	jitter      time.Duration // uniform
	sendBitrate float64       // by the publisher
	busyUntil   time.Duration // of the bottleneck
	nextSend    float64       // ns
	inTransit   []transitPacket
	random      *rand.Rand
}

type transitPacket struct{ sent, arrives time.Duration }

// step sends what is due and passes what has arrived to the estimator.
func (c *simulatedPath) step(u *receiveEstimator, now time.Duration) {
	const bits = 1228 * 8
	for ; c.nextSend <= float64(now); c.nextSend += bits / c.sendBitrate * 1e9 {
		at := now + 15e6
		if c.jitter > 0 {
			at += time.Duration(c.random.Int64N(int64(c.jitter)))
		}
		if c.capacity > 0 {
			start := max(now, c.busyUntil)
			if start-now > 300e6 {
				continue
			}
			c.busyUntil = start + time.Duration(bits/c.capacity*1e9)
			at += c.busyUntil - now
		}
		c.inTransit = append(c.inTransit, transitPacket{now, at})
	}
	still := c.inTransit[:0]
	for _, p := range c.inTransit {
		if p.arrives > now {
			still = append(still, p)
			continue
		}
		ticks := uint32(p.sent * sendClock / 1e9)
		u.record([]byte{byte(ticks >> 16), byte(ticks >> 8), byte(ticks)}, 1228, now)
	}
	c.inTransit = still
}

// The publisher sends at one bitrate. It follows REMB, as browsers do, unless it ignores it.
func TestReceiveEstimator_LimitsAPublisherWhosePathNarrows(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name        string
		before, bps float64 // of the path, until 10 s and until 20 s, then as before
		jitter      time.Duration
		ignores     bool
		limited     bool
	}{
		{name: "a path that stays wide", before: 4e6, bps: 4e6},
		{name: "a path without limit", jitter: 1},
		{name: "a path that reorders", jitter: 60 * ms},
		{name: "a narrower path that is wide enough", before: 4e6, bps: 1.5e6},
		{name: "a path that narrows", before: 4e6, bps: 500e3, limited: true},
		{name: "a path that narrows, with jitter", before: 4e6, bps: 500e3, jitter: 40 * ms, limited: true},
		{name: "a publisher that ignores REMB", before: 4e6, bps: 500e3, ignores: true, limited: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var u receiveEstimator
			path := simulatedPath{capacity: c.before, jitter: c.jitter, sendBitrate: 1.2e6, nextSend: 50e9, random: rand.New(rand.NewPCG(1, 2))}
			first, last, lastAt := time.Duration(0), float32(0), time.Duration(0)
			for at := time.Duration(0); at < 30_000; at++ { // the sender's clock wraps on the way
				now := (50_000 + at) * ms
				switch at {
				case 10_000:
					path.capacity = c.bps
				case 20_000:
					path.capacity = c.before
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
				last, lastAt = bps, at
				if first == 0 {
					first = at
				}
				if !c.ignores {
					path.sendBitrate = min(1.2e6, float64(bps))
				}
			}
			if !c.limited {
				if first != 0 {
					t.Fatalf("REMB of %.0f after %d ms, want none", last, first)
				}
				return
			}
			if first < 10_000 || first > 10_700 {
				t.Errorf("first REMB after %d ms, want within 700 ms after 10,000", first)
			}
			if last != rembUnlimited || lastAt > 24_000 {
				t.Errorf("last REMB %.0f after %d ms, want %.0f and at most 4 s after 20,000", last, lastAt, float32(rembUnlimited))
			}
		})
	}
}

func TestTrack_StopsLayersThatDoNotFitALimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		flowing []string
		limit   int
		stopped []bool // low, mid and hi
	}{
		{"all fit", []string{"low", "mid", "hi"}, 3_000_000, []bool{false, false, false}},
		{"more than half of the best fits", []string{"low", "mid", "hi"}, 1_900_000, []bool{false, false, false}},
		{"less than half of the best fits", []string{"low", "mid", "hi"}, 1_600_000, []bool{false, false, true}},
		{"only the smallest fits", []string{"low", "mid", "hi"}, 425_000, []bool{false, true, true}},
		{"not even the smallest fits", []string{"low", "mid", "hi"}, 100_000, []bool{false, true, true}},
		{"a layer that is not sent", []string{"low", "hi"}, 1_200_000, []bool{false, false, false}},
	} {
		track := h264Track()
		for i := range int8(3) {
			track.layers = append(track.layers, newLayer(track, i, ""))
		}
		track.view.Store(&trackView{layers: threeLayers(c.flowing...)})
		stopped := track.stopUnaffordable(1, c.limit)
		for i, v := range track.view.Load().layers {
			if got := track.layers[v.index].stopped.since != 0; got != c.stopped[i] {
				t.Errorf("%s: %s stopped: %v, want %v", c.name, v.label, got, c.stopped[i])
			}
		}
		if want := slices.Contains(c.stopped, true); stopped != want {
			t.Errorf("%s: returns %v, want %v", c.name, stopped, want)
		}
	}
}
