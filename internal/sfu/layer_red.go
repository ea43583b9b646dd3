package sfu

import "rostrum/internal/media"

// Redundant audio (RED, RFC 2198): a packet that also carries the packets before it makes up
// for their loss without a retransmission. Publishers that prefer it send it. It is decoded on
// arrival and fills gaps, so that the rest of the server handles plain packets. To a
// subscriber that supports it and needs it, the server sends redundant audio of its own.

const (
	redDepth       = 2    // earlier packets in one
	redMaxBytes    = 1000 // of payload and everything before it
	redSearchRange = 16   // numbers among which an earlier packet is searched, as padding takes numbers too
)

// findGap returns the missing sequence number that a redundant block belongs to, 0 if it is
// not missing. A block has only a timestamp. It belongs at least back numbers before the
// packet that h is the header of; further, if packets with only padding are between.
func (l *Layer) findGap(h *rtpHeader, back uint64, b media.REDBlock) (gap uint64) {
	newest, timestamp := media.Extend(l.lastSequence, h.sequence+l.sequenceOffset), h.timestamp+l.timestampOffset-b.TimestampOffset
	if newest < l.firstSequence+back {
		return 0 // older than everything that was received
	}
	for n := newest - back; n >= l.firstSequence && n+redSearchRange > newest; n-- {
		have := l.ring.get(n)
		switch {
		case have == nil:
			gap = max(gap, n)
		case len(have.Payload) == 0:
		case have.Timestamp == timestamp:
			return 0
		case int32(have.Timestamp-timestamp) > 0:
			gap = 0
		default:
			return gap
		}
	}
	return gap
}

// addRedundancy stores in an audio packet, and in its copy in the ring, the redundant blocks
// of the packets before it. They never change afterwards: the packet may be sent again, and
// under an AEAD a number must never be used for two contents.
func (l *Layer) addRedundancy(packet *media.Packet, memory *slab) {
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
	stored := l.ring.get(packet.Sequence)
	if at == redDepth || len(packet.Payload) == 0 || stored == nil {
		return
	}
	packet.REDPrefix = media.AppendREDPrefix(memory.reserve(total)[:0], scratch[at:])
	memory.commit(len(packet.REDPrefix))
	stored.REDPrefix = packet.REDPrefix
}
