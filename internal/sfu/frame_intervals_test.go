package sfu

import (
	"testing"
	"time"

	"rostrum/internal/media"
)

// TestTrack_HearsALayerFallSilent feeds the pictures of two layers, the smaller one first, and
// looks every 10 ms whether the larger one is taken for left out.
func TestTrack_HearsALayerFallSilent(t *testing.T) {
	const ms = time.Millisecond
	type span struct {
		until    time.Duration // ms
		low, hi  time.Duration // ms between pictures, 0 for none
		trickles time.Duration // ms between packets of hi that belong to a picture from before
	}
	for _, c := range []struct {
		says         string
		spans        []span
		silent, back time.Duration // ms, at most; 0 for never
	}{
		{"both flow", []span{{20_000, 33, 33, 0}}, 0, 0},
		{"the best is left out", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 0}}, 5_450, 0},
		{"and comes back", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 0}, {12_000, 33, 33, 0}}, 5_450, 10_200},
		{"what is repaired of it is no picture", []span{{5_000, 33, 33, 0}, {10_000, 33, 0, 100}}, 5_450, 0},
		{"the camera is off", []span{{5_000, 33, 33, 0}, {20_000, 0, 0, 0}, {25_000, 33, 33, 0}}, 0, 0},
		{"the camera is off and on again", []span{{5_000, 33, 33, 0}, {5_700, 0, 0, 0}, {25_000, 33, 33, 0}}, 0, 0},
		{"a screen of one picture a second", []span{{30_000, 1000, 1000, 0}}, 0, 0},
		{"a screen of five pictures a second", []span{{20_000, 200, 200, 0}}, 0, 0},
		{"of which the best is left out", []span{{5_000, 200, 200, 0}, {10_000, 200, 0, 0}}, 5_900, 0},
		{"a screen that is scrolled now and then", []span{{5_000, 1000, 1000, 0}, {8_000, 33, 33, 0}, {15_000, 1000, 1000, 0}, {17_000, 100, 100, 0}, {25_000, 5000, 5000, 0}}, 0, 0},
		{"the best has fewer pictures", []span{{20_000, 33, 250, 0}}, 0, 0},
		{"the best has one a second", []span{{20_000, 33, 1000, 0}}, 0, 0},
		{"the best begins later", []span{{5_000, 33, 0, 0}, {10_000, 33, 33, 0}}, 0, 0},
		{"the smaller one is left out", []span{{5_000, 33, 33, 0}, {10_000, 0, 33, 0}}, 0, 0},
	} {
		t.Run(c.says, func(t *testing.T) {
			track := &Track{kind: media.Video, codec: media.H264}
			low, hi := newLayer(track, 0, "low"), newLayer(track, 1, "hi")
			low.width, low.height, hi.width, hi.height = 320, 180, 1280, 720
			track.layers = []*Layer{low, hi}
			track.view.Store(&trackView{})
			var sequence [2]uint16
			show := func(l *Layer, now time.Duration) {
				sequence[l.index]++
				p := media.Packet{Payload: []byte{0x41, 1}, Marker: true}
				l.accept(&p, sequence[l.index], uint32(now/ms*90), now, false)
			}
			silent, back := time.Duration(0), time.Duration(0)
			for now, i := 10*ms, 0; i < len(c.spans); now += ms {
				s := c.spans[i]
				at := now / ms
				if at >= s.until {
					i++
					continue
				}
				if s.low != 0 && at%s.low == 0 {
					show(low, now)
				}
				if s.hi != 0 && at%s.hi == 0 {
					show(hi, now)
				}
				if s.trickles != 0 && at%s.trickles == 0 {
					sequence[1]++
					p := media.Packet{Payload: []byte{0x41, 1}}
					hi.accept(&p, sequence[1], hi.lastTimestamp, now, true)
				}
				if at%10 == 0 && track.detectStopped(now, false) && silent == 0 {
					silent = at
				}
				if at%250 == 0 {
					track.measure(now)
				}
				if silent != 0 && back == 0 && hi.stopped.since == 0 {
					back = at
				}
			}
			if silent > c.silent || (silent == 0) != (c.silent == 0) {
				t.Errorf("taken for left out at %d ms, want by %d (0: never)", silent, c.silent)
			}
			if back > c.back || (back == 0) != (c.back == 0) {
				t.Errorf("taken for back at %d ms, want by %d (0: never)", back, c.back)
			}
		})
	}
}
