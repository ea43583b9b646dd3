//go:build cgo

package codec

import (
	"bytes"
	"image"
	"io"
	"testing"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
)

// readLayers reads an IVF whose frames are spatial layers: those of one picture have one time.
func readLayers(t *testing.T) (pictures [][][]byte) {
	t.Helper()
	file, err := container.Open("../media/testdata/vp9_l3t3.ivf", container.Options{}) // from Chromium
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for last := time.Duration(-1); ; {
		f, err := file.Next()
		if err == io.EOF {
			return pictures
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Time != last {
			pictures, last = append(pictures, nil), f.Time
		}
		n := len(pictures) - 1
		pictures[n] = append(pictures[n], f.Data)
	}
}

// pixels are those of the last of some pictures, which it closes.
func pixels(t *testing.T, pictures []*Picture) (planes []byte) {
	t.Helper()
	p := pictures[len(pictures)-1]
	c := canvas(t, p.Width, p.Height)
	tile, err := NewTile()
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Close()
	if err := tile.Scale(p, image.Rect(0, 0, p.Width, p.Height), image.Pt(p.Width, p.Height)); err != nil {
		t.Fatal(err)
	}
	c.Put(tile, image.Point{})
	for i := range 3 {
		plane, _ := c.Plane(i)
		planes = append(planes, plane...)
	}
	for _, p := range pictures {
		p.Close()
	}
	return planes
}

func TestVideoDecoder_ShowsTheHighestOfJoinedLayers(t *testing.T) {
	apart, together := decoder(t, media.VP9), decoder(t, media.VP9)
	var stream media.VP9Stream
	for n, layers := range readLayers(t) {
		var want []*Picture
		for _, layer := range layers {
			pictures, err := apart.Decode(layer, 0)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, pictures...)
		}
		joined, err := stream.Join(layers)
		if err != nil {
			t.Fatal(err)
		}
		got, err := together.Decode(joined, 0)
		if err != nil || len(got) != 1 || got[0].Width != 1280 || got[0].Height != 720 {
			t.Fatalf("picture %d becomes %d pictures, %v", n, len(got), err)
		}
		if !bytes.Equal(pixels(t, got), pixels(t, want)) {
			t.Errorf("picture %d is another than that of the highest layer", n)
		}
	}
}
