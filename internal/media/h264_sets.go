package media

import "slices"

// A setID tells which set a newer SPS or PPS replaces.
type setID struct {
	kind byte // of the NAL unit
	id   uint32
}

// h264SetID is that of an SPS or a PPS; ok is false for other NAL units.
func h264SetID(unit []byte) (_ setID, ok bool) {
	if len(unit) < 2 {
		return setID{}, false
	}
	switch kind := unit[0] & 0x1f; {
	case kind == nalSPS && len(unit) > 4:
		r := bitReader{data: unit[4:]} // after profile, constraints and level
		return setID{kind, r.golomb()}, true
	case kind == nalPPS:
		r := bitReader{data: unit[1:]}
		return setID{kind, r.golomb()}, true
	}
	return setID{}, false
}

// AddParameterSets returns the NAL units of a keyframe with the parameter sets of its stream: all
// SPS, then all PPS, then the other units. Sets that the keyframe has itself replace those of the
// same id.
func AddParameterSets(units, sets [][]byte) [][]byte {
	own := map[setID]bool{}
	for _, u := range units {
		if id, ok := h264SetID(u); ok {
			own[id] = true
		}
	}
	var all, pps, others [][]byte
	add := func(u []byte) {
		switch id, _ := h264SetID(u); id.kind {
		case nalSPS:
			all = append(all, u)
		case nalPPS:
			pps = append(pps, u)
		default:
			others = append(others, u)
		}
	}
	for _, s := range sets {
		if id, ok := h264SetID(s); ok && !own[id] {
			add(s)
		}
	}
	for _, u := range units {
		add(u)
	}
	return slices.Concat(all, pps, others)
}
