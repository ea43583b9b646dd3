package media

import "time"

// Packet is one RTP packet inside the house: its header by value, its payload shared.
// Nobody changes Payload once the packet was made, so it may be kept and passed on.
type Packet struct {
	Payload []byte // without header, extensions and padding; empty when it was padding alone

	// Earlier, if there is any, makes redundant audio of Payload when put before it: the
	// packets before this one, as AppendEarlier wrote them.
	Earlier []byte

	Sequence  uint64        // extended: never wraps, so later is always greater
	Timestamp uint32        // in ticks of the codec's clock; wraps
	Arrived   time.Duration // since the media engine started, on its monotonic clock

	// Captured is when the publisher took the sample, in Unix nanoseconds of the
	// publisher's own clock; audio and video of one publisher are comparable.
	// 0 while the publisher's sender reports don't say.
	Captured int64

	Codec    Codec
	Layer    int8 // index of the layer within its track
	Marker   bool // RTP marker: last packet of a picture
	Keyframe bool // first packet of a picture that a decoder can begin with

	// Level is the RFC 6464 audio level in -dBov: 0 is loudest, 127 is silence.
	// It is 127 too when the publisher doesn't say.
	Level uint8
}

// Extend places a 16-bit sequence number nearest to the last extended one, so that
// wraps and reordering up to half the number space are understood (RFC 3550 appendix A.1).
func Extend(last uint64, sequence uint16) uint64 {
	delta := int16(sequence - uint16(last))
	if delta < 0 && last < uint64(-int64(delta)) {
		return uint64(sequence) // before the beginning: cannot be older than zero
	}
	return last + uint64(int64(delta))
}
