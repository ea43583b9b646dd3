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

// TestRenderer_DrawsEachLayoutAsArranged compares the pixels of the canvas with the
// rectangles of the layout, for every parameter.
func TestRenderer_DrawsEachLayoutAsArranged(t *testing.T) {
	lumas := []uint8{70, 100, 140, 180, 220}
	var clips []clip
	for i, l := range lumas {
		width, height := 160, 90
		if i == 1 {
			width, height = 90, 160
		}
		clips = append(clips, newClip(t, width, height, framed(width, height, l), silent))
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
		for participants := 1; participants <= len(clips); participants++ {
			t.Run(fmt.Sprintf("%s of %d", name, participants), func(t *testing.T) {
				stage := NewStage()
				defer stage.Close()
				for i := range participants {
					attributes := map[string]string{"n": fmt.Sprint(9 - i), "main": fmt.Sprint(i == 0), "second": fmt.Sprint(i == 1)}
					m, err := stage.Join(ParticipantConfig{ID: fmt.Sprint(i), Attributes: attributes})
					if err != nil {
						t.Fatal(err)
					}
					m.Write(Frame{Codec: media.H264, Arrived: stage.began, Keyframe: true, Data: clips[i].pictures[0].Data})
					m.SetVideoStopped(i == 3)
				}
				for _, size := range []layout.Size{{Width: 320, Height: 180}, {Width: 178, Height: 318}} {
					expectPixels(t, stage, l, size, lumas)
				}
			})
		}
	}
}

// framed is a grey picture in a darker frame, which shows what was cropped.
func framed(width, height int, luma uint8) drawFunc {
	return func(c *codec.Canvas, _ int) {
		c.Fill(image.Rect(0, 0, width, height), luma-frameDarker)
		c.Fill(image.Rect(0, 0, width, height).Inset(frameWidth), luma)
	}
}

const (
	frameWidth  = 12
	frameDarker = 30
)

// lumaOf is the luma of a framed picture at a point; false where scaling blurs it.
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

// expectEachParameter checks that the layouts set each parameter of these kinds.
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

// expectPixels draws a stage and compares each pixel with the topmost tile there.
func expectPixels(t *testing.T, stage *Stage, l layout.Layout, size layout.Size, lumas []uint8) {
	t.Helper()
	r, err := newRenderer(size, l, time.Second/30)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	const now = time.Second
	if err := r.draw(stage, now); err != nil {
		t.Fatal(err)
	}
	want := make([]int, size.Width*size.Height)
	for i := range want {
		want[i] = black
	}
	paint := func(area layout.Rect, luma int) {
		for y := area.Y; y < area.Y+area.Height; y++ {
			for x := area.X; x < area.X+area.Width; x++ {
				want[y*size.Width+x] = luma
			}
		}
	}
	_, all := stage.placed(now)
	for _, tile := range l.Arrange(size, all) {
		paint(tile.Rect, black)
		for i, p := range all {
			switch {
			case p.ID != tile.ID:
			case tile.Initial != "":
				paint(tile.Rect, -1) // not compared here
			default:
				paintPicture(want, size, tile, p.Picture, lumas[i])
			}
		}
	}
	plane, stride := r.canvas.Plane(0)
	for i, w := range want { // -1 is not compared
		if got := int(plane[i/size.Width*stride+i%size.Width]); w >= 0 && off(got, w) {
			t.Fatalf("%v: pixel %d,%d is %d, want %d", size, i%size.Width, i/size.Width, got, w)
		}
	}
}

// paintPicture sets what a framed picture looks like in its tile.
func paintPicture(want []int, size layout.Size, tile layout.Tile, picture layout.Size, luma uint8) {
	source, target, _ := tile.Fit(picture)
	scaleX, scaleY := float64(source.Width)/float64(target.Width), float64(source.Height)/float64(target.Height)
	for y := range target.Height {
		for x := range target.Width {
			at := (target.Y+y)*size.Width + target.X + x
			w, known := lumaOf(picture, float64(source.X)+(float64(x)+0.5)*scaleX, float64(source.Y)+(float64(y)+0.5)*scaleY, 2+2*max(scaleX, scaleY), luma)
			if !known {
				w = -1
			}
			want[at] = w
		}
	}
}
