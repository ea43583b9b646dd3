package sfu

import (
	"testing"

	"rostrum/internal/media"
)

// withSets is a keyframe's first packet. sent says that its publisher sent the sets, too.
func withSets(p *media.Packet, sent bool) *media.Packet {
	p.ParameterSets, p.SetsSent = []byte{7}, sent
	return p
}

func TestForwarder_GivesParameterSetsANumberOfTheirOwn(t *testing.T) {
	f := newForwarder(media.H264, 100)
	f.SetTarget(0)
	for _, s := range []struct {
		name string
		in   *media.Packet
		drop Drop
		seq  uint64
		sets bool // come before it
	}{
		{"the first keyframe", withSets(newPacket(0, 50, 1, true), false), None, 101, true},
		{"the same again", withSets(newPacket(0, 50, 1, true), false), Duplicate, 0, false},
		{"the rest of it", newPacket(0, 51, 1, false), None, 102, false},
		{"the first packet, late", withSets(newPacket(0, 50, 1, true), false), Duplicate, 0, false},
		{"a packet before it, late", newPacket(0, 49, 1, false), BeforeSwitch, 0, false},
		{"a delta frame", newPacket(0, 52, 2, false), None, 103, false},
		{"a keyframe, after a gap", withSets(newPacket(0, 54, 3, true), false), None, 106, true},
		{"the same again", withSets(newPacket(0, 54, 3, true), false), Duplicate, 0, false},
		{"the packet of the gap", newPacket(0, 53, 2, false), None, 104, false},
		{"the rest of the keyframe", newPacket(0, 55, 3, false), None, 107, false},
		{"a keyframe whose sets were sent", withSets(newPacket(0, 56, 4, true), true), None, 108, false},
		{"a keyframe that needs none", newPacket(0, 57, 5, true), None, 109, false},
		{"a delta frame that has some", withSets(newPacket(0, 58, 6, false), false), None, 110, false},
	} {
		h, drop := f.Forward(s.in)
		if drop != s.drop || drop == None && (h.Sequence != s.seq || h.SetsFirst != s.sets) {
			t.Errorf("%s: %d, sets before it %t, %v, want %d, %t, %v", s.name, h.Sequence, h.SetsFirst, drop, s.seq, s.sets, s.drop)
		}
		if sets := h.forSets(); s.sets && drop == None && (sets.Sequence != s.seq-1 || sets.SetsFirst || f.used.markUsed(sets.Sequence, f.lastSent)) {
			t.Errorf("%s: the sets have the header %+v", s.name, sets)
		}
	}
	for number, want := range map[uint16]struct {
		sequence uint64
		sets     bool
	}{100: {50, true}, 101: {50, false}, 104: {53, false}, 105: {54, true}, 106: {54, false}} {
		if sequence, _, sets, ok := f.Lookup(number); !ok || sequence != want.sequence || sets != want.sets {
			t.Errorf("a NACK for %d finds %d, sets %t, %t, want %d, %t", number, sequence, sets, ok, want.sequence, want.sets)
		}
	}
}

// The numbers of a keyframe with sets are free however many were used before.
func TestForwarder_GivesParameterSetsANumberAfterManyPackets(t *testing.T) {
	f := newForwarder(media.H264, 100)
	f.SetTarget(0)
	for n := range usedNumbersSize + 10 {
		f.Forward(newPacket(0, 50+n, 1, n == 0))
	}
	for i := range uint64(3) {
		h, drop := f.Forward(withSets(newPacket(0, 60+usedNumbersSize+i, 2, true), false))
		if want := 111 + usedNumbersSize + 2*i; drop != None || h.Sequence != want || !h.SetsFirst {
			t.Errorf("keyframe %d: %+v, %v, want %d", i, h, drop, want)
		}
	}
}

func TestForwarder_ReplaysParameterSets(t *testing.T) {
	f := newForwarder(media.H264, 100)
	first := withSets(newPacket(0, 50, 1, true), false)
	f.Replay(first, newPacket(0, 101, 2, false))
	for i, c := range []struct {
		in   *media.Packet
		seq  uint64
		sets bool
	}{{first, 101, true}, {newPacket(0, 51, 2, false), 102, false}, {newPacket(0, 52, 3, false), 103, false}, {newPacket(0, 53, 3, false), 104, false}} {
		if h, drop := f.Forward(c.in); drop != None || h.Sequence != c.seq || h.SetsFirst != c.sets {
			t.Errorf("packet %d: %+v, %v, want %d", i, h, drop, c.seq)
		}
	}
}
