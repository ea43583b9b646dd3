package realtime

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"rostrum/internal/media"
)

// A publisher may send packets of one frame for ever.
func TestAssembler_BoundsAFrame(t *testing.T) {
	for _, c := range []struct {
		codec       media.Codec
		first, more []byte
	}{
		{media.H264, []byte{0x65, 0x80}, []byte{0x41, 0x80}},
		{media.H264, []byte{0x7c, 0x85}, []byte{0x7c, 0x05}},
		{media.VP8, []byte{0x10, 0}, []byte{0x00, 1}},
		{media.VP9, []byte{0x08, 0x82}, []byte{0x00, 1}},
		{media.AV1, []byte{0x50, 0x0a}, []byte{0xd0, 1}},
	} {
		a := newAssembler(c.codec)
		for i := range 4 * maxFrame / 1200 {
			payload := c.more
			if i == 0 {
				payload = c.first
			}
			payload = append(bytes.Clone(payload), make([]byte, 1198)...)
			if _, complete, _ := a.add(arrival{packet: &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: 7}, Payload: payload}}); complete {
				t.Fatalf("%v: a frame without an end is complete", c.codec)
			}
		}
		if len(a.data) > maxFrame || cap(a.data) > 2*maxFrame {
			t.Errorf("%v: a frame has %d bytes", c.codec, cap(a.data))
		}
		if !a.damaged || !a.needKeyframe {
			t.Errorf("%v: a frame that is too long is not lost", c.codec)
		}
	}
}

// Temporal delimiters and tile lists are ignored wherever they stand (RTP payload format for AV1
// §5), also as the last element that a packet counts.
func TestAssembler_IgnoresDelimitersOfAV1(t *testing.T) {
	const frame, delimiter, tileList = 0x30, 0x10, 0x40
	for name, payload := range map[string][]byte{
		"first, of two":       {2 << 4, 1, delimiter, frame, 42, 43},
		"last, of two":        {2 << 4, 3, frame, 42, 43, delimiter},
		"last, of three":      {3 << 4, 1, delimiter, 3, frame, 42, 43, delimiter},
		"last, with a length": {0, 3, frame, 42, 43, 1, delimiter},
		"a tile list":         append([]byte{2 << 4, 3, frame, 42, 43, tileList}, make([]byte, 300)...),
	} {
		t.Run(name, func(t *testing.T) {
			a := newAssembler(media.AV1)
			if err := a.append(payload); err != nil || !bytes.Equal(a.data, []byte{frame | 2, 2, 42, 43}) {
				t.Errorf("the frame is %x, %v", a.data, err)
			}
		})
	}
	a := newAssembler(media.AV1)
	if err := a.append([]byte{1 << 4, delimiter}); err != nil || len(a.data) > 0 {
		t.Errorf("of a delimiter alone there is %x, %v", a.data, err)
	}
}

// The fields of a payload descriptor of VP9 are those of one packet (RFC 9628 §4.2).
func TestAssembler_ReadsEachDescriptorOfVP9ByItself(t *testing.T) {
	const hasPictureID, isInter, isFlexible, begins, ends, hasStructure = 0x80, 0x40, 0x10, 0x08, 0x04, 0x02
	structure := []byte{begins | ends | hasStructure, 0x08, 255} // no sizes, 255 pictures
	for range 255 {
		structure = append(structure, 0) // which refer to none
	}
	structure = append(structure, 0x82)
	for name, payload := range map[string][]byte{
		"two references":   {hasPictureID | isInter | isFlexible | begins | ends, 1, 1<<1 | 1, 2 << 1, 0x86},
		"a long structure": structure,
	} {
		t.Run(name, func(t *testing.T) {
			a := newAssembler(media.VP9)
			for i := range 100 {
				if err := a.append(payload); err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
			}
			if v := fmt.Sprint(len(a.layers), len(a.data)); v != "100 100" {
				t.Errorf("layers and bytes: %s", v)
			}
			if v := a.unpack.(*codecs.VP9Packet); len(v.PGTID) > 255 || len(v.PDiff) > 2 {
				t.Errorf("it has %d pictures and %d references", len(v.PGTID), len(v.PDiff))
			}
		})
	}
}
