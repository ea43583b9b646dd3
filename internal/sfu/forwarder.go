package sfu

import "rostrum/internal/media"

// NoLayer is the target of a subscription that takes nothing.
const NoLayer int8 = -1

// Numbers are what a packet that passes is called on the subscriber's side.
type Numbers struct {
	Sequence  uint64
	Timestamp uint32
	Picture   uint16 // to add to a VP8 picture id
	TL0       uint8  // to add to a VP8 TL0PICIDX
}

// A Forwarder decides for one subscription which packets pass, and numbers them so that the
// subscriber sees one unbroken stream, whichever layers it was cut from. It knows no socket
// and no clock.
type Forwarder struct {
	target  int8 // what should flow
	current int8 // what flows
	clock   int64

	receipts receipts
	begun    bool
	last     uint64 // greatest outgoing number
	newest   uint64 // greatest of the current layer's own numbers
	edge     edge   // what was sent under last

	sent sentWindowBits // which of the latest outgoing numbers were used

	picture uint16 // greatest outgoing VP8 picture id and TL0PICIDX
	tl0     uint8
	hasVP8  bool
}

// edge is the end of the outgoing line, from which a new layer's time is reckoned.
type edge struct {
	timestamp uint32
	captured  int64
	arrived   int64
}

// newForwarder returns one whose first outgoing number is first. It should lie in the lower
// quarter of the 16-bit space: an SRTP receiver that misses the first packets guesses the
// roll-over counter from the first it gets (RFC 3711 §3.3.1).
func newForwarder(codec media.Codec, first uint16) Forwarder {
	return Forwarder{target: NoLayer, current: NoLayer, clock: int64(codec.ClockRate()), last: uint64(first) - 1}
}

// Target sets the layer that should flow; NoLayer pauses at once, another layer is entered
// at its next keyframe while the current one goes on.
func (f *Forwarder) Target(layer int8) {
	f.target = layer
	if layer == NoLayer {
		f.current = NoLayer
	}
}

// Leave ends the current layer at once, before the target can be entered: nothing of use is
// to come of it. What is left out gets no numbers.
func (f *Forwarder) Leave() { f.current = NoLayer }

// Waiting reports whether a keyframe of the target layer is needed.
func (f *Forwarder) Waiting() bool { return f.current != f.target }

// Forward decides the fate of p. A packet that passes may be late: then its number is one
// that was left out.
func (f *Forwarder) Forward(p *media.Packet) (Numbers, Drop) {
	if f.current != f.target && p.Layer == f.target && p.Keyframe {
		f.enter(p, false, 0) // a decoder can join a layer only at a keyframe
	}
	run := &Receipt{}
	switch {
	case p.Layer != f.current || f.current == NoLayer:
		return Numbers{}, f.why(p)
	case p.Sequence > f.newest:
		run = f.receipts.current()
		if run.rush && int32(p.Timestamp-run.anchor) > 0 {
			run = f.leaveRush(p)
		}
		if len(p.Payload) == 0 && p.Sequence == f.newest+1 {
			f.newest = p.Sequence
			f.skip(run, p.Sequence)
			return Numbers{}, Padding
		}
	default:
		if run = f.receipts.left(p.Layer, p.Sequence); run == nil {
			return Numbers{}, BeforeSwitch // its number belongs to what we sent before
		}
	}
	n := Numbers{p.Sequence - run.shift, run.timestamp(p.Timestamp), run.picture, run.tl0}
	if !f.sent.use(n.Sequence, f.last) {
		return Numbers{}, Duplicate // under an AEAD a number must never be sealed twice
	}
	if p.Sequence > f.newest {
		f.newest, f.last = p.Sequence, n.Sequence // a late packet doesn't move the end
		f.edge = edge{n.Timestamp, p.Captured, p.Arrived}
	}
	f.noteVP8(p, n)
	return n, None
}

// sentWindowBits remembers of the latest outgoing numbers which were used.
type sentWindowBits [16]uint64

const sentWindowSize = 64 * uint64(len(sentWindowBits{}))

// use marks a number as used; false when it was before, or is too old to tell. last is the
// greatest used so far.
func (w *sentWindowBits) use(number, last uint64) bool {
	bit := func(n uint64) (*uint64, uint64) { return &w[n/64%uint64(len(w))], 1 << (n % 64) }
	if number > last {
		for n := max(last+1, number-min(number, sentWindowSize-1)); n < number; n++ {
			word, mask := bit(n)
			*word &^= mask
		}
		word, mask := bit(number)
		*word |= mask
		return true
	}
	if number+sentWindowSize <= last {
		return false
	}
	word, mask := bit(number)
	if *word&mask != 0 {
		return false
	}
	*word |= mask
	return true
}

func (f *Forwarder) why(p *media.Packet) Drop {
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
func (f *Forwarder) Replay(p *media.Packet, anchor uint32) { f.enter(p, true, anchor) }

// enter begins a run with p as its first packet, at the end of the outgoing line.
func (f *Forwarder) enter(p *media.Packet, rush bool, anchor uint32) {
	run := Receipt{from: f.last + 1, layer: p.Layer, rush: rush, anchor: anchor}
	run.shift = p.Sequence - run.from
	if f.begun {
		run.stamp = f.edge.timestamp + f.since(p) - run.timestamp(p.Timestamp)
	}
	if d, ok := media.ParseVP8(p.Payload); p.Codec == media.VP8 && ok && f.hasVP8 {
		run.picture, run.tl0 = f.picture+1-d.Picture, f.tl0+1-d.TL0
	}
	f.receipts.add(run)
	f.begun, f.current, f.target = true, p.Layer, p.Layer
	f.newest = p.Sequence - 1
}

// since is how many ticks after the edge p belongs: by the publisher's own clock where both
// ends know it, so that lip sync survives the switch; by arrival otherwise.
func (f *Forwarder) since(p *media.Packet) uint32 {
	elapsed := p.Arrived - f.edge.arrived
	if p.Captured != 0 && f.edge.captured != 0 {
		elapsed = p.Captured - f.edge.captured
	}
	const most = 1 << 30 // ticks; a publisher's clock may lie
	return uint32(min(max(elapsed*f.clock/1e9, 1), most))
}

// leaveRush begins the run that follows a replayed past: same numbers, time as it is.
func (f *Forwarder) leaveRush(p *media.Packet) *Receipt {
	run := *f.receipts.current()
	run.rush = false
	run.from = p.Sequence - run.shift
	return f.receipts.add(run)
}

// skip closes the gap that a packet of padding alone would leave.
func (f *Forwarder) skip(run *Receipt, sequence uint64) {
	next := *run
	next.shift++
	next.from = sequence + 1 - next.shift
	if run.from == next.from {
		*run = next // nothing was sent in the run yet
		return
	}
	f.receipts.add(next)
}

func (f *Forwarder) noteVP8(p *media.Packet, n Numbers) {
	if p.Codec != media.VP8 {
		return
	}
	if d, ok := media.ParseVP8(p.Payload); ok && d.HasPicture {
		if id := d.Picture + n.Picture; !f.hasVP8 || int16(id<<1-f.picture<<1) > 0 {
			f.picture, f.tl0, f.hasVP8 = id, d.TL0+n.TL0, true
		}
	}
}

// Find translates a number from the subscriber's NACK: which layer's packet it was, and
// under which numbers it went out.
func (f *Forwarder) Find(sequence uint16) (layer int8, original uint64, run Receipt, ok bool) {
	if !f.begun {
		return 0, 0, run, false
	}
	out := media.Extend(f.last, sequence)
	if out > f.last {
		return 0, 0, run, false
	}
	r := f.receipts.find(out)
	if r == nil {
		return 0, 0, run, false
	}
	return r.layer, out + r.shift, *r, true
}
