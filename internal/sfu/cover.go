package sfu

import "rostrum/internal/media"

// Redundant audio (RFC 2198): a packet that also carries those before it makes up for their
// loss without waiting. Publishers that prefer it send it; here it's taken apart, and what
// lacks is filled. All of the house sees plain packets. To a subscriber that can read it and
// needs it the server sends its own.

const (
	coverDepth = 2    // earlier packets in one
	coverBytes = 1000 // of payload and all that stands before it
	coverReach = 16   // numbers among which an earlier packet is looked for, as padding has numbers too
)

// unfold takes a redundant payload apart and fills in what is missing. It returns the newest
// block, false if there is none.
func (p *Publisher) unfold(s *shard, l *Layer, h *rtpHeader, body []byte, level uint8) ([]byte, bool) {
	var room [8]media.Block
	blocks, ok := media.SplitRedundant(body, room[:0])
	if !ok {
		return nil, false
	}
	newest := len(blocks) - 1
	for i, b := range blocks[:newest] {
		if l.begun && len(b.Data) > 0 && b.Format == l.track.payload.Type {
			p.fill(s, l, h, uint64(newest-i), b, level)
		}
	}
	return blocks[newest].Data, true
}

// fill puts a block that was repeated into the hole that it belongs to, if it is missing.
// Blocks tell their time alone: it lies back numbers before the packet that h is of, or
// further, as padding has numbers too.
func (p *Publisher) fill(s *shard, l *Layer, h *rtpHeader, back uint64, b media.Block, level uint8) {
	carrier, stamp := media.Extend(l.last, h.sequence+l.shift), h.timestamp+l.stamp-b.Before
	if carrier < l.start+back {
		return // it is older than all that came
	}
	hole := uint64(0)
	for n := carrier - back; n >= l.start && n+coverReach > carrier; n-- {
		have := l.ring.at(n)
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
	if l.accept(&packet, uint16(hole)-l.shift, h.timestamp-b.Before, s.now, true) == None {
		p.take(s, l, &packet)
	}
}

// weave gives a packet of sound those before it. What it carries never changes from then on:
// it may be sent again, and under an AEAD a number must never cover two contents.
func (p *Publisher) weave(l *Layer, packet *media.Packet) {
	var room [coverDepth]media.Block
	at, total := coverDepth, len(packet.Payload)+1
	for n := packet.Sequence - 1; at > 0 && n >= l.start && n+coverReach > packet.Sequence; n-- {
		before := l.ring.at(n)
		if before == nil || len(before.Payload) == 0 {
			continue
		}
		if total += 4 + len(before.Payload); total > coverBytes {
			break
		}
		at--
		room[at] = media.Block{Before: packet.Timestamp - before.Timestamp, Data: before.Payload}
	}
	kept := l.ring.at(packet.Sequence)
	if at == coverDepth || len(packet.Payload) == 0 || kept == nil {
		return
	}
	packet.Earlier = media.AppendEarlier(p.slab.room(total)[:0], room[at:])
	p.slab.keep(len(packet.Earlier))
	kept.Earlier = packet.Earlier
}

// A cover decides for one subscription of sound whether its packets carry those before them,
// which costs the bit rate twice more: where packets are lost, and nothing is sent again or
// comes too late. It is pure.
type cover struct {
	format  uint8 // payload type of redundant audio, 0 where the offer has none
	repairs bool  // the subscriber asks for what is missing

	on   bool
	from uint64 // the outgoing number from which on it is so; before, it was the other way
	lost float64
	turn uint64 // the outgoing number with which the present turn of counting began
	asks int    // numbers in the present turn that were missing
	ask  uint16 // the latest of them
}

const (
	coverTurn = 50    // packets: a second, as browsers send
	coverOn   = 0.02  // share of packets lost from which on there is cover
	coverOff  = 0.005 // and below which there is none any more
	coverLate = 60e6  // ns of round trip from which on browsers play before a repair is there

	// coverAfterFull is how long after the path was full there is no cover: what is lost
	// because there is too much isn't helped by more.
	coverAfterFull = 10e9 // ns
)

// earlier is what goes before the payload of p when it is sent under a number.
func (c *cover) earlier(p *media.Packet, number uint64) []byte {
	if c.format == 0 || c.on != (number >= c.from) {
		return nil
	}
	return p.Earlier
}

// missed counts a number that the subscriber asks for.
func (c *cover) missed(number uint16) {
	if c.format != 0 && int16(number-c.ask) > 0 {
		c.asks++
		c.ask = number
	}
}

// judge decides anew. next is the next outgoing number, reported the share of loss that the
// subscriber reports: where packets are sent again those don't count as lost, but are asked for.
func (c *cover) judge(next uint64, reported float64, roundTrip int64) {
	if c.format == 0 {
		return
	}
	if n := next - c.turn; n >= coverTurn {
		if n < 10*coverTurn { // the first turn has no beginning
			c.lost += (min(float64(c.asks)/float64(n), 1) - c.lost) / 8
		}
		c.turn, c.asks = next, 0
	}
	lost := max(c.lost, reported)
	switch {
	case lost < coverOff || c.repairs && roundTrip < coverLate:
		c.lift(next)
	case lost >= coverOn && !c.on:
		c.change(next)
	}
}

// lift ends the cover.
func (c *cover) lift(next uint64) {
	if c.on {
		c.change(next)
	}
}

// change is refused while packets from before the latest change may still be asked for.
func (c *cover) change(next uint64) {
	if next-c.from > audioRing {
		c.on, c.from = !c.on, next
	}
}
