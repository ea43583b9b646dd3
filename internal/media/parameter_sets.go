package media

import (
	"bytes"
	"slices"
)

const (
	maxSets     = 8   // that are kept of one stream
	maxSetBytes = 512 // of one; longer ones are not kept
	maxSetsSize = 1100
)

// ParameterSets are those of one stream, the newest of each id: SPS and PPS of H.264, the
// sequence header of AV1. An encoder may send them once and never again, but a decoder can
// begin only with them.
type ParameterSets struct {
	codec         Codec
	sets          []parameterSet // in the order in which they first came
	payload       []byte
	width, height int
}

type parameterSet struct {
	kind          byte // of the NAL unit or OBU
	id            uint32
	data          []byte
	width, height int
}

// NewParameterSets returns an empty collection for a codec.
func NewParameterSets(c Codec) ParameterSets { return ParameterSets{codec: c} }

// AddPayload adds what an RTP payload has. It allocates only for sets that are new.
func (s *ParameterSets) AddPayload(payload []byte) {
	switch s.codec {
	case H264:
		forEachUnit(payload, func(_ byte, unit []byte) {
			if payload[0]&0x1f != nalFUA {
				s.AddUnit(unit)
			}
		})
	case AV1:
		if len(payload) == 0 {
			return
		}
		forEachOBU(payload, func(kind byte, obu []byte, whole bool) {
			if kind == obuSequenceHeader && whole {
				s.add(kind, 0, obu)
			}
		})
	}
}

// AddUnit adds a NAL unit if it is an SPS or a PPS.
func (s *ParameterSets) AddUnit(unit []byte) {
	if id, ok := h264SetID(unit); ok {
		s.add(id.kind, id.id, unit)
	}
}

func (s *ParameterSets) add(kind byte, id uint32, data []byte) {
	if len(data) > maxSetBytes {
		return
	}
	i := slices.IndexFunc(s.sets, func(o parameterSet) bool { return o.kind == kind && o.id == id })
	if i < 0 || !bytes.Equal(s.sets[i].data, data) {
		p := newParameterSet(kind, id, data)
		if i >= 0 {
			s.sets[i] = p
		} else {
			s.sets = append(s.sets, p)
		}
		for s.payload = s.join(); len(s.sets) > maxSets || len(s.payload) > maxSetsSize; s.payload = s.join() {
			s.evict(kind, id)
		}
		i = slices.IndexFunc(s.sets, func(o parameterSet) bool { return o.kind == kind && o.id == id })
	}
	if kind == nalSPS && s.sets[i].width > 0 {
		s.width, s.height = s.sets[i].width, s.sets[i].height
	}
}

// evict removes the oldest set but that with id: one of the kind, if there is another.
func (s *ParameterSets) evict(kind byte, id uint32) {
	i := slices.IndexFunc(s.sets, func(o parameterSet) bool { return o.kind == kind && o.id != id })
	if i < 0 {
		i = slices.IndexFunc(s.sets, func(o parameterSet) bool { return o.kind != kind })
	}
	s.sets = slices.Delete(s.sets, i, i+1)
}

func newParameterSet(kind byte, id uint32, data []byte) parameterSet {
	p := parameterSet{kind: kind, id: id, data: bytes.Clone(data)}
	if kind == nalSPS {
		if w, h, ok := spsSize(data); ok {
			p.width, p.height = w, h
		}
	}
	return p
}

// Payload is an RTP payload with all sets; nil while a decoder could not begin with them. It
// is never changed.
func (s *ParameterSets) Payload() []byte { return s.payload }

// Size is that of the picture by the SPS that came last; 0 if none did.
func (s *ParameterSets) Size() (width, height int) { return s.width, s.height }

// join makes the payload: a STAP-A (RFC 6184 §5.7.1), or an AV1 element with N.
func (s *ParameterSets) join() []byte {
	has := func(kind byte) bool {
		return slices.ContainsFunc(s.sets, func(p parameterSet) bool { return p.kind == kind })
	}
	if s.codec == AV1 {
		return append([]byte{1<<4 | av1NewSequence}, s.sets[len(s.sets)-1].data...)
	}
	if !has(nalSPS) || !has(nalPPS) {
		return nil
	}
	all, importance := []byte{nalSTAPA}, byte(0)
	for _, kind := range []byte{nalSPS, nalPPS} {
		for _, p := range s.sets {
			if p.kind == kind {
				importance = max(importance, p.data[0]&0x60)
				all = append(all, byte(len(p.data)>>8), byte(len(p.data)))
				all = append(all, p.data...)
			}
		}
	}
	all[0] |= importance // the greatest NRI of all
	return all
}
