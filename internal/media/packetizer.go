package media

import (
	"slices"

	"github.com/pion/rtp/codecs"
)

// A Packetizer splits the pictures of one layer into RTP payloads. It is for one goroutine.
type Packetizer struct {
	codec     Codec
	pictureID uint16 // of VP9, 15 bits
	av1       codecs.AV1Payloader
}

// NewPacketizer makes a packetizer of H.264, VP9 or AV1.
func NewPacketizer(c Codec) *Packetizer { return &Packetizer{codec: c} }

// Packetize returns payloads of at most size bytes: units are the NAL units of a picture, or one
// frame or superframe of VP9, or one temporal unit of AV1 whose OBUs have sizes.
func (p *Packetizer) Packetize(units [][]byte, size int) (payloads [][]byte) {
	switch p.codec {
	case VP9:
		for _, u := range units {
			payloads = append(payloads, p.packetizeVP9(u, size)...)
		}
		return payloads
	case AV1:
		return p.av1.Payload(uint16(size), slices.Concat(units...))
	default:
		return PacketizeH264(units, size)
	}
}

// Bits of the payload descriptor of VP9 (RFC 9628 §4.2).
const (
	vp9HasPictureID = 0x80
	vp9Predicted    = 0x40
	vp9HasLayers    = 0x20
	vp9Flexible     = 0x10
	vp9Begins       = 0x08
	vp9Ends         = 0x04
	vp9HasStructure = 0x02
)

// packetizeVP9 uses the flexible mode, in which a picture names those it refers to: always the one
// before, which is so or is stricter than what the encoder did.
func (p *Packetizer) packetizeVP9(frame []byte, size int) (payloads [][]byte) {
	id := p.pictureID
	p.pictureID = (p.pictureID + 1) & 0x7fff
	width, height := VP9Size(frame) // 0 for all but keyframes
	flags := byte(vp9HasPictureID | vp9Flexible | vp9Begins)
	for len(frame) > 0 {
		header := []byte{flags, 0x80 | byte(id>>8), byte(id)}
		switch {
		case width == 0:
			header[0] |= vp9Predicted
			header = append(header, 1<<1) // the picture before, and no further one
		case flags&vp9Begins != 0:
			header[0] |= vp9HasStructure // one spatial layer, and its size
			header = append(header, 0x10, byte(width>>8), byte(width), byte(height>>8), byte(height))
		}
		n := min(len(frame), size-len(header))
		if n == len(frame) {
			header[0] |= vp9Ends
		}
		payloads = append(payloads, append(header, frame[:n]...))
		frame, flags = frame[n:], flags&^vp9Begins
	}
	return payloads
}
