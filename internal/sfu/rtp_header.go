package sfu

import "encoding/binary"

// rtpHeader is an RTP header, with the fields that the packet path needs (RFC 3550 §5.1).
type rtpHeader struct {
	marker           bool
	payloadType      uint8
	sequence         uint16
	timestamp        uint32
	ssrc             uint32
	extensionProfile uint16 // 0 without extensions
	extensions       [2]int // offsets of the extension block
	payloadRange     [2]int // offsets of the payload without padding
}

const (
	oneByteProfile = 0xbede
	twoByteProfile = 0x1000 // the low four bits are application bits (RFC 8285 §4.3)
)

// parseRTP reads a header and finds the payload. It reports false when a length inside the
// packet exceeds it.
func parseRTP(b []byte) (h rtpHeader, ok bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return h, false
	}
	h.marker, h.payloadType = b[1]&0x80 != 0, b[1]&0x7f
	h.sequence = binary.BigEndian.Uint16(b[2:])
	h.timestamp = binary.BigEndian.Uint32(b[4:])
	h.ssrc = binary.BigEndian.Uint32(b[8:])
	at, end := 12+4*int(b[0]&15), len(b)
	if b[0]&0x10 != 0 {
		if at+4 > end {
			return h, false
		}
		h.extensionProfile = binary.BigEndian.Uint16(b[at:])
		n := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		h.extensions = [2]int{at + 4, at + 4 + n}
		at += 4 + n
	}
	if at > end {
		return h, false
	}
	if b[0]&0x20 != 0 {
		padding := int(b[end-1])
		if padding == 0 || at+padding > end {
			return h, false
		}
		end -= padding
	}
	h.payloadRange = [2]int{at, end}
	return h, true
}

// extension returns one header extension element by id, nil if it is absent (RFC 8285 §4.2,
// §4.3).
func (h *rtpHeader) extension(b []byte, id uint8) []byte {
	if id == 0 || h.extensionProfile == 0 {
		return nil
	}
	block := b[h.extensions[0]:h.extensions[1]]
	switch {
	case h.extensionProfile == oneByteProfile:
		return oneByteExtension(block, id)
	case h.extensionProfile&0xfff0 == twoByteProfile:
		return twoByteExtension(block, id)
	}
	return nil
}

func oneByteExtension(block []byte, id uint8) []byte {
	for len(block) > 0 {
		if block[0] == 0 { // padding
			block = block[1:]
			continue
		}
		n := int(block[0]&15) + 1
		if block[0]>>4 == 15 || n+1 > len(block) {
			return nil
		}
		if block[0]>>4 == id {
			return block[1 : 1+n]
		}
		block = block[1+n:]
	}
	return nil
}

func twoByteExtension(block []byte, id uint8) []byte {
	for len(block) > 1 {
		if block[0] == 0 { // padding
			block = block[1:]
			continue
		}
		n := int(block[1])
		if n+2 > len(block) {
			return nil
		}
		if block[0] == id {
			return block[2 : 2+n]
		}
		block = block[2+n:]
	}
	return nil
}
