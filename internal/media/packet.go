package media

import "time"

// Packet is one RTP packet: its header by value, its payload shared. Payload is never
// changed, so it may be kept and passed on.
type Packet struct {
	Payload []byte // without header, extensions and padding; empty for a packet of padding

	// REDPrefix turns Payload into redundant audio when put before it: the previous
	// packets, as AppendREDPrefix wrote them. It may be empty.
	REDPrefix []byte

	// ParameterSets is a payload of its own that a decoder needs before a keyframe, where
	// Payload begins one and does not contain it.
	ParameterSets []byte

	Sequence  uint64        // extended: it does not wrap
	Timestamp uint32        // in ticks of the codec's clock; wraps
	Arrived   time.Duration // since the media engine started, on its monotonic clock

	// Captured is when the publisher took the sample, in Unix nanoseconds of the
	// publisher's own clock; audio and video of one publisher are comparable.
	// 0 while there is no sender report.
	Captured int64

	Codec    Codec
	Layer    int8 // index of the layer within its track
	Marker   bool // RTP marker: last packet of a picture
	Keyframe bool // a decoder can begin with this packet
	SetsSent bool // the packets before this one have its ParameterSets, too

	// Level is the RFC 6464 audio level in -dBov: 0 is loudest, 127 is silence.
	// It is 127 too when the publisher does not send it.
	Level uint8
}

// SetsPacket is the packet that has p's ParameterSets.
func (p *Packet) SetsPacket() Packet {
	q := *p
	q.Payload, q.ParameterSets, q.Marker = p.ParameterSets, nil, false
	return q
}

// Extend extends a 16-bit sequence number to the value nearest to the last extended one,
// which handles wraps and reordering up to half the number space (RFC 3550 appendix A.1).
func Extend(last uint64, sequence uint16) uint64 {
	delta := int16(sequence - uint16(last))
	if delta < 0 && last < uint64(-int64(delta)) {
		return uint64(sequence) // before the first packet
	}
	return last + uint64(int64(delta))
}
