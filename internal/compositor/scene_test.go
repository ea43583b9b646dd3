//go:build cgo

package compositor

import (
	"fmt"
	"image"
	"math"
	"reflect"
	"testing"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// TestScene_DrawsEachLayoutAsItIsArranged holds the pixels of the canvas against the
// rectangles of the layout, for every parameter: who is on top is who is seen there.
func TestScene_DrawsEachLayoutAsItIsArranged(t *testing.T) {
	lumas := []uint8{70, 100, 140, 180, 220}
	var clips []clip
	for i, l := range lumas {
		width, height := 160, 90
		if i == 1 {
			width, height = 90, 160
		}
		clips = append(clips, film(t, width, height, framed(width, height, l), silent))
	}
	layouts := map[string]layout.Layout{
		"grid": layout.DefaultGrid(), "gap": layout.Grid{GridGap: 17}, "featured": layout.Grid{FeaturedParticipantAttribute: "main", GridGap: 2},
		"square": layout.Grid{VideoAspectRatio: layout.Square}, "portrait": layout.Grid{VideoAspectRatio: layout.Portrait},
		"auto": layout.Grid{VideoAspectRatio: layout.Auto}, "contain": layout.Grid{VideoFillMode: layout.Contain},
		"fill": layout.Grid{VideoFillMode: layout.Stretch}, "order": layout.Grid{ParticipantOrderAttribute: "n"},
		"omit": layout.Grid{OmitStoppedVideo: true}, "pip": layout.Pip{PipParticipantAttribute: "main"},
		"pip alone": layout.Pip{}, "pip sized": layout.Pip{PipParticipantAttribute: "main", PipPosition: layout.TopLeft, PipOffset: 10, PipWidth: 60, PipHeight: 80},
		"pip over featured": layout.Pip{PipParticipantAttribute: "main", FeaturedParticipantAttribute: "second", GridGap: 8},
		"pip dynamic":       layout.Pip{PipParticipantAttribute: "main", PipBehavior: layout.Dynamic},
		"pip top right":     layout.Pip{PipParticipantAttribute: "main", PipPosition: layout.TopRight, PipOffset: 12, PipHeight: 70},
		"pip bottom left":   layout.Pip{PipParticipantAttribute: "main", PipPosition: layout.BottomLeft, PipWidth: 90},
		"pip contain":       layout.Pip{PipParticipantAttribute: "second", VideoFillMode: layout.Contain, PipWidth: 100, PipHeight: 60},
		"pip ordered":       layout.Pip{ParticipantOrderAttribute: "n"}, "pip omits": layout.Pip{OmitStoppedVideo: true},
	}
	expectEachParameter(t, layouts, layout.Grid{}, layout.Pip{})
	for name, l := range layouts {
		for members := 1; members <= len(clips); members++ {
			t.Run(fmt.Sprintf("%s of %d", name, members), func(t *testing.T) {
				room := NewRoom()
				defer room.Close()
				for i := range members {
					attributes := map[string]string{"n": fmt.Sprint(9 - i), "main": fmt.Sprint(i == 0), "second": fmt.Sprint(i == 1)}
					m, err := room.Join(MemberConfig{ID: fmt.Sprint(i), Attributes: attributes})
					if err != nil {
						t.Fatal(err)
					}
					m.Write(Frame{Codec: media.H264, Arrived: room.began, Keyframe: true, Data: clips[i].pictures[0].Data})
					m.SetVideoStopped(i == 3)
				}
				for _, size := range []layout.Size{{Width: 320, Height: 180}, {Width: 178, Height: 318}} {
					golden(t, room, l, size, lumas)
				}
			})
		}
	}
}

// framed is a picture of one grey in a frame of a darker one, by which it is seen
// what of it was cropped.
func framed(width, height int, luma uint8) second {
	return func(c *codec.Canvas, _ int) {
		c.Fill(image.Rect(0, 0, width, height), luma-frameDarker)
		c.Fill(image.Rect(0, 0, width, height).Inset(frameWidth), luma)
	}
}

const (
	frameWidth  = 12
	frameDarker = 30
)

// lumaOf is what a framed picture has at a place; false where it can't be told
// because scaling blurs it.
func lumaOf(p layout.Size, x, y, blurred float64, luma uint8) (int, bool) {
	within := min(x, y, float64(p.Width)-x, float64(p.Height)-y) - frameWidth
	switch {
	case math.Abs(within) < blurred:
		return 0, false
	case within < 0:
		return int(luma) - frameDarker, true
	}
	return int(luma), true
}

// expectEachParameter holds the layouts to have each parameter of these kinds in one
// that differs from its zero value.
func expectEachParameter(t *testing.T, layouts map[string]layout.Layout, kinds ...layout.Layout) {
	t.Helper()
	seen := map[string]bool{}
	for _, l := range layouts {
		v := reflect.ValueOf(l)
		for i := range v.NumField() {
			seen[v.Type().String()+"."+v.Type().Field(i).Name] = seen[v.Type().String()+"."+v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for _, k := range kinds {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(k)) {
			if name := reflect.TypeOf(k).String() + "." + f.Name; !seen[name] {
				t.Errorf("no layout here sets %s", name)
			}
		}
	}
}

// golden draws a scene and compares each pixel with what should be on top there.
func golden(t *testing.T, room *Room, l layout.Layout, size layout.Size, lumas []uint8) {
	t.Helper()
	s, err := newScene(size, l)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const now = time.Second
	if err := s.draw(room, now); err != nil {
		t.Fatal(err)
	}
	want := make([]int, size.Width*size.Height)
	for i := range want {
		want[i] = black
	}
	paint := func(r layout.Rect, luma int) {
		for y := r.Y; y < r.Y+r.Height; y++ {
			for x := r.X; x < r.X+r.Width; x++ {
				want[y*size.Width+x] = luma
			}
		}
	}
	members, _ := room.present()
	all := participants(members, now)
	for _, tile := range l.Arrange(size, all) {
		paint(tile.Rect, black)
		for i, p := range all {
			switch {
			case p.ID != tile.ID:
			case tile.Initial != "":
				paint(tile.Rect, -1) // the disc and its letter are another test's
			default:
				paintPicture(want, size, tile, p.Picture, lumas[i])
			}
		}
	}
	plane, stride := s.canvas.Plane(0)
	for i, w := range want { // where nothing is wanted, nothing can be told
		if got := int(plane[i/size.Width*stride+i%size.Width]); w >= 0 && off(got, w) {
			t.Fatalf("%v: pixel %d,%d is %d, want %d", size, i%size.Width, i/size.Width, got, w)
		}
	}
}

// paintPicture says what a framed picture looks like in its tile.
func paintPicture(want []int, size layout.Size, tile layout.Tile, picture layout.Size, luma uint8) {
	source, target, _ := tile.Fit(picture)
	scaleX, scaleY := float64(source.Width)/float64(target.Width), float64(source.Height)/float64(target.Height)
	for y := range target.Height {
		for x := range target.Width {
			at := (target.Y+y)*size.Width + target.X + x
			w, told := lumaOf(picture, float64(source.X)+(float64(x)+0.5)*scaleX, float64(source.Y)+(float64(y)+0.5)*scaleY, 2+2*max(scaleX, scaleY), luma)
			if !told {
				w = -1
			}
			want[at] = w
		}
	}
}
