package sfu

import "rostrum/internal/media"

// A Ring keeps a layer's latest packets by their extended sequence number, for
// retransmission and for those who join. It has one owner and doesn't lock.
type Ring struct {
	slots   []media.Packet
	stored  []uint64 // sequence + 1 of the packet in each slot, 0 for none
	last    uint64   // greatest sequence kept, meaningful when any
	started bool

	keyframe    uint64 // where the newest keyframe begins
	hasKeyframe bool
}

// newRing returns a ring of size packets, a power of two.
func newRing(size int) *Ring {
	return &Ring{slots: make([]media.Packet, size), stored: make([]uint64, size)}
}

// put keeps p. It refuses with Duplicate or TooOld.
func (r *Ring) put(p *media.Packet) Drop {
	size := uint64(len(r.slots))
	if r.started && p.Sequence+size <= r.last {
		return TooOld
	}
	i := p.Sequence & (size - 1)
	if r.stored[i] == p.Sequence+1 {
		return Duplicate
	}
	r.slots[i], r.stored[i] = *p, p.Sequence+1
	if !r.started || p.Sequence > r.last {
		r.last, r.started = p.Sequence, true
	}
	if p.Keyframe && (!r.hasKeyframe || p.Sequence > r.keyframe) {
		r.keyframe, r.hasKeyframe = p.Sequence, true
	}
	return None
}

// at returns the packet with a sequence number, nil if it isn't kept. The pointer is good
// until the next put.
func (r *Ring) get(sequence uint64) *media.Packet {
	i := sequence & uint64(len(r.slots)-1)
	if r.stored[i] != sequence+1 || sequence+uint64(len(r.slots)) <= r.last {
		return nil
	}
	return &r.slots[i]
}

// group tells where the newest keyframe group begins, if it's kept from its first packet on.
func (r *Ring) keyframeGroup() (from uint64, ok bool) {
	if !r.hasKeyframe || r.get(r.keyframe) == nil {
		return 0, false
	}
	return r.keyframe, true
}

// whole tells that nothing is missing from the newest keyframe group.
func (r *Ring) isComplete() bool {
	from, ok := r.keyframeGroup()
	for n := from; ok && n <= r.last; n++ {
		ok = r.get(n) != nil
	}
	return ok
}
