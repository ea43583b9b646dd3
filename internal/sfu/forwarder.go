package sfu

import (
	"time"

	"rostrum/internal/media"
)

// NoLayer is the target of a subscription that takes nothing.
const NoLayer int8 = -1

// Numbers are what a packet that passes is called on the subscriber's side.
type OutgoingHeader struct {
	Sequence      uint64
	Timestamp     uint32
	PictureOffset uint16 // to add to a VP8 picture id
	TL0Offset     uint8  // to add to a VP8 TL0PICIDX
}

// A Forwarder decides for one subscription which packets pass, and numbers them so that the
// subscriber sees one unbroken stream, whichever layers it was cut from. It knows no socket
// and no clock.
type Forwarder struct {
	target  int8 // what should flow
	current int8 // what flows
	clock   int64

	mappings       mappings
	started        bool
	lastSent       uint64    // greatest outgoing number
	newestReceived uint64    // greatest of the current layer's own numbers
	end            outputEnd // what was sent under last

	used usedNumbers // which of the latest outgoing numbers were used

	lastPicture uint16 // greatest outgoing VP8 picture id and TL0PICIDX
	lastTL0     uint8
	hasVP8      bool
}

// edge is the end of the outgoing line, from which a new layer's time is reckoned.
type outputEnd struct {
	timestamp uint32
	captured  int64
	arrived   time.Duration
}

// newForwarder returns one whose first outgoing number is first. It should lie in the lower
// quarter of the 16-bit space: an SRTP receiver that misses the first packets guesses the
// roll-over counter from the first it gets (RFC 3711 §3.3.1).
func newForwarder(codec media.Codec, first uint16) Forwarder {
	return Forwarder{target: NoLayer, current: NoLayer, clock: int64(codec.ClockRate()), lastSent: uint64(first) - 1}
}

// Target sets the layer that should flow; NoLayer pauses at once, another layer is entered
// at its next keyframe while the current one goes on.
func (f *Forwarder) SetTarget(layer int8) {
	f.target = layer
	if layer == NoLayer {
		f.current = NoLayer
	}
}

// Leave ends the current layer at once, before the target can be entered: nothing of use is
// to come of it. What is left out gets no numbers.
func (f *Forwarder) LeaveCurrent() { f.current = NoLayer }

// Waiting reports whether a keyframe of the target layer is needed.
func (f *Forwarder) NeedsKeyframe() bool { return f.current != f.target }

// Forward decides the fate of p. A packet that passes may be late: then its number is one
// that was left out.
func (f *Forwarder) Forward(p *media.Packet) (OutgoingHeader, Drop) {
	if f.current != f.target && p.Layer == f.target && p.Keyframe {
		f.switchTo(p, false, 0) // a decoder can join a layer only at a keyframe
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
	default:
		if run = f.mappings.findLate(p.Layer, p.Sequence); run == nil {
			return OutgoingHeader{}, BeforeSwitch // its number belongs to what we sent before
		}
	}
	n := OutgoingHeader{p.Sequence - run.sequenceOffset, run.timestamp(p.Timestamp), run.pictureOffset, run.tl0Offset}
	if !f.used.markUsed(n.Sequence, f.lastSent) {
		return OutgoingHeader{}, Duplicate // under an AEAD a number must never be sealed twice
	}
	if p.Sequence > f.newestReceived {
		f.newestReceived, f.lastSent = p.Sequence, n.Sequence // a late packet doesn't move the end
		f.end = outputEnd{n.Timestamp, p.Captured, p.Arrived}
	}
	f.trackVP8(p, n)
	return n, None
}

// sentWindowBits remembers of the latest outgoing numbers which were used.
type usedNumbers [16]uint64

const usedNumbersSize = 64 * uint64(len(usedNumbers{}))

// use marks a number as used; false when it was before, or is too old to tell. last is the
// greatest used so far.
func (w *usedNumbers) markUsed(number, last uint64) bool {
	bit := func(n uint64) (*uint64, uint64) { return &w[n/64%uint64(len(w))], 1 << (n % 64) }
	if number > last {
		for n := max(last+1, number-min(number, usedNumbersSize-1)); n < number; n++ {
			word, mask := bit(n)
			*word &^= mask
		}
		word, mask := bit(number)
		*word |= mask
		return true
	}
	if number+usedNumbersSize <= last {
		return false
	}
	word, mask := bit(number)
	if *word&mask != 0 {
		return false
	}
	*word |= mask
	return true
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

// Replay enters the layer of p, the first packet of a kept keyframe group, whose newest
// packet has timestamp anchor: the group's past is told rushFactor times faster.
func (f *Forwarder) Replay(p *media.Packet, anchor uint32) { f.switchTo(p, true, anchor) }

// enter begins a run with p as its first packet, at the end of the outgoing line.
func (f *Forwarder) switchTo(p *media.Packet, rush bool, anchor uint32) {
	run := mapping{first: f.lastSent + 1, layer: p.Layer, compressed: rush, anchor: anchor}
	run.sequenceOffset = p.Sequence - run.first
	if f.started {
		run.timestampOffset = f.end.timestamp + f.ticksSinceEnd(p) - run.timestamp(p.Timestamp)
	}
	if d, ok := media.ParseVP8(p.Payload); p.Codec == media.VP8 && ok && f.hasVP8 {
		run.pictureOffset, run.tl0Offset = f.lastPicture+1-d.Picture, f.lastTL0+1-d.TL0
	}
	f.mappings.add(run)
	f.started, f.current, f.target = true, p.Layer, p.Layer
	f.newestReceived = p.Sequence - 1
}

// since is how many ticks after the edge p belongs: by the publisher's own clock where both
// ends know it, so that lip sync survives the switch; by arrival otherwise.
func (f *Forwarder) ticksSinceEnd(p *media.Packet) uint32 {
	elapsed := int64(p.Arrived - f.end.arrived)
	if p.Captured != 0 && f.end.captured != 0 {
		elapsed = p.Captured - f.end.captured
	}
	const maxTicks = 1 << 30 // ticks; a publisher's clock may lie
	return uint32(min(max(elapsed*f.clock/1e9, 1), maxTicks))
}

// leaveRush begins the run that follows a replayed past: same numbers, time as it is.
func (f *Forwarder) endReplay(p *media.Packet) *mapping {
	run := *f.mappings.current()
	run.compressed = false
	run.first = p.Sequence - run.sequenceOffset
	return f.mappings.add(run)
}

// skip closes the gap that a packet of padding alone would leave.
func (f *Forwarder) skipPadding(run *mapping, sequence uint64) {
	next := *run
	next.sequenceOffset++
	next.first = sequence + 1 - next.sequenceOffset
	if run.first == next.first {
		*run = next // nothing was sent in the run yet
		return
	}
	f.mappings.add(next)
}

func (f *Forwarder) trackVP8(p *media.Packet, n OutgoingHeader) {
	if p.Codec != media.VP8 {
		return
	}
	if d, ok := media.ParseVP8(p.Payload); ok && d.HasPicture {
		if id := d.Picture + n.PictureOffset; !f.hasVP8 || int16(id<<1-f.lastPicture<<1) > 0 {
			f.lastPicture, f.lastTL0, f.hasVP8 = id, d.TL0+n.TL0Offset, true
		}
	}
}

// Find translates a number from the subscriber's NACK: which layer's packet it was, and
// under which numbers it went out.
func (f *Forwarder) Lookup(sequence uint16) (layer int8, original uint64, run mapping, ok bool) {
	if !f.started {
		return 0, 0, run, false
	}
	out := media.Extend(f.lastSent, sequence)
	if out > f.lastSent {
		return 0, 0, run, false
	}
	r := f.mappings.find(out)
	if r == nil {
		return 0, 0, run, false
	}
	return r.layer, out + r.sequenceOffset, *r, true
}
