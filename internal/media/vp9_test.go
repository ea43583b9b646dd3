package media

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// vp9Layers are the spatial layers of the first pictures that Chromium sent as L3T3.
func vp9Layers(t testing.TB) (pictures [][][]byte) {
	t.Helper()
	b, err := os.ReadFile("testdata/vp9_l3t3.ivf")
	if err != nil {
		t.Fatal(err)
	}
	for b = b[32:]; len(b) > 12; {
		size, time := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint64(b[4:]))
		if time == len(pictures) {
			pictures = append(pictures, nil)
		}
		pictures[time] = append(pictures[time], b[12:12+size])
		b = b[12+size:]
	}
	return pictures
}

func TestVP9Stream_JoinShowsOnlyTheLastLayer(t *testing.T) {
	var s, again VP9Stream
	for n, layers := range vp9Layers(t) {
		joined, err := s.Join(layers)
		if err != nil || s.Width != 1280 || s.Height != 720 {
			t.Fatalf("picture %d: %v, %dx%d", n, err, s.Width, s.Height)
		}
		frames := splitSuperframe(joined)
		if len(frames) != len(layers) {
			t.Fatalf("picture %d has %d frames of %d layers", n, len(frames), len(layers))
		}
		for i, frame := range frames {
			h, err := again.read(frame)
			if err != nil || h.shown != (i == len(frames)-1) || h.keyframe != (n == 0 && i == 0) {
				t.Errorf("frame %d of picture %d is %+v, %v", i, n, h, err)
			}
			if tail := layers[i][40:]; !bytes.HasSuffix(frame, tail) {
				t.Errorf("frame %d of picture %d has other data", i, n)
			}
		}
		w, h := VP9Size(joined)
		if key := n == 0; key != (w == 1280) || key != (h == 720) {
			t.Errorf("the size of picture %d is %dx%d", n, w, h)
		}
	}
}

func TestVP9Stream_JoinKeepsAFrameWithoutLayers(t *testing.T) {
	for _, frame := range [][]byte{vp9Layers(t)[0][0], {0x86}, {0}} {
		var s VP9Stream
		if joined, err := s.Join([][]byte{frame}); err != nil || !bytes.Equal(joined, frame) {
			t.Errorf("%x becomes %x, %v", frame[:1], joined, err)
		}
	}
}

func FuzzVP9Stream(f *testing.F) {
	for _, layers := range vp9Layers(f) {
		f.Add(layers[0][:60], layers[1][:60], layers[2][:60])
	}
	f.Add([]byte{0x88}, []byte{0xb9, 0xff}, []byte{0x84, 0})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		var s VP9Stream
		joined, err := s.Join([][]byte{a, b, c})
		if n := len(splitSuperframe(joined)); err == nil && n > 3 {
			t.Errorf("three layers become %d frames", n)
		}
		VP9Size(a)
	})
}
