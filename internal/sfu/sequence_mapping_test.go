package sfu

import "testing"

func TestForwarderMappings_CompressTimestampsUpToTheAnchor(t *testing.T) {
	const wrap = 1<<32 - 640 // such that 64 ticks of the outgoing time reach 0
	for _, c := range []struct {
		name     string
		m        mapping
		in, want uint32
	}{
		{"not compressed", mapping{timestampOffset: 7, anchor: 9000}, 1000, 1007},
		{"long before the anchor", mapping{compressed: true, anchor: 9000}, 9000 - 6400, 9000 - 100},
		{"just before it", mapping{compressed: true, anchor: 9000}, 9000 - 64, 9000 - 1},
		{"less than a tick before it", mapping{compressed: true, anchor: 9000}, 9000 - 63, 9000},
		{"at it", mapping{compressed: true, anchor: 9000}, 9000, 9000},
		{"after it", mapping{compressed: true, anchor: 9000}, 9064, 9064},
		{"with an offset", mapping{compressed: true, anchor: 9000, timestampOffset: 50}, 9000 - 640, 9000 - 10 + 50},
		{"across the wraparound", mapping{compressed: true, anchor: 640}, wrap, 620},
		{"after the anchor, across the wraparound", mapping{compressed: true, anchor: wrap}, 640, 640},
	} {
		if got := c.m.timestamp(c.in); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestForwarderMappings_FindTheRunOfANumber(t *testing.T) {
	var m mappings
	if m.find(100) != nil {
		t.Error("a run is found before the first")
	}
	stored := len(m.runs)
	for i := range stored + 3 { // 100, 110, 120 …
		added := m.add(mapping{first: uint64(100 + 10*i), layer: int8(i)})
		if added != m.current() || added.layer != int8(i) {
			t.Fatalf("run %d is not the current one", i)
		}
		newest := uint64(100 + 10*i)
		oldest := uint64(100 + 10*max(0, i-stored+1))
		for out := uint64(90); out < newest+20; out++ {
			want := int8(-1)
			if out >= oldest {
				want = int8((min(out, newest) - 100) / 10)
			}
			got := int8(-1)
			if run := m.find(out); run != nil {
				got = run.layer
			}
			if got != want {
				t.Fatalf("with %d runs, %d belongs to run %d, want %d", i+1, out, got, want)
			}
		}
	}
}

func TestForwarderMappings_FindTheRunOfALatePacket(t *testing.T) {
	// Layer 0 is sent as 100 to 109, layer 1 as 110 to 119, and layer 0 again from 120.
	var m mappings
	m.add(mapping{first: 100, layer: 0, sequenceOffset: 1000 - 100})
	m.add(mapping{first: 110, layer: 1, sequenceOffset: 5000 - 110})
	m.add(mapping{first: 120, layer: 0, sequenceOffset: 1080 - 120})
	for _, c := range []struct {
		layer    int8
		sequence uint64
		want     uint64 // first number of the run, 0 for none
	}{
		{0, 999, 0}, {0, 1000, 100}, {0, 1009, 100}, {0, 1010, 0}, {0, 1079, 0}, {0, 1080, 120}, {0, 2000, 120},
		{1, 4999, 0}, {1, 5000, 110}, {1, 5009, 110}, {1, 5010, 0},
		{2, 5005, 0}, {0, 0, 0},
	} {
		var got uint64
		if run := m.findLate(c.layer, c.sequence); run != nil {
			got = run.first
		}
		if got != c.want {
			t.Errorf("packet %d of layer %d belongs to the run of %d, want %d", c.sequence, c.layer, got, c.want)
		}
	}
	var old mappings
	for i := range len(old.runs) + 1 {
		old.add(mapping{first: uint64(100 + 10*i), layer: int8(i)})
	}
	if old.findLate(0, 105) != nil {
		t.Error("a run that is no longer stored is found")
	}
	if run := old.findLate(1, 115); run == nil || run.first != 110 {
		t.Errorf("the oldest run is not found: %v", run)
	}
}

// A packet from long before the first has a number below zero, which is no large number.
func TestForwarderMappings_HaveNoNumbersBelowZero(t *testing.T) {
	var m mappings
	m.add(mapping{first: 0, layer: 0, sequenceOffset: 1000})
	if run := m.findLate(0, 999); run != nil {
		t.Errorf("packet 999 belongs to %+v", run)
	}
	if run := m.findLate(0, 1000); run == nil {
		t.Error("packet 1000 belongs to no run")
	}
}
