package sfu

import (
	"time"

	"rostrum/internal/media"
)

// Redundant audio (RFC 2198): a packet that also carries those before it makes up for their
// loss without waiting. Publishers that prefer it send it; here it's taken apart, and what
// lacks is filled. All of the house sees plain packets. To a subscriber that can read it and
// needs it the server sends its own.

const (
	redDepth       = 2    // earlier packets in one
	redMaxBytes    = 1000 // of payload and all that stands before it
	redSearchRange = 16   // numbers among which an earlier packet is looked for, as padding has numbers too
)

// unfold takes a redundant payload apart and fills in what is missing. It returns the newest
// block, false if there is none.
func (p *Publisher) decodeRED(s *shard, l *Layer, h *rtpHeader, body []byte, level uint8) ([]byte, bool) {
	var scratch [8]media.REDBlock
	blocks, ok := media.DecodeRED(body, scratch[:0])
	if !ok {
		return nil, false
	}
	newest := len(blocks) - 1
	for i, b := range blocks[:newest] {
		if l.started && len(b.Data) > 0 && b.PayloadType == l.track.payload.Type {
			p.recoverBlock(s, l, h, uint64(newest-i), b, level)
		}
	}
	return blocks[newest].Data, true
}

// fill puts a block that was repeated into the hole that it belongs to, if it is missing.
// Blocks tell their time alone: it lies back numbers before the packet that h is of, or
// further, as padding has numbers too.
func (p *Publisher) recoverBlock(s *shard, l *Layer, h *rtpHeader, back uint64, b media.REDBlock, level uint8) {
	carrier, stamp := media.Extend(l.lastSequence, h.sequence+l.sequenceOffset), h.timestamp+l.timestampOffset-b.TimestampOffset
	if carrier < l.firstSequence+back {
		return // it is older than all that came
	}
	hole := uint64(0)
	for n := carrier - back; n >= l.firstSequence && n+redSearchRange > carrier; n-- {
		have := l.ring.get(n)
		switch {
		case have == nil:
			hole = max(hole, n)
			continue
		case len(have.Payload) == 0:
			continue
		case have.Timestamp == stamp:
			return
		case int32(have.Timestamp-stamp) > 0:
			hole = 0
			continue
		}
		break
	}
	if hole == 0 {
		return
	}
	packet := media.Packet{Payload: b.Data, Level: level}
	if l.accept(&packet, uint16(hole)-l.sequenceOffset, h.timestamp-b.TimestampOffset, s.now, true) == None {
		p.addToBurst(s, l, &packet)
	}
}

// weave gives a packet of sound those before it. What it carries never changes from then on:
// it may be sent again, and under an AEAD a number must never cover two contents.
func (p *Publisher) encodeRED(l *Layer, packet *media.Packet) {
	var scratch [redDepth]media.REDBlock
	at, total := redDepth, len(packet.Payload)+1
	for n := packet.Sequence - 1; at > 0 && n >= l.firstSequence && n+redSearchRange > packet.Sequence; n-- {
		before := l.ring.get(n)
		if before == nil || len(before.Payload) == 0 {
			continue
		}
		if total += 4 + len(before.Payload); total > redMaxBytes {
			break
		}
		at--
		scratch[at] = media.REDBlock{TimestampOffset: packet.Timestamp - before.Timestamp, Data: before.Payload}
	}
	kept := l.ring.get(packet.Sequence)
	if at == redDepth || len(packet.Payload) == 0 || kept == nil {
		return
	}
	packet.REDPrefix = media.AppendREDPrefix(p.slab.reserve(total)[:0], scratch[at:])
	p.slab.commit(len(packet.REDPrefix))
	kept.REDPrefix = packet.REDPrefix
}

// A cover decides for one subscription of sound whether its packets carry those before them,
// which costs the bit rate twice more: where packets are lost, and nothing is sent again or
// comes too late. It is pure.
type redSwitch struct {
	payloadType uint8 // payload type of redundant audio, 0 where the offer has none
	nacks       bool  // the subscriber asks for what is missing

	enabled     bool
	changedAt   uint64 // the outgoing number from which on it is so; before, it was the other way
	lossShare   float64
	windowStart uint64 // the outgoing number with which the present turn of counting began
	nacked      int    // numbers in the present turn that were missing
	lastNacked  uint16 // the latest of them
}

const (
	redWindow       = 50    // packets: a second, as browsers send
	redEnableLoss   = 0.02  // share of packets lost from which on there is cover
	redDisableLoss  = 0.005 // and below which there is none any more
	redMinRoundTrip = 60e6  // ns of round trip from which on browsers play before a repair is there

	// coverAfterFull is how long after the path was full there is no cover: what is lost
	// because there is too much isn't helped by more.
	redCongestionHold = 10e9 // ns
)

// earlier is what goes before the payload of p when it is sent under a number.
func (c *redSwitch) blocksFor(p *media.Packet, number uint64) []byte {
	if c.payloadType == 0 || c.enabled != (number >= c.changedAt) {
		return nil
	}
	return p.REDPrefix
}

// missed counts a number that the subscriber asks for.
func (c *redSwitch) countNACK(number uint16) {
	if c.payloadType != 0 && int16(number-c.lastNacked) > 0 {
		c.nacked++
		c.lastNacked = number
	}
}

// judge decides anew. next is the next outgoing number, reported the share of loss that the
// subscriber reports: where packets are sent again those don't count as lost, but are asked for.
func (c *redSwitch) update(next uint64, reported float64, roundTrip time.Duration) {
	if c.payloadType == 0 {
		return
	}
	if n := next - c.windowStart; n >= redWindow {
		if n < 10*redWindow { // the first turn has no beginning
			c.lossShare += (min(float64(c.nacked)/float64(n), 1) - c.lossShare) / 8
		}
		c.windowStart, c.nacked = next, 0
	}
	lost := max(c.lossShare, reported)
	switch {
	case lost < redDisableLoss || c.nacks && roundTrip < redMinRoundTrip:
		c.disable(next)
	case lost >= redEnableLoss && !c.enabled:
		c.toggle(next)
	}
}

// lift ends the cover.
func (c *redSwitch) disable(next uint64) {
	if c.enabled {
		c.toggle(next)
	}
}

// change is refused while packets from before the latest change may still be asked for.
func (c *redSwitch) toggle(next uint64) {
	if next-c.changedAt > audioRingSize {
		c.enabled, c.changedAt = !c.enabled, next
	}
}
