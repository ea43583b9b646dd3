package media

import (
	"bytes"
	"encoding/binary"
)

// PacketizeH264 splits a picture into payloads of at most size bytes (RFC 6184, packetization
// mode 1): parameter sets in a row are one packet, units that are too long are fragmented,
// access unit delimiters and filler data are left out. Payloads share no memory with units.
func PacketizeH264(units [][]byte, size int) (payloads [][]byte) {
	var sets [][]byte
	for _, u := range units {
		if len(u) == 0 {
			continue
		}
		switch u[0] & 0x1f {
		case nalAUD, nalFiller:
		case nalSPS, nalPPS:
			sets = append(sets, u)
		default:
			payloads = appendFragments(appendSets(payloads, sets, size), u, size)
			sets = nil
		}
	}
	return appendSets(payloads, sets, size)
}

// appendSets appends parameter sets as one STAP-A packet (RFC 6184 §5.7.1), unless they are
// too long for one.
func appendSets(payloads, sets [][]byte, size int) [][]byte {
	length := 1
	for _, u := range sets {
		length += 2 + len(u)
	}
	if len(sets) < 2 || length > size {
		for _, u := range sets {
			payloads = appendFragments(payloads, u, size)
		}
		return payloads
	}
	all := append(make([]byte, 0, length), nalSTAPA)
	for _, u := range sets {
		all[0] = max(all[0], u[0]&0x60|nalSTAPA)
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(u))), u...)
	}
	return append(payloads, all)
}

// appendFragments appends a NAL unit as a packet, or as FU-A packets (RFC 6184 §5.8).
func appendFragments(payloads [][]byte, unit []byte, size int) [][]byte {
	if len(unit) <= size {
		return append(payloads, bytes.Clone(unit))
	}
	const header, start, end = 2, 0x80, 0x40
	indicator, kind := unit[0]&0x60|nalFUA, unit[0]&0x1f|start
	rest, part := unit[1:], size-header
	all := make([]byte, 0, len(rest)+header*((len(rest)+part-1)/part))
	for len(rest) > 0 {
		n := min(len(rest), part)
		if n == len(rest) {
			kind |= end
		}
		begin := len(all)
		all = append(append(all, indicator, kind), rest[:n]...)
		payloads = append(payloads, all[begin:len(all):len(all)])
		rest, kind = rest[n:], kind&^start
	}
	return payloads
}

// SplitAnnexB splits a picture into NAL units. These contain no start code, nor do they end
// with a zero (ITU-T H.264 §7.4.1). They share the picture's memory.
func SplitAnnexB(picture []byte) (units [][]byte) {
	for _, u := range bytes.Split(picture, []byte{0, 0, 1}) {
		if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
			units = append(units, u)
		}
	}
	return units
}
