package media

import "encoding/binary"

// Bounds of a redundant block's header (RFC 2198 §3).
const (
	maxTimestampOffset = 1<<14 - 1 // ticks
	maxBlockLength     = 1<<10 - 1 // bytes
)

// A REDBlock is one block of redundant audio: what was or would be the payload of a packet.
type REDBlock struct {
	PayloadType     uint8  // RTP
	TimestampOffset uint32 // ticks before the packet's timestamp; 0 for the newest
	Data            []byte
}

// DecodeRED splits a payload of redundant audio (RFC 2198 §3). The blocks share its memory
// and are appended to blocks, the oldest first. ok is false where lengths exceed the
// payload, or when there are more blocks than the capacity.
func DecodeRED(payload []byte, blocks []REDBlock) (all []REDBlock, ok bool) {
	at, first := 0, len(blocks)
	for more := true; more; {
		if at >= len(payload) || len(blocks) == cap(blocks) {
			return nil, false
		}
		block := REDBlock{PayloadType: payload[at] & 0x7f}
		if more = payload[at]&0x80 != 0; !more {
			at++
		} else {
			if at+4 > len(payload) {
				return nil, false
			}
			bits := binary.BigEndian.Uint32(payload[at:])
			block.TimestampOffset = bits >> 10 & maxTimestampOffset
			n := int(bits & maxBlockLength)
			if n > len(payload) {
				return nil, false
			}
			block.Data = payload[:n] // only the length is right so far
			at += 4
		}
		blocks = append(blocks, block)
	}
	newest := len(blocks) - 1
	for i := first; i < newest; i++ {
		n := len(blocks[i].Data)
		if at+n > len(payload) {
			return nil, false
		}
		blocks[i].Data = payload[at : at+n : at+n]
		at += n
	}
	blocks[newest].Data = payload[at:len(payload):len(payload)]
	return blocks, true
}

// AppendREDPrefix appends the part of a RED payload before its newest block: all headers,
// and the older blocks, the oldest first. It omits blocks that the headers cannot
// describe. SetREDPayloadType sets the payload types.
func AppendREDPrefix(out []byte, older []REDBlock) []byte {
	fits := func(b REDBlock) bool { return b.TimestampOffset <= maxTimestampOffset && len(b.Data) <= maxBlockLength }
	for _, b := range older {
		if fits(b) {
			out = binary.BigEndian.AppendUint32(out, 1<<31|b.TimestampOffset<<10|uint32(len(b.Data)))
		}
	}
	out = append(out, 0)
	for _, b := range older {
		if fits(b) {
			out = append(out, b.Data...)
		}
	}
	return out
}

// SetREDPayloadType sets the payload type of all blocks in what AppendREDPrefix wrote.
func SetREDPayloadType(prefix []byte, payloadType uint8) {
	for at := 0; at < len(prefix); at += 4 {
		more := prefix[at] & 0x80
		prefix[at] = more | payloadType
		if more == 0 {
			return
		}
	}
}
