package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp/codecs"
)

// Browsers drop pictures of VP9 that do not say what they refer to.
func TestPacketizer_SaysWhatPicturesOfVP9ReferTo(t *testing.T) {
	keyframe := append([]byte{0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0b, 0x30, 0x00}, make([]byte, 250)...) // 320x180
	inter := bytes.Repeat([]byte{0x86}, 230)
	p := NewPacketizer(VP9)
	for id, frame := range [][]byte{keyframe, inter, inter} {
		payloads := p.Packetize([][]byte{frame}, 100)
		if len(payloads) != 3 {
			t.Fatalf("picture %d has %d packets, expected 3", id, len(payloads))
		}
		var whole []byte
		for i, payload := range payloads {
			var d codecs.VP9Packet
			data, err := d.Unmarshal(payload)
			if err != nil || len(payload) > 100 {
				t.Fatalf("packet %d of %d bytes: %v", i, len(payload), err)
			}
			if !d.I || int(d.PictureID) != id || !d.F || d.B != (i == 0) || d.E != (i == 2) || d.P != (id > 0) {
				t.Errorf("packet %d of picture %d is %+v", i, id, d)
			}
			if id > 0 && (len(d.PDiff) != 1 || d.PDiff[0] != 1) {
				t.Errorf("packet %d of picture %d refers to %v", i, id, d.PDiff)
			}
			if id == 0 && i == 0 && (!d.V || len(d.Width) != 1 || d.Width[0] != 320 || d.Height[0] != 180) {
				t.Errorf("the keyframe is of %v by %v", d.Width, d.Height)
			}
			if got := Inspect(VP9, payload).Keyframe; got != (id == 0 && i == 0) {
				t.Errorf("packet %d of picture %d begins a keyframe: %v", i, id, got)
			}
			whole = append(whole, data...)
		}
		if !bytes.Equal(whole, frame) {
			t.Errorf("picture %d is not whole", id)
		}
	}
}
