package sfu

import "rostrum/internal/media"

// Sink receives the packets of one Track, in the order in which they are sent.
//
// Write must not block: a sink that cannot keep up drops packets, and counts them itself. It
// may keep p.Payload, which never changes.
type Sink interface {
	Write(p media.Packet) error
}

// tap forwards one Track to a Sink, on the publisher's shard.
type tap struct {
	sink      Sink
	track     *Track
	forwarder Forwarder
}

// write writes the packets that the tap's forwarder lets pass. A Sink counts its own errors.
func (k *tap) write(packets []media.Packet) {
	f := &k.forwarder
	if best := k.track.view.Load().largest(); f.target != best {
		f.SetTarget(best)
	}
	if f.NeedsKeyframe() && f.target != NoLayer {
		k.track.layers[f.target].keyframeWanted.Store(true)
	}
	for i := range packets {
		if packets[i].Codec != k.track.codec() {
			continue
		}
		if packets[i].Keyframe && packets[i].Layer == f.target && f.NeedsKeyframe() {
			k.writeStored() // of a keyframe that a late packet made usable, the others came before
		}
		k.writePacket(packets[i])
	}
}

func (k *tap) writePacket(p media.Packet) {
	h, drop := k.forwarder.Forward(&p)
	if drop != None {
		return
	}
	p.Sequence, p.Timestamp = h.Sequence, h.Timestamp
	if h.SetsFirst {
		sets := p.SetsPacket()
		sets.Sequence--
		_ = k.sink.Write(sets)
		p.Keyframe = false
	}
	_ = k.sink.Write(p)
}

// writeStored writes the stored packets: of video the newest keyframe group of the largest layer.
// Those that are in the open burst, too, or in the one that is being written, are written here,
// and are duplicates to the forwarder later.
func (k *tap) writeStored() {
	best := k.track.view.Load().largest()
	if best == NoLayer {
		return
	}
	ring := k.track.layers[best].ring
	from, ok := ring.keyframeGroup()
	if k.track.kind == media.Audio {
		from, ok = ring.oldest()
	}
	if !ok {
		return
	}
	k.forwarder.SetTarget(best)
	for n := from; n <= ring.last; n++ {
		if p := ring.get(n); p != nil {
			k.writePacket(*p)
		}
	}
}
