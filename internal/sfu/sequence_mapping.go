package sfu

import "rostrum/internal/media"

// mapping translates the numbers of a run of forwarded packets that share the same offsets.
// With it a NACK in the receiver's numbers finds the original packet, and a late packet gets
// the outgoing number that was left out for it.
type mapping struct {
	first           uint64 // first outgoing number of the run
	sequenceOffset  uint64 // outgoing + offset = the layer's number, modulo 2^64
	timestampOffset uint32 // the layer's timestamp + offset = outgoing
	pictureOffset   uint16 // added to VP8 picture ids
	tl0Offset       uint8  // added to VP8 TL0PICIDX
	layer           int8

	sets       bool   // the first number is that of the parameter sets of the packet behind it
	compressed bool   // a replayed keyframe group, whose timestamps are compressed
	anchor     uint32 // the layer's timestamp that they are compressed towards
}

// replaySpeedup is how much faster than in reality the timestamps of a replayed keyframe
// group advance: a group of two seconds takes 31 ms, and each picture keeps a timestamp of
// its own.
const replaySpeedup = 64

// timestamp returns the outgoing timestamp.
func (m *mapping) timestamp(ts uint32) uint32 {
	if m.compressed && int32(m.anchor-ts) > 0 { // a late packet may be newer than the anchor
		ts = m.anchor - uint32(int32(m.anchor-ts)/replaySpeedup)
	}
	return ts + m.timestampOffset
}

// header returns the outgoing header of a packet of the run.
func (m *mapping) header(p *media.Packet) OutgoingHeader {
	out := p.Sequence - m.sequenceOffset
	return OutgoingHeader{out, m.timestamp(p.Timestamp), m.pictureOffset, m.tl0Offset, m.sets && out == m.first+1}
}

// mappings stores the latest runs.
type mappings struct {
	runs  [16]mapping
	count int // runs ever added
}

func (m *mappings) add(run mapping) *mapping {
	i := m.count % len(m.runs)
	m.runs[i] = run
	m.count++
	return &m.runs[i]
}

func (m *mappings) current() *mapping { return &m.runs[(m.count-1)%len(m.runs)] }

// find returns the run that an outgoing number belongs to, nil if it is no longer stored.
func (m *mappings) find(out uint64) *mapping {
	for i := m.count - 1; i >= 0 && i >= m.count-len(m.runs); i-- {
		if run := &m.runs[i%len(m.runs)]; run.first <= out {
			return run
		}
	}
	return nil
}

// findLate returns the run of a layer in which an outgoing number was left out for a late
// packet, nil if there is none.
func (m *mappings) findLate(layer int8, sequence uint64) *mapping {
	var end uint64 // first outgoing number after the run; 0 for the current one
	for i := m.count - 1; i >= 0 && i >= m.count-len(m.runs); i-- {
		run := &m.runs[i%len(m.runs)]
		out, first := sequence-run.sequenceOffset, run.first
		if run.sets {
			first++
		}
		if run.layer == layer && out >= first && (end == 0 || out < end) && out < 1<<63 {
			return run
		}
		end = run.first
	}
	return nil
}
