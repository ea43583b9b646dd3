package sfu

import "rostrum/internal/media"

// A Ring keeps a layer's latest packets by their extended sequence number, for
// retransmission and for those who join. It has one owner and doesn't lock.
type Ring struct {
	slots []media.Packet
	held  []uint64 // sequence + 1 of the packet in each slot, 0 for none
	last  uint64   // greatest sequence kept, meaningful when any
	any   bool

	key    uint64 // where the newest keyframe begins
	hasKey bool
}

// newRing returns a ring of size packets, a power of two.
func newRing(size int) *Ring {
	return &Ring{slots: make([]media.Packet, size), held: make([]uint64, size)}
}

// put keeps p. It refuses with Duplicate or TooOld.
func (r *Ring) put(p *media.Packet) Drop {
	size := uint64(len(r.slots))
	if r.any && p.Sequence+size <= r.last {
		return TooOld
	}
	i := p.Sequence & (size - 1)
	if r.held[i] == p.Sequence+1 {
		return Duplicate
	}
	r.slots[i], r.held[i] = *p, p.Sequence+1
	if !r.any || p.Sequence > r.last {
		r.last, r.any = p.Sequence, true
	}
	if p.Keyframe && (!r.hasKey || p.Sequence > r.key) {
		r.key, r.hasKey = p.Sequence, true
	}
	return None
}

// at returns the packet with a sequence number, nil if it isn't kept. The pointer is good
// until the next put.
func (r *Ring) at(sequence uint64) *media.Packet {
	i := sequence & uint64(len(r.slots)-1)
	if r.held[i] != sequence+1 || sequence+uint64(len(r.slots)) <= r.last {
		return nil
	}
	return &r.slots[i]
}

// group tells where the newest keyframe group begins, if it's kept from its first packet on.
func (r *Ring) group() (from uint64, ok bool) {
	if !r.hasKey || r.at(r.key) == nil {
		return 0, false
	}
	return r.key, true
}

// whole tells that nothing is missing from the newest keyframe group.
func (r *Ring) whole() bool {
	from, ok := r.group()
	for n := from; ok && n <= r.last; n++ {
		ok = r.at(n) != nil
	}
	return ok
}
