package realtime

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
)

// Each packet is a layer of a picture that Chromium sent as L3T3, in non-flexible mode (RFC 9628
// §4.2).
func TestDepacketizer_JoinsTheSpatialLayersOfVP9(t *testing.T) {
	b, err := os.ReadFile("../internal/media/testdata/vp9_l3t3.ivf")
	if err != nil {
		t.Fatal(err)
	}
	d := NewDepacketizer(VP9)
	var stream media.VP9Stream
	var layers [][]byte
	received := 0
	for sequence := uint16(0); len(b[32:]) > 12; sequence++ {
		size, picture := binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint64(b[36:])
		frame := b[44 : 44+size]
		b = slices.Concat(b[:32], b[44+size:])
		descriptor := byte(0x28 | 0x04) // layers; begin and end of a frame
		if picture > 0 {
			descriptor |= 0x40 // it refers to other pictures
		}
		layer := byte(len(layers))
		layers = append(layers, frame)
		p := &rtp.Packet{
			Header:  rtp.Header{SequenceNumber: sequence, Timestamp: uint32(picture) * 6000, Marker: len(layers) == 3},
			Payload: append([]byte{descriptor, layer << 1, 0}, frame...),
		}
		frames, _ := d.Push(p, time.Time{})
		if len(layers) < 3 {
			if len(frames) > 0 {
				t.Fatalf("picture %d ends with layer %d", picture, layer)
			}
			continue
		}
		want, err := stream.Join(layers)
		if err != nil || len(frames) != 1 {
			t.Fatalf("picture %d: %v, %d frames", picture, err, len(frames))
		}
		if f := frames[0]; !slices.Equal(f.Data, want) || f.Keyframe != (picture == 0) || f.Width != 1280 || f.Height != 720 {
			t.Errorf("picture %d is %dx%d, keyframe %t, of %d bytes instead of %d", picture, f.Width, f.Height, f.Keyframe, len(f.Data), len(want))
		}
		layers, received = nil, received+1
	}
	if received != 6 {
		t.Errorf("%d pictures were received", received)
	}
}
