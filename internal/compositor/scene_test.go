//go:build cgo

package compositor

import (
	"fmt"
	"testing"
	"time"

	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// TestScene_DrawsEachLayoutAsItIsArranged holds the pixels of the canvas against the
// rectangles of the layout, for every parameter: who is on top is who is seen there.
func TestScene_DrawsEachLayoutAsItIsArranged(t *testing.T) {
	lumas := []uint8{60, 100, 140, 180, 220}
	var clips []clip
	for i, l := range lumas {
		width, height := 160, 90
		if i == 1 {
			width, height = 90, 160
		}
		clips = append(clips, film(t, width, height, plain(l), silent))
	}
	grid := layout.DefaultGrid()
	layouts := map[string]layout.Layout{
		"grid": grid, "gap": layout.Grid{GridGap: 17}, "featured": layout.Grid{FeaturedParticipantAttribute: "main", GridGap: 2},
		"square": layout.Grid{VideoAspectRatio: layout.Square}, "portrait": layout.Grid{VideoAspectRatio: layout.Portrait},
		"auto": layout.Grid{VideoAspectRatio: layout.Auto}, "contain": layout.Grid{VideoFillMode: layout.Contain},
		"fill": layout.Grid{VideoFillMode: layout.Stretch}, "order": layout.Grid{ParticipantOrderAttribute: "n"},
		"omit": layout.Grid{OmitStoppedVideo: true}, "pip": layout.Pip{PipParticipantAttribute: "main"},
		"pip alone": layout.Pip{}, "pip sized": layout.Pip{PipParticipantAttribute: "main", PipPosition: layout.TopLeft, PipOffset: 10, PipWidth: 60, PipHeight: 80},
		"pip over featured": layout.Pip{PipParticipantAttribute: "main", FeaturedParticipantAttribute: "second", GridGap: 8},
	}
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
				_, target, _ := tile.Fit(p.Picture)
				paint(target, int(lumas[i]))
			}
		}
	}
	plane, stride := s.canvas.Plane(0)
	for i, w := range want {
		if got := int(plane[i/size.Width*stride+i%size.Width]); w >= 0 && off(got, w) {
			t.Fatalf("%v: pixel %d,%d is %d, want %d", size, i%size.Width, i/size.Width, got, w)
		}
	}
}
