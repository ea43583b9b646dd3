package sfu

import (
	"math/rand/v2"
	"testing"
	"time"

	"rostrum/internal/media"
)

func pkt(layer int8, seq uint64, ts uint32, key bool) *media.Packet {
	return &media.Packet{Codec: media.H264, Layer: layer, Sequence: seq, Timestamp: ts, Keyframe: key, Payload: []byte{1, 2, 3}}
}

// step is one packet offered to a Forwarder and what must come of it.
type step struct {
	says   string
	target int8 // set before the packet
	in     *media.Packet
	drop   Drop
	seq    uint64
	ts     uint32
}

func run(t *testing.T, name string, steps []step) {
	t.Helper()
	f := newForwarder(media.H264, 100)
	for _, s := range steps {
		if s.target != f.target {
			f.SetTarget(s.target)
		}
		n, drop := f.Forward(s.in)
		if drop != s.drop || drop == None && (n.Sequence != s.seq || n.Timestamp != s.ts) {
			t.Errorf("%s: %s: got %d at %d, %v, want %d at %d, %v", name, s.says, n.Sequence, n.Timestamp, drop, s.seq, s.ts, s.drop)
		}
	}
}

func at(p *media.Packet, ns time.Duration) *media.Packet {
	p.Arrived = ns
	return p
}

func captured(p *media.Packet, ns int64) *media.Packet {
	p.Captured = ns
	return p
}

func padding(layer int8, seq uint64) *media.Packet {
	p := pkt(layer, seq, 0, false)
	p.Payload = nil
	return p
}

func TestForwarder_EntersLayerOnlyAtKeyframe(t *testing.T) {
	run(t, "enter", []step{
		{"a delta before any keyframe waits", 0, pkt(0, 1000, 5000, false), BeforeKeyframe, 0, 0},
		{"the keyframe opens the line", 0, pkt(0, 1001, 5000, true), None, 100, 5000},
		{"and the picture goes on", 0, pkt(0, 1002, 5000, false), None, 101, 5000},
		{"another layer is left out", 0, pkt(1, 7, 900, true), OtherLayer, 0, 0},
		{"while the target waits the old layer flows", 1, pkt(0, 1003, 8000, false), None, 102, 8000},
		{"a delta of the target doesn't count", 1, pkt(1, 8, 900, false), BeforeKeyframe, 0, 0},
	})
}

func TestForwarder_SwitchesWithoutBreakInBothDirections(t *testing.T) {
	run(t, "by capture time", []step{
		{"begin low", 0, captured(at(pkt(0, 10, 90_000, true), 0), 1e9), None, 100, 90_000},
		{"low goes on", 0, captured(at(pkt(0, 11, 93_000, false), 0), 1e9+33_333_333), None, 101, 93_000},
		{"up, 100 ms later", 1, captured(at(pkt(1, 500, 7, true), 9e9), 1e9+133_333_333), None, 102, 102_000},
		{"up goes on", 1, captured(pkt(1, 501, 3007, false), 1e9+166_666_666), None, 103, 105_000},
		{"what low still sends is left out", 1, captured(pkt(0, 12, 96_000, false), 1e9), OtherLayer, 0, 0},
		{"down, 100 ms later", 0, captured(pkt(0, 20, 111_000, true), 1e9+266_666_666), None, 104, 114_000},
		{"down goes on", 0, captured(pkt(0, 21, 114_000, false), 1e9+300_000_000), None, 105, 117_000},
	})
	run(t, "by arrival, without sender reports", []step{
		{"begin", 0, at(pkt(0, 10, 90_000, true), 0), None, 100, 90_000},
		{"up", 1, at(pkt(1, 500, 4_000_000_000, true), 1e9), None, 101, 180_000},
		{"down with a clock that stands still moves at least a tick", 0, at(pkt(0, 30, 5, true), 1e9), None, 102, 180_001},
	})
}

func TestForwarder_NumbersSurviveWraps(t *testing.T) {
	run(t, "timestamp", []step{
		{"just before the wrap", 0, pkt(0, 65534, 0xfffffff0, true), None, 100, 0xfffffff0},
		{"after it", 0, pkt(0, 65535, 0x10, false), None, 101, 0x10},
		{"the sequence wraps too", 0, pkt(0, 65536, 0x20, false), None, 102, 0x20},
		{"one that went out before the wraps doesn't go again", 0, pkt(0, 65534, 0xfffffff0, false), Duplicate, 0, 0},
	})
}

func TestForwarder_GapsAndLatePackets(t *testing.T) {
	run(t, "late", []step{
		{"begin", 0, pkt(0, 50, 1, true), None, 100, 1},
		{"a gap is kept", 0, pkt(0, 53, 1, false), None, 103, 1},
		{"the late one fits in", 0, pkt(0, 51, 1, false), None, 101, 1},
		{"one from before the entry has no place", 0, pkt(0, 49, 1, false), BeforeSwitch, 0, 0},
		{"switch", 1, at(pkt(1, 9000, 1, true), 1e9), None, 104, 90_001},
		{"a late one of the old layer is left out", 1, pkt(0, 52, 1, false), OtherLayer, 0, 0},
		{"back", 0, at(pkt(0, 60, 1, true), 2e9), None, 105, 180_001},
		{"what was missed in between has no place", 0, pkt(0, 59, 1, false), BeforeSwitch, 0, 0},
		{"but the hole of the first run is filled", 0, pkt(0, 52, 1, false), None, 102, 1},
	})
}

func TestForwarder_ClosesTheGapOfPadding(t *testing.T) {
	run(t, "padding", []step{
		{"begin", 0, pkt(0, 50, 1, true), None, 100, 1},
		{"padding goes no further", 0, padding(0, 51), Padding, 0, 0},
		{"and leaves no hole", 0, pkt(0, 52, 2, false), None, 101, 2},
		{"two more", 0, padding(0, 53), Padding, 0, 0},
		{"in a row", 0, padding(0, 54), Padding, 0, 0},
		{"leave none either", 0, pkt(0, 56, 3, false), None, 103, 3},
		{"the late packet between gets its own number", 0, pkt(0, 55, 3, false), None, 102, 3},
		{"one that went out doesn't go again", 0, pkt(0, 50, 1, false), Duplicate, 0, 0},
	})
}

func TestForwarder_PausesAndResumesOnOneLine(t *testing.T) {
	run(t, "pause", []step{
		{"begin", 0, at(pkt(0, 50, 90_000, true), 0), None, 100, 90_000},
		{"paused", NoLayer, at(pkt(0, 51, 93_000, false), 0), Paused, 0, 0},
		{"a keyframe too", NoLayer, at(pkt(0, 52, 96_000, true), 0), Paused, 0, 0},
		{"resumed, but no keyframe yet", 0, at(pkt(0, 53, 99_000, false), 0), BeforeKeyframe, 0, 0},
		{"the line goes on, time has passed", 0, at(pkt(0, 90, 270_000, true), 2e9), None, 101, 270_000},
	})
}

func TestForwarder_ReplayTellsThePastFaster(t *testing.T) {
	f := newForwarder(media.H264, 1)
	first := pkt(0, 100, 1_000_000, true)
	anchor := uint32(1_000_000 + 64*3000)
	f.Replay(first, anchor)
	last := uint32(0)
	for i := range uint64(70) {
		n, drop := f.Forward(pkt(0, 100+i, uint32(1_000_000+i*3000), false))
		if drop != None || n.Sequence != 1+i {
			t.Fatalf("packet %d: number %d, %v", i, n.Sequence, drop)
		}
		if i > 0 && int32(n.Timestamp-last) <= 0 {
			t.Fatalf("packet %d: time stands still or runs back, %d after %d", i, n.Timestamp, last)
		}
		last = n.Timestamp
		want := uint32(1_000_000 + i*3000)
		if i < 64 {
			want = anchor - uint32((64-i)*3000/64)
		}
		if n.Timestamp != want {
			t.Fatalf("packet %d: time %d, want %d", i, n.Timestamp, want)
		}
	}
	// A NACK for a replayed packet finds it under the pressed time.
	layer, original, run, ok := f.Lookup(5)
	if !ok || layer != 0 || original != 104 || run.timestamp(1_012_000) != anchor-60*3000/64 {
		t.Errorf("NACK of 5: layer %d, original %d, time %d, %v", layer, original, run.timestamp(1_012_000), ok)
	}
}

func TestForwarder_VP8PicturesGoOnAcrossLayers(t *testing.T) {
	vp8 := func(layer int8, seq uint64, picture uint16, tl0 uint8, key bool) *media.Packet {
		p := pkt(layer, seq, uint32(seq)*3000, key)
		p.Codec = media.VP8
		p.Payload = []byte{0x90, 0xe0, 0x80 | byte(picture>>8), byte(picture), tl0, 0x20, 1, 2}
		return p
	}
	f := newForwarder(media.VP8, 1)
	f.SetTarget(0)
	for i, c := range []struct {
		in      *media.Packet
		target  int8
		picture uint16
		tl0     uint8
	}{
		{vp8(0, 10, 0x7ffe, 254, true), 0, 0x7ffe, 254},
		{vp8(0, 11, 0x7fff, 255, false), 0, 0x7fff, 255},
		{vp8(1, 70, 300, 9, true), 1, 0, 0},
		{vp8(1, 71, 301, 10, false), 1, 1, 1},
		{vp8(0, 20, 5, 77, true), 0, 2, 2},
	} {
		f.SetTarget(c.target)
		n, drop := f.Forward(c.in)
		d, _ := media.ParseVP8(c.in.Payload)
		d.Renumber(c.in.Payload, n.PictureOffset, n.TL0Offset)
		d, _ = media.ParseVP8(c.in.Payload)
		if drop != None || d.Picture != c.picture || d.TL0 != c.tl0 {
			t.Errorf("packet %d: picture %d, TL0 %d, %v, want %d and %d", i, d.Picture, d.TL0, drop, c.picture, c.tl0)
		}
	}
}

// TestForwarder_KeepsOneLineWhateverComes throws random layers, losses, reordering, padding
// and pauses at a Forwarder: no two different packets may share a number, and every number
// that NACK asks for leads back to the packet that had it.
func TestForwarder_KeepsOneLineWhateverComes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		f := newForwarder(media.H264, uint16(r.UintN(0x3000)))
		next := [3]uint64{70_000 + r.Uint64N(1<<17), 1 << 20, 65_000}
		type identity struct {
			layer int8
			seq   uint64
		}
		sent := map[uint64]identity{}
		order := []uint64{}
		var held []*media.Packet
		now := time.Duration(0)
		for range 3000 {
			now += time.Duration(r.Int64N(20e6))
			if r.UintN(100) == 0 {
				f.SetTarget(int8(r.UintN(4)) - 1)
			}
			layer := int8(r.UintN(3))
			p := at(pkt(layer, next[layer], uint32(now*9/100_000), r.UintN(20) == 0), now)
			next[layer]++
			switch r.UintN(20) {
			case 0:
				continue // lost
			case 1:
				held = append(held, p)
				continue
			case 2:
				p = padding(layer, p.Sequence)
			}
			batch := []*media.Packet{p}
			if len(held) > 0 && r.UintN(3) == 0 {
				batch, held = append(batch, held...), nil
			}
			for _, p := range batch {
				n, drop := f.Forward(p)
				if drop != None {
					continue
				}
				if was, ok := sent[n.Sequence]; ok {
					t.Fatalf("seed %d: number %d was %v and is now %v", seed, n.Sequence, was, identity{p.Layer, p.Sequence})
				}
				sent[n.Sequence] = identity{p.Layer, p.Sequence}
				order = append(order, n.Sequence)
			}
		}
		if len(order) == 0 {
			continue
		}
		for _, out := range order[max(0, len(order)-30):] {
			if out+1000 < f.lastSent {
				continue
			}
			layer, original, _, ok := f.Lookup(uint16(out))
			if ok && (identity{layer, original}) != sent[out] {
				t.Fatalf("seed %d: NACK of %d leads to %d/%d, it was %v", seed, out, layer, original, sent[out])
			}
		}
	}
}

func TestRing_RefusesDuplicatesAndTheTooOld(t *testing.T) {
	r := newRing(8)
	for _, c := range []struct {
		seq  uint64
		key  bool
		want Drop
	}{{100, true, None}, {100, false, Duplicate}, {102, false, None}, {101, false, None}, {109, false, None}, {101, false, TooOld}, {102, false, Duplicate}, {103, false, None}} {
		if got := r.put(pkt(0, c.seq, 0, c.key)); got != c.want {
			t.Errorf("put %d: %v, want %v", c.seq, got, c.want)
		}
	}
	if _, ok := r.keyframeGroup(); ok {
		t.Error("the keyframe left the ring, its group is still offered")
	}
	if p := r.get(103); p == nil || p.Sequence != 103 {
		t.Errorf("103 isn't found: %v", p)
	}
	if r.get(100) != nil || r.get(104) != nil {
		t.Error("packets are found that aren't there")
	}
}

func TestForwarder_LeavesNoGapForALayerThatWasLeft(t *testing.T) {
	f := newForwarder(media.H264, 100)
	f.SetTarget(1)
	for n := range uint64(3) {
		f.Forward(pkt(1, 500+n, 9000, n == 0))
	}
	f.SetTarget(0)
	f.LeaveCurrent()
	if _, drop := f.Forward(pkt(1, 503, 12000, false)); drop != OtherLayer {
		t.Errorf("a packet of the layer that was left: %v, want %v", drop, OtherLayer)
	}
	if !f.NeedsKeyframe() {
		t.Error("it doesn't wait for the target's keyframe")
	}
	if n, drop := f.Forward(pkt(0, 70, 4000, true)); drop != None || n.Sequence != 103 {
		t.Errorf("the target's keyframe went out as %d, %v; want 103", n.Sequence, drop)
	}
	if _, drop := f.Forward(pkt(1, 504, 12000, false)); drop != OtherLayer {
		t.Errorf("a late packet of the layer that was left: %v, want %v", drop, OtherLayer)
	}
}
