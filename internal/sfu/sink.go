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
		p := packets[i]
		if p.Codec != k.track.codec {
			continue
		}
		h, drop := f.Forward(&p)
		if drop != None {
			continue
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
}
