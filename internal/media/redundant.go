package media

import "encoding/binary"

// What the header of a redundant block can tell (RFC 2198 §3).
const (
	mostBefore = 1<<14 - 1 // ticks
	mostBlock  = 1<<10 - 1 // bytes
)

// A Block is one block of redundant audio: what was or would be the payload of a packet.
type Block struct {
	Format uint8  // its payload type
	Before uint32 // how many ticks before the packet's timestamp it belongs, 0 for the newest
	Data   []byte
}

// SplitRedundant takes a payload of redundant audio apart (RFC 2198 §3). The blocks, which
// share its memory, are appended to blocks: the oldest first, the newest last. ok is false
// where lengths lead out of the payload, or when there are more blocks than fit the capacity.
func SplitRedundant(payload []byte, blocks []Block) (all []Block, ok bool) {
	at, first := 0, len(blocks)
	for more := true; more; {
		if at >= len(payload) || len(blocks) == cap(blocks) {
			return nil, false
		}
		block := Block{Format: payload[at] & 0x7f}
		if more = payload[at]&0x80 != 0; !more {
			at++
		} else {
			if at+4 > len(payload) {
				return nil, false
			}
			bits := binary.BigEndian.Uint32(payload[at:])
			block.Before = bits >> 10 & mostBefore
			n := int(bits & mostBlock)
			if n > len(payload) {
				return nil, false
			}
			block.Data = payload[:n] // its length for now
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

// AppendEarlier appends what a payload of redundant audio has before its newest block: all
// headers, and the older blocks, the oldest first. It leaves out blocks that the headers
// can't tell of. Formats are for SetFormat to fill in.
func AppendEarlier(out []byte, older []Block) []byte {
	tells := func(b Block) bool { return b.Before <= mostBefore && len(b.Data) <= mostBlock }
	for _, b := range older {
		if tells(b) {
			out = binary.BigEndian.AppendUint32(out, 1<<31|b.Before<<10|uint32(len(b.Data)))
		}
	}
	out = append(out, 0)
	for _, b := range older {
		if tells(b) {
			out = append(out, b.Data...)
		}
	}
	return out
}

// SetFormat gives all blocks of what AppendEarlier wrote a payload type.
func SetFormat(earlier []byte, format uint8) {
	for at := 0; at < len(earlier); at += 4 {
		more := earlier[at] & 0x80
		earlier[at] = more | format
		if more == 0 {
			return
		}
	}
}
