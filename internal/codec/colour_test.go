//go:build cgo

package codec

import (
	"image"
	"os"
	"testing"

	"rostrum/internal/media"
)

// A red of 192, 32, 32 in studio range (ITU-R BT.709).
const redY, redCb, redCr = 73, 111, 198

func TestTile_HasTheColoursOfTheCanvas(t *testing.T) {
	data, err := os.ReadFile("testdata/bt601.h264")
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := decoder(t, media.H264).Decode(data, 0)
	if err != nil || len(pictures) != 1 {
		t.Fatalf("%d pictures: %v", len(pictures), err)
	}
	defer pictures[0].Close()
	for name, to := range map[string]image.Point{"as it is": {64, 64}, "scaled": {1100, 40}} {
		t.Run(name, func(t *testing.T) {
			tile, err := NewTile()
			if err != nil {
				t.Fatal(err)
			}
			defer tile.Close()
			if err := tile.Scale(pictures[0], image.Rect(0, 0, 64, 64), to); err != nil {
				t.Fatal(err)
			}
			c := canvas(t, 1280, 720)
			c.Put(tile, image.Pt(4, 4))
			for i, want := range []int{redY, redCb, redCr} {
				plane, stride := c.Plane(i)
				side, corner := to, 4
				if i > 0 {
					side, corner = to.Div(2), 2
				}
				for _, at := range []image.Point{{corner, corner}, {corner + side.X - 1, corner + side.Y - 1}, {corner + side.X/2, corner + side.Y/2}} {
					if got := int(plane[at.Y*stride+at.X]); got < want-2 || got > want+2 {
						t.Errorf("plane %d at %v is %d, expected %d", i, at, got, want)
					}
				}
			}
		})
	}
}

func TestCanvas_ImageHasTheColoursOfJPEG(t *testing.T) {
	c := canvas(t, 1280, 4)
	for i, v := range []byte{redY, redCb, redCr} {
		plane, _ := c.Plane(i)
		for j := range plane {
			plane[j] = v
		}
	}
	m := c.Image()
	for _, x := range []int{0, 639, 1279} {
		if r, g, b, _ := m.At(x, 3).RGBA(); !near(r>>8, 192) || !near(g>>8, 32) || !near(b>>8, 32) {
			t.Errorf("the red of 192, 32, 32 is %d, %d, %d at %d", r>>8, g>>8, b>>8, x)
		}
	}
}

func near(got, want uint32) bool { return got+3 >= want && got <= want+3 }
