package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

// maxLeadPackets is how many packets of a keyframe may be before its first slice: delimiter,
// parameter sets, supplemental information.
const maxLeadPackets = 32

// layerKeyframes finds the packets with which a decoder can begin. It is the packet with the
// first slice of a keyframe, once every packet of the frame before it was received: it may be
// a new parameter set. A receiver that begins there gets the parameter sets from sets, so the
// packets before it need not be sent.
type layerKeyframes struct {
	sets          media.ParameterSets
	candidate     keyframeCandidate
	completed     bool // a late packet completed the candidate
	requests      keyframeRequests
	firSequence   uint8
	width, height int
}

// keyframeCandidate is the newest frame with parameter sets or the first slice of a keyframe.
type keyframeCandidate struct {
	known     bool
	any       uint64 // the number of one of its packets
	timestamp uint32
	hasSlice  bool   // the first slice was received
	sequence  uint64 // of that packet
	accepted  bool   // a decoder can begin with it
}

// add adds what a packet has. It reports false for a packet of an older frame, whose parameter
// sets are no longer wanted.
func (c *keyframeCandidate) add(p *media.Packet, found media.Content) (current bool) {
	same := c.known && p.Timestamp == c.timestamp
	newer := !c.known || !same && p.Sequence > c.any
	if newer && (found.Keyframe || found.Sequence || found.Picture) {
		*c = keyframeCandidate{known: true, any: p.Sequence, timestamp: p.Timestamp}
	}
	current = newer || same
	if found.Keyframe && current && !c.hasSlice {
		c.hasSlice, c.sequence = true, p.Sequence
	}
	return current
}

// detectKeyframe reads a packet that was stored. It marks p, or the keyframe that p completes.
func (l *Layer) detectKeyframe(p *media.Packet) {
	found, c := media.Inspect(p.Codec, p.Payload), &l.candidate
	if !found.Keyframe && found.Width*found.Height > l.width*l.height {
		l.width, l.height = found.Width, found.Height // a spatial layer, or a change
	}
	if c.add(p, found) && (found.Sequence || found.Picture) {
		l.sets.AddPayload(p.Payload)
	}
	if !c.hasSlice || c.accepted || p.Sequence > c.sequence {
		return
	}
	first := l.ring.get(c.sequence)
	if first == nil {
		return
	}
	if lead, complete := l.lead(first); complete {
		l.acceptKeyframe(first, lead)
	}
	if p.Sequence == c.sequence {
		*p = *first
	} else {
		l.completed = c.accepted
	}
}

// lead returns what the packets of a keyframe before its first slice have, and whether none
// of them is missing.
func (l *Layer) lead(first *media.Packet) (lead media.Content, complete bool) {
	at := media.Inspect(first.Codec, first.Payload)
	for n := first.Sequence; n+maxLeadPackets > first.Sequence; n-- {
		if at.Begins || n == l.firstSequence {
			return lead, true
		}
		before := l.ring.get(n - 1)
		if before == nil {
			return lead, false
		}
		if before.Timestamp != first.Timestamp {
			return lead, true
		}
		at = media.Inspect(before.Codec, before.Payload)
		lead.Sequence, lead.Picture = lead.Sequence || at.Sequence, lead.Picture || at.Picture
	}
	return lead, false
}

// acceptKeyframe marks a keyframe in the ring, if the parameter sets that it needs are known.
func (l *Layer) acceptKeyframe(first *media.Packet, lead media.Content) {
	found := media.Inspect(first.Codec, first.Payload)
	if !found.HasSets() {
		if first.ParameterSets = l.sets.Payload(); first.ParameterSets == nil {
			return
		}
	}
	first.SetsSent = lead.HasSets()
	l.ring.markKeyframe(first)
	l.candidate.accepted = true
	l.requests.helped()
	if w, h := l.sets.Size(); w > 0 {
		l.width, l.height = w, h
	} else if found.Width > 0 {
		l.width, l.height = found.Width, found.Height
	}
}

// takeCompleted returns the first slice of a keyframe that a late packet has completed, nil if
// none was. Receivers got that slice without its mark.
func (l *Layer) takeCompleted() *media.Packet {
	if !l.completed {
		return nil
	}
	l.completed = false
	return l.ring.get(l.candidate.sequence)
}

const (
	// keyframeRequestInterval is the shortest time between two keyframe requests, however many
	// viewers ask: keyframes are expensive for the encoder (RFC 5104 §4.3.1.2).
	keyframeRequestInterval = 300 * time.Millisecond

	// maxKeyframeInterval is that between requests which bring no keyframe that helps.
	maxKeyframeInterval = 5 * time.Second
)

// keyframeRequests spaces requests for keyframes. Each that does not help doubles the time to
// the next.
type keyframeRequests struct {
	requestedAt time.Duration // 0 before the first
	inVain      int           // requests since one helped
}

// take reports whether a request may be sent now, and records it.
func (r *keyframeRequests) take(now time.Duration) bool {
	since := now - r.requestedAt
	if r.requestedAt == 0 || since > 2*maxKeyframeInterval {
		r.inVain = 0
	} else if since < min(keyframeRequestInterval<<max(r.inVain-1, 0), maxKeyframeInterval) {
		return false
	}
	r.requestedAt, r.inVain = now, min(r.inVain+1, 8)
	return true
}

// helped says that what was requested came.
func (r *keyframeRequests) helped() { r.inVain = 0 }

// takeKeyframeRequest reports whether to request a keyframe from the publisher now.
func (l *Layer) takeKeyframeRequest(now time.Duration) bool {
	if !l.keyframeWanted.Load() || !l.started || !l.requests.take(now) {
		return false
	}
	l.keyframeWanted.Store(false)
	l.counts.plis++
	return true
}

// keyframeRequest returns a PLI, or a FIR if the publisher supports no PLI.
func (l *Layer) keyframeRequest(sender, ssrc uint32) rtcp.Packet {
	if !l.track.payload.Supports("nack pli") && l.track.payload.Supports("ccm fir") {
		l.firSequence++
		return &rtcp.FullIntraRequest{SenderSSRC: sender, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: l.firSequence}}}
	}
	return &rtcp.PictureLossIndication{SenderSSRC: sender, MediaSSRC: ssrc}
}
