package sfu

import (
	"time"

	"rostrum/internal/media"
)

// NoLayer is the target of a subscription that takes nothing.
const NoLayer int8 = -1

// OutgoingHeader is what a forwarded packet's header is rewritten to.
type OutgoingHeader struct {
	Sequence      uint64
	Timestamp     uint32
	PictureOffset uint16 // to add to a VP8 picture id
	TL0Offset     uint8  // to add to a VP8 TL0PICIDX
	SetsFirst     bool   // the packet's ParameterSets come before it, with the number before
}

// forSets returns the header of the packet's ParameterSets.
func (h OutgoingHeader) forSets() OutgoingHeader {
	h.Sequence, h.SetsFirst = h.Sequence-1, false
	return h
}

// Forwarder decides for one subscription which packets pass, and renumbers them, so that the
// subscriber receives one continuous stream whichever layers it is made of. It uses neither
// sockets nor clocks.
type Forwarder struct {
	target    int8 // layer that should flow
	current   int8 // layer that flows
	clockRate int64

	mappings       mappings
	started        bool
	beginsAt       uint64      // number of the packet with which the current layer began
	newestReceived uint64      // greatest sequence number of the current layer
	lastSent       uint64      // greatest outgoing number
	end            outputEnd   // of the packet with that number
	used           usedNumbers // of the outgoing numbers
	vp8            vp8Numbers
}

// outputEnd is the newest outgoing packet, from which the timestamps of a new layer continue.
type outputEnd struct {
	timestamp uint32
	captured  int64 // as in media.Packet
	arrived   time.Duration
}

// vp8Numbers are the greatest outgoing VP8 picture id and TL0PICIDX.
type vp8Numbers struct {
	known   bool
	picture uint16
	tl0     uint8
}

// newForwarder returns a forwarder whose first outgoing number is first. It should be in the
// lower quarter of the 16-bit space: an SRTP receiver that misses the first packets guesses
// the rollover counter from the first one it gets (RFC 3711 §3.3.1).
func newForwarder(codec media.Codec, first uint16) Forwarder {
	return Forwarder{target: NoLayer, current: NoLayer, clockRate: int64(codec.ClockRate()), lastSent: uint64(first) - 1}
}

// SetTarget sets the layer that should flow. NoLayer pauses at once. Another layer starts at
// its next keyframe; until then the current one goes on.
func (f *Forwarder) SetTarget(layer int8) {
	f.target = layer
	if layer == NoLayer {
		f.current = NoLayer
	}
}

// LeaveCurrent stops the current layer before the target layer can start, because it is of
// no more use. Its packets get no outgoing numbers.
func (f *Forwarder) LeaveCurrent() { f.current = NoLayer }

// NeedsKeyframe reports whether the target layer waits for a keyframe.
func (f *Forwarder) NeedsKeyframe() bool { return f.current != f.target }

// Forward decides whether p passes, and with which header. A late packet gets the number that
// was left out for it.
func (f *Forwarder) Forward(p *media.Packet) (OutgoingHeader, Drop) {
	if f.current != f.target && p.Layer == f.target && p.Keyframe {
		f.switchTo(p, nil) // a decoder can start a layer only at a keyframe
	}
	run := &mapping{}
	switch {
	case p.Layer != f.current || f.current == NoLayer:
		return OutgoingHeader{}, f.dropReason(p)
	case p.Sequence > f.newestReceived:
		run = f.mappings.current()
		if run.compressed && int32(p.Timestamp-run.anchor) > 0 {
			run = f.endReplay(p)
		}
		if len(p.Payload) == 0 && p.Sequence == f.newestReceived+1 {
			f.newestReceived = p.Sequence
			f.skipPadding(run, p.Sequence)
			return OutgoingHeader{}, Padding
		}
		if p.Keyframe && p.ParameterSets != nil && !p.SetsSent && p.Sequence != f.beginsAt {
			run = f.insertSets(p)
		}
	default:
		if run = f.mappings.findLate(p.Layer, p.Sequence); run == nil {
			return OutgoingHeader{}, BeforeSwitch // its number belongs to the layer before
		}
	}
	h := run.header(p)
	if h.SetsFirst && p.Sequence > f.newestReceived {
		f.used.markUsed(h.Sequence-1, f.lastSent)
		f.lastSent = h.Sequence - 1
	}
	if !f.used.markUsed(h.Sequence, f.lastSent) {
		return OutgoingHeader{}, Duplicate // under an AEAD a number must never be encrypted twice
	}
	if p.Sequence > f.newestReceived { // a late packet does not move the end
		f.newestReceived, f.lastSent = p.Sequence, h.Sequence
		f.end = outputEnd{h.Timestamp, p.Captured, p.Arrived}
	}
	f.trackVP8(p, h)
	return h, None
}

func (f *Forwarder) dropReason(p *media.Packet) Drop {
	switch {
	case f.target == NoLayer:
		return Paused
	case p.Layer == f.target:
		return BeforeKeyframe
	}
	return OtherLayer
}

// AwaitsSwitch reports whether p is of the target layer while another one flows.
func (f *Forwarder) AwaitsSwitch(p *media.Packet) bool {
	return f.current != NoLayer && f.current != f.target && p.Layer == f.target
}

// isBehind reports whether p was captured before the newest outgoing packet.
func (f *Forwarder) isBehind(p *media.Packet) bool {
	return p.Captured != 0 && f.end.captured != 0 && p.Captured < f.end.captured-int64(maxLayerSkew)
}

// maxLayerSkew is by how much the capture times of one picture may differ between layers.
const maxLayerSkew = 20 * time.Millisecond

// Replay starts the layer of p, the first packet of a stored keyframe group. The timestamps
// of the group are compressed before that of its newest packet.
func (f *Forwarder) Replay(p, newest *media.Packet) { f.switchTo(p, newest) }

// switchTo starts a run with p as its first packet, behind the newest outgoing packet. The
// packet's parameter sets come before it. newest is that of a group which is replayed, or nil.
func (f *Forwarder) switchTo(p, newest *media.Packet) {
	run := mapping{first: f.lastSent + 1, layer: p.Layer}
	if newest != nil {
		run.compressed, run.anchor = true, newest.Timestamp
	}
	run.sequenceOffset = p.Sequence - run.first
	if run.sets = p.ParameterSets != nil; run.sets {
		run.sequenceOffset--
	}
	switch {
	case f.started && newest == nil:
		run.timestampOffset = f.end.timestamp + f.ticksSinceEnd(p) - p.Timestamp
	case f.started:
		// The newest packet keeps its distance to the end, as far as the group fits before it.
		length := newest.Timestamp - run.timestamp(p.Timestamp)
		run.timestampOffset = f.end.timestamp + max(f.ticksSinceEnd(newest), length+1) - newest.Timestamp
	}
	if d, ok := media.ParseVP8(p.Payload); p.Codec == media.VP8 && ok && f.vp8.known {
		run.pictureOffset, run.tl0Offset = f.vp8.picture+1-d.Picture, f.vp8.tl0+1-d.TL0
	}
	f.mappings.add(run)
	f.started, f.current, f.target = true, p.Layer, p.Layer
	f.newestReceived, f.beginsAt = p.Sequence-1, p.Sequence
}

// insertSets starts a run in which the parameter sets of p, which the publisher does not
// repeat, come before it: a receiver may have lost them.
func (f *Forwarder) insertSets(p *media.Packet) *mapping {
	run := *f.mappings.current()
	run.first, run.sets = p.Sequence-run.sequenceOffset, true
	run.sequenceOffset--
	return f.mappings.add(run)
}

// ticksSinceEnd returns by how many ticks p follows the newest outgoing packet. It uses the
// publisher's clock if both packets have it, so that a switch keeps audio and video in sync,
// and arrival times otherwise.
func (f *Forwarder) ticksSinceEnd(p *media.Packet) uint32 {
	elapsed := int64(p.Arrived - f.end.arrived)
	if p.Captured != 0 && f.end.captured != 0 {
		elapsed = p.Captured - f.end.captured
	}
	const maxTicks = 1 << 30 // the publisher's clock may be wrong
	return uint32(min(max(elapsed*f.clockRate/1e9, 1), maxTicks))
}

// endReplay starts the run after a replayed group: with the same numbers, and timestamps that
// are no longer compressed.
func (f *Forwarder) endReplay(p *media.Packet) *mapping {
	run := *f.mappings.current()
	run.compressed, run.sets = false, false
	run.first = p.Sequence - run.sequenceOffset
	return f.mappings.add(run)
}

// skipPadding closes the gap that a packet with only padding would leave.
func (f *Forwarder) skipPadding(run *mapping, sequence uint64) {
	next := *run
	next.sets = false
	next.sequenceOffset++
	next.first = sequence + 1 - next.sequenceOffset
	if run.first == next.first {
		*run = next // nothing was sent in the run yet
		return
	}
	f.mappings.add(next)
}

func (f *Forwarder) trackVP8(p *media.Packet, h OutgoingHeader) {
	if p.Codec != media.VP8 {
		return
	}
	if d, ok := media.ParseVP8(p.Payload); ok && d.HasPicture {
		if id := d.Picture + h.PictureOffset; !f.vp8.known || int16(id<<1-f.vp8.picture<<1) > 0 {
			f.vp8 = vp8Numbers{true, id, d.TL0 + h.TL0Offset}
		}
	}
}

// Lookup translates a number from the subscriber's NACK to the layer and sequence number of
// the packet, and the run in which it was sent. sets says that it is the number of that
// packet's ParameterSets.
func (f *Forwarder) Lookup(number uint16) (sequence uint64, run mapping, sets, ok bool) {
	if !f.started {
		return 0, run, false, false
	}
	out := media.Extend(f.lastSent, number)
	if out > f.lastSent {
		return 0, run, false, false
	}
	found := f.mappings.find(out)
	if found == nil {
		return 0, run, false, false
	}
	if sets = found.sets && out == found.first; sets {
		out++
	}
	return out + found.sequenceOffset, *found, sets, true
}
