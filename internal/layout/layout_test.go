package layout

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

var hd = Size{1280, 720}

// participants makes n of them that send 16:9, named a, b, c…
func participants(n int) []Participant {
	all := make([]Participant, n)
	for i := range all {
		all[i] = Participant{ID: string(rune('a' + i%26)), Picture: Size{640, 360}}
		if i >= 26 {
			all[i].ID = fmt.Sprint("p", i)
		}
	}
	return all
}

func with(p []Participant, change func(p []Participant)) []Participant {
	change(p)
	return p
}

func set(key, value string) map[string]string { return map[string]string{key: value} }

func rectangles(tiles []Tile) map[string]Rect {
	m := map[string]Rect{}
	for _, t := range tiles {
		m[t.ID] = t.Rect
	}
	return m
}

func TestGrid_PlacesParticipants(t *testing.T) {
	cases := []struct {
		name   string
		grid   Grid
		canvas Size
		all    []Participant
		want   map[string]Rect
	}{
		{"nobody gives no tile", DefaultGrid(), hd, nil, map[string]Rect{}},
		{"one fills the canvas", DefaultGrid(), hd, participants(1), map[string]Rect{"a": {0, 0, 1280, 720}}},
		{"two stand side by side", DefaultGrid(), hd, participants(2),
			map[string]Rect{"a": {0, 180, 638, 358}, "b": {640, 180, 638, 358}}},
		{"the last row is centred", DefaultGrid(), hd, participants(3),
			map[string]Rect{"a": {0, 0, 638, 358}, "b": {640, 0, 638, 358}, "c": {320, 360, 638, 358}}},
		{"a portrait canvas stacks its tiles", DefaultGrid(), Size{720, 1280}, participants(2),
			map[string]Rect{"a": {0, 234, 720, 404}, "b": {0, 640, 720, 404}}},
		{"no gap", Grid{}, hd, participants(4),
			map[string]Rect{"a": {0, 0, 640, 360}, "b": {640, 0, 640, 360}, "c": {0, 360, 640, 360}, "d": {640, 360, 640, 360}}},
		{"an odd gap is rounded up", Grid{GridGap: 19}, hd, participants(4),
			map[string]Rect{"a": {8, 0, 622, 350}, "b": {650, 0, 622, 350}, "c": {8, 370, 622, 350}, "d": {650, 370, 622, 350}}},
		{"square tiles", Grid{VideoAspectRatio: Square}, hd, participants(2),
			map[string]Rect{"a": {0, 40, 640, 640}, "b": {640, 40, 640, 640}}},
		{"portrait tiles", Grid{VideoAspectRatio: Portrait}, hd, participants(2),
			map[string]Rect{"a": {100, 0, 540, 720}, "b": {640, 0, 540, 720}}},
		{"of equal tiles, those with fewer empty places", Grid{VideoAspectRatio: Square}, hd, participants(4),
			map[string]Rect{"a": {280, 0, 360, 360}, "b": {640, 0, 360, 360}, "c": {280, 360, 360, 360}, "d": {640, 360, 360, 360}}},
		{"a canvas too low for others shows the featured one", Grid{FeaturedParticipantAttribute: "host"}, Size{40, 2},
			with(participants(2), func(p []Participant) { p[1].Attributes = set("host", "true") }),
			map[string]Rect{"b": {0, 0, 40, 2}}},
		{"AUTO fills the canvas", Grid{VideoAspectRatio: Auto}, Size{1280, 960}, participants(2),
			map[string]Rect{"a": {0, 0, 1280, 480}, "b": {0, 480, 1280, 480}}},
		{"AUTO follows the pictures", Grid{VideoAspectRatio: Auto}, Size{1280, 960},
			with(participants(2), func(p []Participant) { p[0].Picture, p[1].Picture = Size{360, 640}, Size{360, 640} }),
			map[string]Rect{"a": {0, 0, 640, 960}, "b": {640, 0, 640, 960}}},
		{"the featured one stands above the others", Grid{FeaturedParticipantAttribute: "host"}, hd,
			with(participants(3), func(p []Participant) { p[1].Attributes = set("host", "true") }),
			map[string]Rect{"b": {0, 0, 1280, 540}, "a": {320, 540, 320, 180}, "c": {640, 540, 320, 180}}},
		{"the featured one alone has it all", Grid{FeaturedParticipantAttribute: "host"}, hd,
			with(participants(1), func(p []Participant) { p[0].Attributes = set("host", "true") }),
			map[string]Rect{"a": {0, 0, 1280, 720}}},
		{"only true features", Grid{FeaturedParticipantAttribute: "host"}, hd,
			with(participants(2), func(p []Participant) { p[1].Attributes = set("host", "TRUE") }),
			map[string]Rect{"a": {0, 180, 640, 360}, "b": {640, 180, 640, 360}}},
		{"stopped video is left out", Grid{OmitStoppedVideo: true}, hd,
			with(participants(2), func(p []Participant) { p[0].Stopped = true }),
			map[string]Rect{"b": {0, 0, 1280, 720}}},
		{"a stopped featured one is left out too", Grid{OmitStoppedVideo: true, FeaturedParticipantAttribute: "host"}, hd,
			with(participants(2), func(p []Participant) { p[0].Stopped, p[0].Attributes = true, set("host", "true") }),
			map[string]Rect{"b": {0, 0, 1280, 720}}},
		{"more than 1080p is left out as well", Grid{OmitStoppedVideo: true}, hd,
			with(participants(2), func(p []Participant) { p[0].Picture = Size{2560, 1440} }),
			map[string]Rect{"b": {0, 0, 1280, 720}}},
		{"a canvas too small for all shows the first", Grid{}, Size{4, 2}, participants(5),
			map[string]Rect{"a": {0, 0, 2, 2}, "b": {2, 0, 2, 2}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.canvas == (Size{4, 2}) {
				c.grid.VideoAspectRatio = Square
			}
			if got := rectangles(c.grid.Arrange(c.canvas, c.all)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("tiles are %v, want %v", got, c.want)
			}
		})
	}
}

func TestPip_PlacesParticipants(t *testing.T) {
	inset := func(n int) []Participant {
		return with(participants(n), func(p []Participant) { p[0].Attributes = set("pip", "true") })
	}
	full, corner := Rect{0, 0, 1280, 720}, Rect{960, 540, 320, 180}
	cases := []struct {
		name string
		pip  Pip
		all  []Participant
		want map[string]Rect
	}{
		{"without attributes the first is featured, nobody in the window", Pip{}, participants(3),
			map[string]Rect{"a": {0, 0, 1280, 540}, "b": {320, 540, 320, 180}, "c": {640, 540, 320, 180}}},
		{"the window stands over the others", Pip{PipParticipantAttribute: "pip"}, inset(2),
			map[string]Rect{"a": corner, "b": full}},
		{"nobody for the window: the grid has it all", Pip{PipParticipantAttribute: "x"}, inset(2),
			map[string]Rect{"a": {0, 0, 640, 720}, "b": {640, 0, 640, 720}}},
		{"STATIC stays when the others left", Pip{PipParticipantAttribute: "pip"}, inset(1), map[string]Rect{"a": corner}},
		{"DYNAMIC fills the canvas when the others left", Pip{PipParticipantAttribute: "pip", PipBehavior: Dynamic}, inset(1),
			map[string]Rect{"a": full}},
		{"top left", Pip{PipParticipantAttribute: "pip", PipPosition: TopLeft, PipOffset: 20}, inset(2),
			map[string]Rect{"a": {20, 20, 320, 180}, "b": full}},
		{"top right", Pip{PipParticipantAttribute: "pip", PipPosition: TopRight, PipOffset: 20}, inset(2),
			map[string]Rect{"a": {940, 20, 320, 180}, "b": full}},
		{"bottom left", Pip{PipParticipantAttribute: "pip", PipPosition: BottomLeft, PipOffset: 20}, inset(2),
			map[string]Rect{"a": {20, 520, 320, 180}, "b": full}},
		{"bottom right", Pip{PipParticipantAttribute: "pip", PipPosition: BottomRight, PipOffset: 20}, inset(2),
			map[string]Rect{"a": {940, 520, 320, 180}, "b": full}},
		{"an offset beyond the canvas ends at its edge", Pip{PipParticipantAttribute: "pip", PipOffset: 5000}, inset(2),
			map[string]Rect{"a": {0, 0, 320, 180}, "b": full}},
		{"a given size", Pip{PipParticipantAttribute: "pip", PipWidth: 200, PipHeight: 100}, inset(2),
			map[string]Rect{"a": {1080, 620, 200, 100}, "b": full}},
		{"a width alone follows the picture", Pip{PipParticipantAttribute: "pip", PipWidth: 160}, inset(2),
			map[string]Rect{"a": {1120, 630, 160, 90}, "b": full}},
		{"a height alone follows the picture", Pip{PipParticipantAttribute: "pip", PipHeight: 90}, inset(2),
			map[string]Rect{"a": {1120, 630, 160, 90}, "b": full}},
		{"a window larger than the canvas is the canvas", Pip{PipParticipantAttribute: "pip", PipWidth: 9000, PipHeight: 9000}, inset(2),
			map[string]Rect{"a": full, "b": full}},
		{"a portrait picture has a portrait window", Pip{PipParticipantAttribute: "pip"},
			with(inset(2), func(p []Participant) { p[0].Picture = Size{360, 640} }),
			map[string]Rect{"a": {1100, 400, 180, 320}, "b": full}},
		{"featured and window from one attribute", Pip{FeaturedParticipantAttribute: "pip", PipParticipantAttribute: "pip"},
			with(inset(3), func(p []Participant) { p[2].Attributes = set("pip", "true") }),
			map[string]Rect{"a": {0, 0, 1280, 540}, "b": {480, 540, 320, 180}, "c": corner}},
		{"stopped video is left out", Pip{PipParticipantAttribute: "pip", OmitStoppedVideo: true},
			with(inset(2), func(p []Participant) { p[0].Stopped = true }), map[string]Rect{"b": full}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := rectangles(c.pip.Arrange(hd, c.all)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("tiles are %v, want %v", got, c.want)
			}
		})
	}
}

func TestPip_DrawsTheWindowLast(t *testing.T) {
	all := with(participants(3), func(p []Participant) { p[0].Attributes = set("pip", "true") })
	tiles := Pip{PipParticipantAttribute: "pip"}.Arrange(hd, all)
	if last := tiles[len(tiles)-1].ID; last != "a" {
		t.Errorf("the last tile is %q's, want a's", last)
	}
}

func TestOrder_FollowsTheAttribute(t *testing.T) {
	cases := []struct {
		name   string
		values []string // of a, b, c…; "-" has no attribute
		want   string
	}{
		{"by arrival without values", []string{"-", "-", "-"}, "abc"},
		{"numerically, not as text", []string{"10", "9", "1"}, "cba"},
		{"negative before positive", []string{"0", "-5", "3"}, "bac"},
		{"equals by arrival", []string{"2", "1", "2", "1"}, "bdac"},
		{"what is no integer follows by arrival", []string{"abc", "2", "1.5", "-", "1", ""}, "ebacdf"},
		{"of any length", []string{"99999999999999999999", "7", "-99999999999999999999", "100000000000000000000", "-100000000000000000000"}, "ecbad"},
		{"leading zeros and signs change nothing", []string{"010", "+9", "-0", "00", "-01"}, "ecdba"},
		{"a sign alone is no integer, nor are other digits", []string{"+", "-", "٣", "1 ", "5", "0x1", "+-1"}, "eabcdfg"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			all := participants(len(c.values))
			for i, v := range c.values {
				if v != "-" {
					all[i].Attributes = set("n", v)
				}
			}
			got := ""
			for _, tile := range (Grid{ParticipantOrderAttribute: "n"}).Arrange(hd, all) {
				got += tile.ID
			}
			if got != c.want {
				t.Errorf("order is %s, want %s", got, c.want)
			}
		})
	}
}

func TestOrder_ChoosesAmongTheFeatured(t *testing.T) {
	all := participants(3)
	for i, n := range []string{"3", "1", "2"} {
		all[i].Attributes = map[string]string{"n": n, "host": "true"}
	}
	tiles := Grid{FeaturedParticipantAttribute: "host", ParticipantOrderAttribute: "n"}.Arrange(hd, all)
	if got := tiles[0].ID + tiles[1].ID + tiles[2].ID; got != "bca" {
		t.Errorf("featured and below are %s, want b above c, a", got)
	}
}

func TestTile_HasTheConfiguredFillMode(t *testing.T) {
	all := with(participants(2), func(p []Participant) { p[0].Attributes = set("host", "true") })
	cases := []struct {
		name            string
		layout          Layout
		featured, other Fill
	}{
		{"a grid contains the featured and covers the others", Grid{FeaturedParticipantAttribute: "host"}, Contain, Cover},
		{"a value is for all", Grid{FeaturedParticipantAttribute: "host", VideoFillMode: Stretch}, Stretch, Stretch},
		{"picture-in-picture covers", Pip{FeaturedParticipantAttribute: "host"}, Cover, Cover},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tiles := c.layout.Arrange(hd, all)
			if tiles[0].Fill != c.featured || tiles[1].Fill != c.other {
				t.Errorf("fills are %s, %s, want %s, %s", tiles[0].Fill, tiles[1].Fill, c.featured, c.other)
			}
		})
	}
}

func TestTile_OfStoppedVideoHasTheInitial(t *testing.T) {
	cases := []struct {
		all  Participant
		want string
	}{
		{Participant{ID: "xyz"}, ""},
		{Participant{ID: "xyz", Stopped: true}, "X"},
		{Participant{ID: "xyz", Picture: Size{3840, 2160}}, "X"},
		{Participant{ID: "xyz", Picture: Size{1920, 1080}}, ""},
		{Participant{ID: "xyz", Picture: Size{1080, 1920}}, ""},
		{Participant{ID: "xyz", Picture: Size{1920, 1081}}, "X"},
		{Participant{ID: "xyz", Stopped: true, Attributes: set("username", "élan")}, "É"},
		{Participant{ID: "xyz", Stopped: true, Attributes: set("name", " 7up")}, "7"},
		{Participant{ID: "xyz", Stopped: true, UserID: "bo", Attributes: set("name", "Ann")}, "A"},
		{Participant{ID: "xyz", Stopped: true, UserID: "bo", Attributes: set("name", "…")}, "B"},
		{Participant{ID: "xyz", Stopped: true, UserID: "bo"}, "B"},
		{Participant{ID: "xyz", Stopped: true, UserID: "--"}, "X"},
		{Participant{ID: "--", Stopped: true}, "?"},
	}
	for _, c := range cases {
		if got := DefaultGrid().Arrange(hd, []Participant{c.all})[0].Initial; got != c.want {
			t.Errorf("the initial of %+v is %q, want %q", c.all, got, c.want)
		}
	}
}

func TestFit_CropsOrLeavesBars(t *testing.T) {
	place := Rect{100, 50, 320, 180}
	cases := []struct {
		name           string
		fill           Fill
		picture        Size
		source, target Rect
	}{
		{"same shape covers whole", Cover, Size{640, 360}, Rect{0, 0, 640, 360}, place},
		{"portrait is cropped above and below", Cover, Size{360, 640}, Rect{0, 218, 360, 202}, place},
		{"panorama is cropped at the sides", Cover, Size{1600, 360}, Rect{480, 0, 640, 360}, place},
		{"portrait has bars beside it", Contain, Size{360, 640}, Rect{0, 0, 360, 640}, Rect{210, 50, 100, 180}},
		{"panorama has bars above and below", Contain, Size{640, 180}, Rect{0, 0, 640, 180}, Rect{100, 94, 320, 90}},
		{"stretched whatever its shape", Stretch, Size{100, 900}, Rect{0, 0, 100, 900}, place},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source, target, ok := Tile{Rect: place, Fill: c.fill}.Fit(c.picture)
			if source != c.source || target != c.target || !ok {
				t.Errorf("%v is drawn in %v (%v), want %v in %v", source, target, ok, c.source, c.target)
			}
		})
	}
}

func TestFit_DrawsNothingOfAnEmptyPicture(t *testing.T) {
	place := Rect{0, 0, 320, 180}
	cases := []struct {
		fill    Fill
		picture Size
		want    bool
	}{
		{Stretch, Size{0, 5}, false},
		{Stretch, Size{5, 0}, false},
		{Stretch, Size{1, 5}, true},
		{Stretch, Size{5, 1}, true},
		{Contain, Size{1000, 1}, false}, // its height is less than a pixel
		{Contain, Size{1, 1000}, false},
	}
	for _, c := range cases {
		if _, _, ok := (Tile{Rect: place, Fill: c.fill}).Fit(c.picture); ok != c.want {
			t.Errorf("%s of %v is drawn: %v, want %v", c.fill, c.picture, ok, c.want)
		}
	}
}

func TestPip_ShapesTheWindowByThePicture(t *testing.T) {
	cases := []struct {
		name            string
		canvas, picture Size
		want            Rect
	}{
		{"no width known", hd, Size{0, 640}, Rect{960, 540, 320, 180}},
		{"no height known", hd, Size{640, 0}, Rect{960, 540, 320, 180}},
		{"as wide as the canvas", Size{104, 90}, Size{1849, 100}, Rect{0, 84, 104, 6}},
		{"as high as the canvas", Size{90, 104}, Size{100, 1849}, Rect{84, 0, 6, 104}},
		{"wider than the canvas", Size{104, 90}, Size{1900, 10}, Rect{0, 88, 104, 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			all := []Participant{{ID: "a", Attributes: set("pip", "true"), Picture: c.picture}}
			if got := (Pip{PipParticipantAttribute: "pip"}).Arrange(c.canvas, all)[0].Rect; got != c.want {
				t.Errorf("the window is %v, want %v", got, c.want)
			}
		})
	}
}

func TestRatio_IsTheLargestWithinABox(t *testing.T) {
	cases := []struct {
		ratio     ratio
		box, want Size
	}{
		{ratio{0, 1}, Size{7, 5}, Size{7, 5}},
		{ratio{1, 0}, Size{7, 5}, Size{7, 5}},
		{ratio{16, 9}, Size{3, 2}, Size{3, 2}},
		{ratio{16, 9}, Size{2, 2}, Size{2, 1}},
		{ratio{1, 1}, Size{9, 4}, Size{4, 4}},
	}
	for _, c := range cases {
		if got := c.ratio.within(c.box); got != c.want {
			t.Errorf("%v within %v is %v, want %v", c.ratio, c.box, got, c.want)
		}
	}
}

func TestRect_IntersectsWhatSharesAPixel(t *testing.T) {
	r := Rect{10, 20, 30, 40}
	cases := []struct {
		other Rect
		want  bool
	}{
		{r, true},
		{Rect{39, 59, 5, 5}, true},
		{Rect{5, 15, 6, 6}, true},
		{Rect{0, 0, 100, 100}, true},
		{Rect{12, 22, 1, 1}, true},
		{Rect{40, 20, 5, 5}, false},
		{Rect{10, 60, 5, 5}, false},
		{Rect{5, 20, 5, 5}, false},
		{Rect{10, 15, 5, 5}, false},
		{Rect{100, 20, 5, 5}, false},
		{Rect{10, 100, 5, 5}, false},
	}
	for _, c := range cases {
		if got, back := r.Intersects(c.other), c.other.Intersects(r); got != c.want || back != c.want {
			t.Errorf("%v intersects %v: %v, and the other way %v, want %v", r, c.other, got, back, c.want)
		}
	}
}

// TestArrange_HoldsItsInvariants checks random participants against what holds for every layout.
func TestArrange_HoldsItsInvariants(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fills := []Fill{"", Stretch, Cover, Contain}
	for range 4_000 {
		canvas := Size{2 + 2*r.IntN(960), 2 + 2*r.IntN(540)}
		all := participants(r.IntN(30))
		for i := range all {
			all[i].Picture = Size{r.IntN(2000), r.IntN(1200)}
			all[i].Stopped = r.IntN(4) == 0
			all[i].Attributes = map[string]string{"n": fmt.Sprint(r.IntN(9) - 4), "f": fmt.Sprint(r.IntN(9) == 0), "p": fmt.Sprint(r.IntN(5) == 0)}
		}
		gap := r.IntN(30) - 1
		if r.IntN(9) == 0 {
			gap = r.IntN(1 << 40)
		}
		grid := Grid{OmitStoppedVideo: r.IntN(2) == 0, VideoAspectRatio: []AspectRatio{"", Video, Square, Portrait, Auto}[r.IntN(5)],
			VideoFillMode: fills[r.IntN(4)], GridGap: gap, ParticipantOrderAttribute: []string{"", "n"}[r.IntN(2)],
			FeaturedParticipantAttribute: []string{"", "f"}[r.IntN(2)]}
		pip := Pip{OmitStoppedVideo: grid.OmitStoppedVideo, VideoFillMode: grid.VideoFillMode, GridGap: gap,
			ParticipantOrderAttribute: grid.ParticipantOrderAttribute, FeaturedParticipantAttribute: grid.FeaturedParticipantAttribute,
			PipParticipantAttribute: []string{"", "p"}[r.IntN(2)], PipOffset: r.IntN(1<<r.IntN(40)) - 1, PipWidth: r.IntN(1 << r.IntN(32)),
			PipHeight: r.IntN(1 << r.IntN(32)), PipPosition: []Position{"", TopLeft, TopRight, BottomLeft}[r.IntN(4)]}
		for _, l := range []Layout{grid, pip} {
			tiles := l.Arrange(canvas, all)
			check(t, canvas, all, l, tiles)
			if again := l.Arrange(canvas, all); !reflect.DeepEqual(tiles, again) {
				t.Fatalf("%+v gave %v, then %v", l, tiles, again)
			}
			if t.Failed() {
				t.Fatalf("with %+v on %v and %+v: %v", l, canvas, all, tiles)
			}
		}
	}
}

func check(t *testing.T, canvas Size, all []Participant, l Layout, tiles []Tile) {
	whole := canvas.rect()
	_, isGrid := l.(Grid)
	for i, a := range tiles {
		if a.X%2 != 0 || a.Y%2 != 0 || a.Width%2 != 0 || a.Height%2 != 0 || a.Width <= 0 || a.Height <= 0 {
			t.Errorf("%v is not even or is empty", a)
		}
		if a.X < 0 || a.Y < 0 || a.X+a.Width > whole.Width || a.Y+a.Height > whole.Height {
			t.Errorf("%v leaves the canvas", a)
		}
		for _, b := range tiles[:i] {
			if isGrid && a.Intersects(b.Rect) {
				t.Errorf("%v and %v overlap", a, b)
			}
			if a.ID == b.ID {
				t.Errorf("%s has two tiles", a.ID)
			}
		}
		for _, p := range all {
			if p.ID != a.ID {
				continue
			}
			source, target, ok := a.Fit(p.Picture)
			inside := source.X >= 0 && source.Y >= 0 && source.X+source.Width <= p.Picture.Width && source.Y+source.Height <= p.Picture.Height &&
				target.X >= a.X && target.Y >= a.Y && target.X+target.Width <= a.X+a.Width && target.Y+target.Height <= a.Y+a.Height
			if ok && (!inside || source.X%2 != 0 || source.Y%2 != 0 || source.Width < 1 || source.Height < 1 || target.Width%2 != 0 || target.Height%2 != 0) {
				t.Errorf("%v of a picture of %v is drawn in %v of %v", source, p.Picture, target, a)
			}
		}
	}
}
