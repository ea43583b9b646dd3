package testpattern

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"image"
	"math"
	"time"
)

// A Mark identifies a picture of the pattern.
type Mark struct {
	Frame    uint32    // from 0; the strip has the lowest 16 bits
	Identity uint16    // of the sender
	Sent     time.Time // the sender's clock when the picture was drawn; the strip has milliseconds mod 2³²
}

// IdentityOf is the identity of a participant: FNV-1a of its id, folded to 16 bits.
func IdentityOf(participantID string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(participantID)) // a hash never fails
	s := h.Sum32()
	return uint16(s>>16) ^ uint16(s)
}

// A Colour in studio-range BT.709.
type Colour struct{ Y, Cb, Cr byte }

// ColourOf is the colour of the sea in a participant's pattern: one of twelve hues.
func ColourOf(identity uint16) Colour { return shade(identity, 0.65, 0.75) }

// shade is a colour of the participant's hue, by its saturation and its value (HSV).
func shade(identity uint16, saturation, value float64) Colour {
	hue := float64(identity%12) / 12
	channel := func(offset float64) float64 {
		k := math.Mod(offset+hue*6, 6)
		return value * (1 - saturation*max(0, min(k, 4-k, 1)))
	}
	r, g, b := channel(5), channel(3), channel(1)
	y := 0.2126*r + 0.7152*g + 0.0722*b
	return Colour{
		Y:  byte(math.Round(16 + 219*y)),
		Cb: byte(math.Round(128 + 224*(b-y)/1.8556)),
		Cr: byte(math.Round(128 + 224*(r-y)/1.5748)),
	}
}

// strips are the two machine-readable rows, each with its check.
func (m Mark) strips() (clock, frame [5]byte) {
	binary.BigEndian.PutUint32(clock[:], uint32(m.Sent.UnixMilli()))
	binary.BigEndian.PutUint16(frame[:], uint16(m.Frame))
	binary.BigEndian.PutUint16(frame[2:], m.Identity)
	clock[4], frame[4] = crc8(clock[:4]), crc8(frame[:4])
	return clock, frame
}

func crc8(data []byte) byte {
	crc := byte(0xFF)
	for _, b := range data {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// Read reads the strips of a decoded picture, which may be scaled: cell is the size of a
// cell in pixels (8·Scale in the original). The pattern starts at the image's upper left
// corner. near is a time within 24 days of the mark, since the strip repeats every 49 days.
// ok is false if a check fails.
func Read(img *image.YCbCr, cell float64, near time.Time) (m Mark, ok bool) {
	clock, clockOK := readStrip(img, cell, 0)
	frame, frameOK := readStrip(img, cell, 1)
	if !clockOK || !frameOK {
		return Mark{}, false
	}
	ahead := int32(binary.BigEndian.Uint32(clock[:]) - uint32(near.UnixMilli()))
	return Mark{
		Frame:    uint32(binary.BigEndian.Uint16(frame[:])),
		Identity: binary.BigEndian.Uint16(frame[2:]),
		Sent:     time.UnixMilli(near.UnixMilli() + int64(ahead)),
	}, true
}

func readStrip(img *image.YCbCr, cell float64, row int) (data [5]byte, ok bool) {
	if cell < 2 {
		return data, false
	}
	for i := range 8 * len(data) {
		// The middle half of a cell: scaling and encoding blur the border.
		r := image.Rect(
			int((float64(i)+0.25)*cell), int((float64(row)+0.25)*cell/2),
			int(math.Ceil((float64(i)+0.75)*cell)), int(math.Ceil((float64(row)+0.75)*cell/2)),
		).Add(img.Rect.Min)
		if !r.In(img.Rect) {
			return data, false
		}
		sum := 0
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				sum += int(img.Y[img.YOffset(x, y)])
			}
		}
		if sum > r.Dx()*r.Dy()*(black+white)/2 {
			data[i/8] |= 0x80 >> (i % 8)
		}
	}
	return data, crc8(data[:4]) == data[4]
}

// seiUUID is of the SEI user data message with a Mark: time in microseconds
// (8 bytes), frame (4), identity (2), all big endian.
var seiUUID = [16]byte{0x72, 0x6f, 0x73, 0x74, 0x72, 0x75, 0x6d, 0x2d, 0x9c, 0x1e, 0x4b, 0x07, 0xa5, 0x52, 0xd8, 0x31}

const seiBytes = 16 + 8 + 4 + 2

func (m Mark) sei() []byte {
	b := append(make([]byte, 0, seiBytes), seiUUID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Sent.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, m.Frame)
	return binary.BigEndian.AppendUint16(b, m.Identity)
}

// Find returns the Mark of an H.264 access unit in Annex B form, if it has one.
func Find(unit []byte) (m Mark, ok bool) {
	// Only whole messages count: UUID and size, at the beginning of the unit.
	at := bytes.Index(unit, seiUUID[:])
	if at < 3 || !bytes.Equal(unit[at-3:at], []byte{nalSEI, 5, seiBytes}) {
		return Mark{}, false
	}
	body := unit[at+len(seiUUID):]
	body = bytes.ReplaceAll(body[:min(len(body), 2*seiBytes)], []byte{0, 0, 3}, []byte{0, 0})
	if len(body) < seiBytes-len(seiUUID) {
		return Mark{}, false
	}
	return Mark{
		Sent:     time.UnixMicro(int64(binary.BigEndian.Uint64(body))),
		Frame:    binary.BigEndian.Uint32(body[8:]),
		Identity: binary.BigEndian.Uint16(body[12:]),
	}, true
}
