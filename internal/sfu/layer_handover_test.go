package sfu

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// A keyframe of twenty packets takes 400 ms to arrive, in which the layer before goes on: the
// receiver's picture must not stop. A packet of it may be lost, too, and come late or never.
func TestSubscription_OldLayerFlowsUntilTheKeyframeOfTheNewOneIsComplete(t *testing.T) {
	const packets, lost = 20, 7
	for _, c := range []struct {
		name     string
		late     int // packets of the new layer until the lost one comes; negative for never
		switches int // the packet of the new layer with which it switches; 0 for never
	}{
		{"nothing is lost", 0, packets - 1},
		{"a packet comes late", 15, packets + 2},
		{"a packet never comes", -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTestBench(t, 1, Config{}, browserOffer, watchOffer)
			v := g.viewers[0]
			u := v.subs[1]
			packet := func(layer string, ssrc uint32, n, picture int, marker bool, body string) []byte {
				h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: uint16(n), Timestamp: uint32(picture) * 1800, SSRC: ssrc, Marker: marker}
				_ = h.SetExtension(10, []byte(layer))
				return g.encrypt(&h, []byte(body+layer))
			}
			high := func(n int) []byte {
				switch {
				case n == 0:
					return packet("hi", 79, 500, 100, false, idr)
				case n < packets:
					return packet("hi", 79, 500+n, 100, n == packets-1, "\x41")
				}
				return packet("hi", 79, 500+n, 100+n-packets+1, true, "\x41")
			}
			began := 0 // the old layer's packets until the new one's first
			g.onShard(func(s *shard) {
				v.sender.pacingBitrate, v.sender.lastAckedSent = 1<<36, 1
				low, hi := int8(-1), int8(-1)
				for _, l := range u.track.layers {
					switch l.label {
					case "low":
						low = l.index
					case "hi":
						hi = l.index
					}
				}
				u.setTarget(low, NotPaused)
				u.forwarder.SetTarget(low)
				for turn := range 80 {
					s.now += 20 * time.Millisecond
					body := "\x41"
					if turn == 0 {
						body = idr
					}
					all := [][]byte{packet("low", 78, turn, turn, true, body)}
					n := turn - 20
					if n == 0 {
						u.setTarget(hi, NotPaused)
						u.forwarder.SetTarget(hi)
					}
					if n >= 0 && (c.switches == packets-1 || n != lost) {
						all = append(all, high(n))
					}
					if c.late > 0 && n == lost+c.late {
						all = append(all, high(lost))
					}
					for _, p := range all {
						g.publisher.transport.receive(s, p)
					}
					s.flushBursts()
					if v.onPacingList {
						v.sendPaced(s)
					}
					if u.forwarder.current == hi && began == 0 {
						began = n
					}
				}
			})
			got := g.received(0, 200*time.Millisecond)
			if began != c.switches {
				t.Errorf("the new layer begins with its packet %d, expected %d", began, c.switches)
			}
			old := 0
			for i, p := range got {
				if strings.HasSuffix(string(p.Payload), "low") {
					old++
				}
				if i == 0 {
					continue
				}
				if before := got[i-1]; p.SequenceNumber != before.SequenceNumber+1 || int32(p.Timestamp-before.Timestamp) < 0 {
					t.Fatalf("packet %d at %d follows %d at %d", p.SequenceNumber, p.Timestamp, before.SequenceNumber, before.Timestamp)
				}
			}
			if want := 20 + c.switches + 1; c.switches > 0 && (old < want-1 || old > want) {
				t.Errorf("%d packets of the old layer came, expected %d", old, want)
			}
		})
	}
}
