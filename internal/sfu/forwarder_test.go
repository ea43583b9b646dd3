package sfu

import (
	"math/rand/v2"
	"testing"
	"time"

	"rostrum/internal/media"
)

func newPacket(layer int8, seq uint64, ts uint32, key bool) *media.Packet {
	return &media.Packet{Codec: media.H264, Layer: layer, Sequence: seq, Timestamp: ts, Keyframe: key, Payload: []byte{1, 2, 3}}
}

// forwardStep is one packet for a Forwarder, and the expected result.
type forwardStep struct {
	name   string
	target int8 // set before the packet
	in     *media.Packet
	drop   Drop
	seq    uint64
	ts     uint32
}

func runForwarder(t *testing.T, name string, steps []forwardStep) {
	t.Helper()
	f := newForwarder(media.H264, 100)
	for _, s := range steps {
		if s.target != f.target {
			f.SetTarget(s.target)
		}
		n, drop := f.Forward(s.in)
		if drop != s.drop || drop == None && (n.Sequence != s.seq || n.Timestamp != s.ts) {
			t.Errorf("%s: %s: got %d at %d, %v, want %d at %d, %v", name, s.name, n.Sequence, n.Timestamp, drop, s.seq, s.ts, s.drop)
		}
	}
}

func arrivedAt(p *media.Packet, ns time.Duration) *media.Packet {
	p.Arrived = ns
	return p
}

func capturedAt(p *media.Packet, ns int64) *media.Packet {
	p.Captured = ns
	return p
}

func newPadding(layer int8, seq uint64) *media.Packet {
	p := newPacket(layer, seq, 0, false)
	p.Payload = nil
	return p
}

func TestForwarder_EntersLayerOnlyAtKeyframe(t *testing.T) {
	runForwarder(t, "enter", []forwardStep{
		{"a delta frame before any keyframe", 0, newPacket(0, 1000, 5000, false), BeforeKeyframe, 0, 0},
		{"the keyframe", 0, newPacket(0, 1001, 5000, true), None, 100, 5000},
		{"the rest of the frame", 0, newPacket(0, 1002, 5000, false), None, 101, 5000},
		{"another layer", 0, newPacket(1, 7, 900, true), OtherLayer, 0, 0},
		{"the old layer, while the target waits", 1, newPacket(0, 1003, 8000, false), None, 102, 8000},
		{"a delta frame of the target", 1, newPacket(1, 8, 900, false), BeforeKeyframe, 0, 0},
	})
}

func TestForwarder_SwitchesWithoutGapInBothDirections(t *testing.T) {
	runForwarder(t, "by capture time", []forwardStep{
		{"low starts", 0, capturedAt(arrivedAt(newPacket(0, 10, 90_000, true), 0), 1e9), None, 100, 90_000},
		{"low continues", 0, capturedAt(arrivedAt(newPacket(0, 11, 93_000, false), 0), 1e9+33_333_333), None, 101, 93_000},
		{"up, 100 ms later", 1, capturedAt(arrivedAt(newPacket(1, 500, 7, true), 9e9), 1e9+133_333_333), None, 102, 102_000},
		{"up continues", 1, capturedAt(newPacket(1, 501, 3007, false), 1e9+166_666_666), None, 103, 105_000},
		{"a packet of low", 1, capturedAt(newPacket(0, 12, 96_000, false), 1e9), OtherLayer, 0, 0},
		{"down, 100 ms later", 0, capturedAt(newPacket(0, 20, 111_000, true), 1e9+266_666_666), None, 104, 114_000},
		{"down continues", 0, capturedAt(newPacket(0, 21, 114_000, false), 1e9+300_000_000), None, 105, 117_000},
	})
	runForwarder(t, "by arrival, without sender reports", []forwardStep{
		{"start", 0, arrivedAt(newPacket(0, 10, 90_000, true), 0), None, 100, 90_000},
		{"up", 1, arrivedAt(newPacket(1, 500, 4_000_000_000, true), 1e9), None, 101, 180_000},
		{"down at the same time advances by one tick", 0, arrivedAt(newPacket(0, 30, 5, true), 1e9), None, 102, 180_001},
	})
}

func TestForwarder_HandlesWraparound(t *testing.T) {
	runForwarder(t, "timestamp", []forwardStep{
		{"before the wraparound", 0, newPacket(0, 65534, 0xfffffff0, true), None, 100, 0xfffffff0},
		{"after it", 0, newPacket(0, 65535, 0x10, false), None, 101, 0x10},
		{"the sequence number wraps too", 0, newPacket(0, 65536, 0x20, false), None, 102, 0x20},
		{"a packet that was sent before", 0, newPacket(0, 65534, 0xfffffff0, false), Duplicate, 0, 0},
	})
}

func TestForwarder_KeepsGapsForLatePackets(t *testing.T) {
	runForwarder(t, "late", []forwardStep{
		{"start", 0, newPacket(0, 50, 1, true), None, 100, 1},
		{"after a gap", 0, newPacket(0, 53, 1, false), None, 103, 1},
		{"the late packet of the gap", 0, newPacket(0, 51, 1, false), None, 101, 1},
		{"a packet from before the start", 0, newPacket(0, 49, 1, false), BeforeSwitch, 0, 0},
		{"switch", 1, arrivedAt(newPacket(1, 9000, 1, true), 1e9), None, 104, 90_001},
		{"a late packet of the old layer", 1, newPacket(0, 52, 1, false), OtherLayer, 0, 0},
		{"back", 0, arrivedAt(newPacket(0, 60, 1, true), 2e9), None, 105, 180_001},
		{"a packet from before the return", 0, newPacket(0, 59, 1, false), BeforeSwitch, 0, 0},
		{"a late packet of the first run", 0, newPacket(0, 52, 1, false), None, 102, 1},
	})
}

func TestForwarder_LeavesNoGapForPadding(t *testing.T) {
	runForwarder(t, "padding", []forwardStep{
		{"start", 0, newPacket(0, 50, 1, true), None, 100, 1},
		{"padding", 0, newPadding(0, 51), Padding, 0, 0},
		{"a packet with the number of the padding", 0, newPacket(0, 51, 1, false), BeforeSwitch, 0, 0},
		{"the packet after it", 0, newPacket(0, 52, 2, false), None, 101, 2},
		{"padding again", 0, newPadding(0, 53), Padding, 0, 0},
		{"and again", 0, newPadding(0, 54), Padding, 0, 0},
		{"a packet after a gap", 0, newPacket(0, 56, 3, false), None, 103, 3},
		{"the late packet of the gap", 0, newPacket(0, 55, 3, false), None, 102, 3},
		{"a packet that was sent before", 0, newPacket(0, 50, 1, false), Duplicate, 0, 0},
	})
}

func TestForwarder_ResumesWithConsecutiveNumbers(t *testing.T) {
	runForwarder(t, "pause", []forwardStep{
		{"start", 0, arrivedAt(newPacket(0, 50, 90_000, true), 0), None, 100, 90_000},
		{"paused", NoLayer, arrivedAt(newPacket(0, 51, 93_000, false), 0), Paused, 0, 0},
		{"a keyframe while paused", NoLayer, arrivedAt(newPacket(0, 52, 96_000, true), 0), Paused, 0, 0},
		{"resumed, before a keyframe", 0, arrivedAt(newPacket(0, 53, 99_000, false), 0), BeforeKeyframe, 0, 0},
		{"the keyframe", 0, arrivedAt(newPacket(0, 90, 270_000, true), 2e9), None, 101, 270_000},
	})
}

func TestForwarder_ReplayCompressesTimestamps(t *testing.T) {
	f := newForwarder(media.H264, 1)
	first := newPacket(0, 100, 1_000_000, true)
	anchor := uint32(1_000_000 + 64*3000)
	f.Replay(first, newPacket(0, 164, anchor, false))
	last := uint32(0)
	for i := range uint64(70) {
		n, drop := f.Forward(newPacket(0, 100+i, uint32(1_000_000+i*3000), false))
		if drop != None || n.Sequence != 1+i {
			t.Fatalf("packet %d: number %d, %v", i, n.Sequence, drop)
		}
		if i > 0 && int32(n.Timestamp-last) <= 0 {
			t.Fatalf("packet %d: timestamp %d follows %d", i, n.Timestamp, last)
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
	// A NACK for a packet after the group finds it with its own timestamp.
	if original, run, _, ok := f.Lookup(70); !ok || original != 169 || run.timestamp(1_000_000) != 1_000_000 {
		t.Errorf("NACK of 70: original %d, run %+v, %v", original, run, ok)
	}
	if _, _, _, ok := f.Lookup(71); ok {
		t.Error("NACK of a number that was not sent finds a packet")
	}
	// A NACK for a replayed packet finds it with the compressed timestamp.
	original, run, _, ok := f.Lookup(5)
	if !ok || run.layer != 0 || original != 104 || run.timestamp(1_012_000) != anchor-60*3000/64 {
		t.Errorf("NACK of 5: layer %d, original %d, time %d, %v", run.layer, original, run.timestamp(1_012_000), ok)
	}
}

// Pictures are sent in the order of decoding, so the newest of a group need not be its last.
func TestForwarder_ReplayGoesOnAfterItsNewestTimestamp(t *testing.T) {
	f := newForwarder(media.H264, 1)
	f.Replay(newPacket(0, 100, 0, true), newPacket(0, 101, 6400, false))
	for i, c := range []struct{ in, want uint32 }{{0, 6300}, {6400, 6400}, {5760, 6390}, {6401, 6401}, {5760, 5760}} {
		if h, drop := f.Forward(newPacket(0, 100+uint64(i), c.in, false)); drop != None || h.Timestamp != c.want {
			t.Errorf("packet %d of %d is sent at %d, %v, want %d", i, c.in, h.Timestamp, drop, c.want)
		}
	}
}

// A group that is replayed in place of another layer ends when its newest packet is due, as
// far as it fits behind what was sent.
func TestForwarder_ReplayContinuesTheOtherLayer(t *testing.T) {
	for _, c := range []struct {
		name     string
		captured int64 // of the newest packet, after the end of the other layer; nanoseconds
		ticks    uint32
	}{
		{"a group that is ahead", 100e6, 9000},
		{"a group as long as it is behind", 0, 64*3000/64 + 1},
		{"a group that is behind", -500e6, 64*3000/64 + 1},
	} {
		f := newForwarder(media.H264, 1)
		f.SetTarget(0)
		old := newPacket(0, 50, 7000, true)
		old.Captured = 5e9
		if _, drop := f.Forward(old); drop != None {
			t.Fatal(drop)
		}
		f.SetTarget(1)
		first, newest := newPacket(1, 100, 1_000_000, true), newPacket(1, 164, 1_000_000+64*3000, false)
		newest.Captured = old.Captured + c.captured
		first.Captured = newest.Captured - int64(64*time.Second/30)
		if !f.AwaitsSwitch(first) || f.isBehind(newest) != (c.captured < -20e6) {
			t.Errorf("%s: the layer does not await a switch, or it is behind: %v", c.name, f.isBehind(newest))
		}
		f.Replay(first, newest)
		begin, _ := f.Forward(first)
		end, drop := f.Forward(newest)
		if drop != None || end.Timestamp != 7000+c.ticks || int32(begin.Timestamp-7000) <= 0 {
			t.Errorf("%s: it goes from %d to %d, %v; expected it behind 7000, up to %d", c.name, begin.Timestamp, end.Timestamp, drop, 7000+c.ticks)
		}
	}
}

func TestForwarder_VP8PictureIDsContinueAcrossLayers(t *testing.T) {
	vp8 := func(layer int8, seq uint64, picture uint16, tl0 uint8, key bool) *media.Packet {
		p := newPacket(layer, seq, uint32(seq)*3000, key)
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

// With random layers, losses, reordering, padding and pauses, no two packets may share a number,
// and a NACK must find the packet that had its number.
func TestForwarder_NeverReusesANumber(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		f := newForwarder(media.H264, uint16(r.UintN(0x3000)))
		next := [3]uint64{70_000 + r.Uint64N(1<<17), 1 << 20, 65_000}
		type identity struct {
			layer int8
			seq   uint64
			sets  bool
		}
		sent := map[uint64]identity{}
		order := []uint64{}
		record := func(number uint64, what identity) {
			if was, ok := sent[number]; ok {
				t.Fatalf("seed %d: number %d was %v and is now %v", seed, number, was, what)
			}
			sent[number] = what
			order = append(order, number)
		}
		var held []*media.Packet
		now := time.Duration(0)
		for range 3000 {
			now += time.Duration(r.Int64N(20e6))
			if r.UintN(100) == 0 {
				f.SetTarget(int8(r.UintN(4)) - 1)
			}
			layer := int8(r.UintN(3))
			p := arrivedAt(newPacket(layer, next[layer], uint32(now*9/100_000), r.UintN(20) == 0), now)
			next[layer]++
			if p.Keyframe && r.UintN(2) == 0 {
				p.ParameterSets, p.SetsSent = []byte{1}, r.UintN(2) == 0
			}
			switch r.UintN(20) {
			case 0:
				continue // lost
			case 1:
				held = append(held, p)
				continue
			case 2:
				p = newPadding(layer, p.Sequence)
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
				if n.SetsFirst {
					record(n.Sequence-1, identity{p.Layer, p.Sequence, true})
				}
				record(n.Sequence, identity{p.Layer, p.Sequence, false})
			}
		}
		if len(order) == 0 {
			continue
		}
		for _, out := range order[max(0, len(order)-30):] {
			if out+1000 < f.lastSent {
				continue
			}
			original, run, sets, ok := f.Lookup(uint16(out))
			if got := (identity{run.layer, original, sets}); ok && got != sent[out] {
				t.Fatalf("seed %d: a NACK for %d finds %v, want %v", seed, out, got, sent[out])
			}
		}
	}
}

func TestRing_RejectsDuplicatesAndOldPackets(t *testing.T) {
	r := newRing(8)
	for _, c := range []struct {
		seq  uint64
		key  bool
		want Drop
	}{{100, true, None}, {100, false, Duplicate}, {102, false, None}, {101, false, None}, {109, false, None}, {101, false, TooOld}, {102, false, Duplicate}, {103, false, None}} {
		if got := r.put(newPacket(0, c.seq, 0, c.key)); got != c.want {
			t.Errorf("put %d: %v, want %v", c.seq, got, c.want)
		}
	}
	if _, ok := r.keyframeGroup(); ok {
		t.Error("the keyframe is no longer stored, but its group is returned")
	}
	if p := r.get(103); p == nil || p.Sequence != 103 {
		t.Errorf("103 is not found: %v", p)
	}
	if r.get(100) != nil || r.get(104) != nil {
		t.Error("packets are found that are not stored")
	}
}

func TestForwarder_LeavesNoGapAfterLeaveCurrent(t *testing.T) {
	f := newForwarder(media.H264, 100)
	f.SetTarget(1)
	for n := range uint64(3) {
		f.Forward(newPacket(1, 500+n, 9000, n == 0))
	}
	f.SetTarget(0)
	f.LeaveCurrent()
	if _, drop := f.Forward(newPacket(1, 503, 12000, false)); drop != OtherLayer {
		t.Errorf("a packet of the former layer: %v, want %v", drop, OtherLayer)
	}
	if !f.NeedsKeyframe() {
		t.Error("it does not wait for the target's keyframe")
	}
	if n, drop := f.Forward(newPacket(0, 70, 4000, true)); drop != None || n.Sequence != 103 {
		t.Errorf("the target's keyframe is sent as %d, %v; want 103", n.Sequence, drop)
	}
	if _, drop := f.Forward(newPacket(1, 504, 12000, false)); drop != OtherLayer {
		t.Errorf("a late packet of the former layer: %v, want %v", drop, OtherLayer)
	}
}
