package sfu

import "rostrum/internal/media"

// Ring stores the latest packets of a layer by their extended sequence number, for
// retransmission and for new subscribers. It has one owner and no lock.
type Ring struct {
	size    uint64         // a power of two
	slots   []media.Packet // allocated with the first packet: a layer may never be sent
	stored  []uint64       // sequence + 1 of the packet in each slot, 0 for none
	last    uint64         // greatest stored sequence, once started
	started bool

	keyframe    uint64 // first packet of the newest keyframe
	hasKeyframe bool
}

// newRing returns a ring for size packets, a power of two.
func newRing(size int) *Ring {
	return &Ring{size: uint64(size)}
}

// put stores p. It returns Duplicate or TooOld if it does not.
func (r *Ring) put(p *media.Packet) Drop {
	if r.started && p.Sequence+r.size <= r.last {
		return TooOld
	}
	if r.slots == nil {
		r.slots, r.stored = make([]media.Packet, r.size), make([]uint64, r.size)
	}
	i := p.Sequence & (r.size - 1)
	if r.stored[i] == p.Sequence+1 {
		if have := &r.slots[i]; p.Keyframe && !have.Keyframe { // a late packet has completed it
			have.ParameterSets, have.SetsSent = p.ParameterSets, p.SetsSent
			r.markKeyframe(have)
		}
		return Duplicate
	}
	r.slots[i], r.stored[i] = *p, p.Sequence+1
	if !r.started || p.Sequence > r.last {
		r.last, r.started = p.Sequence, true
	}
	if p.Keyframe {
		r.markKeyframe(&r.slots[i])
	}
	return None
}

// markKeyframe says that a decoder can begin with a stored packet. Its ParameterSets must not
// change afterwards: under an AEAD a number must never be encrypted twice.
func (r *Ring) markKeyframe(p *media.Packet) {
	p.Keyframe = true
	if !r.hasKeyframe || p.Sequence > r.keyframe {
		r.keyframe, r.hasKeyframe = p.Sequence, true
	}
}

// get returns the packet with a sequence number, nil if it is not stored. The pointer is
// valid until the next put.
func (r *Ring) get(sequence uint64) *media.Packet {
	if r.slots == nil {
		return nil
	}
	i := sequence & (r.size - 1)
	if r.stored[i] != sequence+1 || sequence+r.size <= r.last {
		return nil
	}
	return &r.slots[i]
}

// keyframeGroup returns the first packet of the newest keyframe and all that follows it (the
// newest group of pictures). It reports false if the first packet is not stored.
func (r *Ring) keyframeGroup() (from uint64, ok bool) {
	if !r.hasKeyframe || r.get(r.keyframe) == nil {
		return 0, false
	}
	return r.keyframe, true
}

// oldest returns the number of the oldest stored packet. It reports false without any.
func (r *Ring) oldest() (from uint64, ok bool) {
	for n := r.last + 1 - min(r.size, r.last+1); n <= r.last; n++ {
		if r.get(n) != nil {
			return n, true
		}
	}
	return 0, false
}

// hasPicture reports whether all packets of the picture that begins at a sequence number are
// stored: up to the one with the marker, or to the next picture.
func (r *Ring) hasPicture(from uint64) bool {
	timestamp := r.get(from).Timestamp
	for n := from; n <= r.last; n++ {
		switch p := r.get(n); {
		case p == nil:
			return false
		case p.Marker || p.Timestamp != timestamp:
			return true
		}
	}
	return false
}

// isComplete reports whether no packet of the newest keyframe group is missing.
func (r *Ring) isComplete() bool {
	from, ok := r.keyframeGroup()
	for n := from; ok && n <= r.last; n++ {
		ok = r.get(n) != nil
	}
	return ok
}
