//go:build cgo

package compose

import (
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"rostrum/internal/layout"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
)

// promptness is how soon a participant who joins must be seen in the composition,
// and one who leaves no more.
const promptness = time.Second

// A shot is what the picture must show for a time.
type shot struct {
	what   string
	from   time.Time
	layout layout.Layout
	people []layout.Participant
}

// script is what a composition must show, shot after shot.
type script struct {
	layout layout.Layout
	shots  []shot
}

// now begins a shot in which these people are on the stage.
func (s *script) now(from time.Time, what string, people ...layout.Participant) {
	s.shots = append(s.shots, shot{what, from, s.layout, people})
}

// hold holds the footage to the script: each shot is seen at the latest after
// promptness, and from then on without a break up to the next. It answers how long
// each took to be seen.
func (s *script) hold(f *footage) (took []time.Duration) {
	f.t.Helper()
	tiles := make([][]layout.Tile, len(s.shots))
	for i, shot := range s.shots {
		tiles[i] = shot.layout.Arrange(f.size, shot.people)
	}
	seen := make([]time.Time, len(s.shots)) // when each was first seen
	broken := make([]int, len(s.shots))     // pictures after that which show something else
	why := make([]string, len(s.shots))     // how the last differed
	f.each(func(n int, img *image.YCbCr) {
		at := f.wall(n)
		i := -1
		for i+1 < len(s.shots) && !at.Before(s.shots[i+1].from) {
			i++
		}
		if i < 0 {
			return
		}
		switch w := s.shots[i].differs(img, tiles[i], at); {
		case w == "" && seen[i].IsZero():
			seen[i] = at
		case w != "":
			why[i] = w
			if !seen[i].IsZero() {
				broken[i]++
			}
		}
	})
	for i, shot := range s.shots {
		took = append(took, seen[i].Sub(shot.from))
		if seen[i].IsZero() {
			f.t.Errorf("%s is never seen: %s", shot.what, why[i])
		}
		if broken[i] > 0 {
			f.t.Errorf("%d pictures after %s was seen differ: %s", broken[i], shot.what, why[i])
		}
	}
	return took
}

// differs tells how a picture is not what the shot asks for.
func (s *shot) differs(img *image.YCbCr, tiles []layout.Tile, at time.Time) string {
	for _, t := range tiles {
		who := slices.IndexFunc(s.people, func(p layout.Participant) bool { return p.ID == t.ID })
		if t.Initial != "" {
			if why := dark(img, t); why != "" {
				return fmt.Sprintf("the tile of %s at %v: %s", t.ID, t.Rect, why)
			}
			continue
		}
		m, ok := windowOf(t, s.people[who].Picture).mark(img, at)
		if !ok || m.Identity != testpattern.IdentityOf(t.ID) {
			return fmt.Sprintf("the tile of %s at %v shows %04x (%v), expected %04x", t.ID, t.Rect, m.Identity, ok, testpattern.IdentityOf(t.ID))
		}
		if age := at.Sub(m.Sent); age > timeout() || age < -100*time.Millisecond {
			return fmt.Sprintf("the tile of %s shows what was sent %v ago", t.ID, age)
		}
	}
	return ""
}

// dark tells how a tile is not the dark one with a disc and a letter in it.
func dark(img *image.YCbCr, t layout.Tile) string {
	luma := func(x, y float64) int {
		return int(img.Y[img.YOffset(t.X+int(x*float64(t.Width)), t.Y+int(y*float64(t.Height)))])
	}
	corner, lightest := luma(0.1, 0.2), 0
	for y := 0.3; y < 0.7; y += 0.01 {
		for x := 0.4; x < 0.6; x += 0.01 {
			lightest = max(lightest, luma(x, y))
		}
	}
	if corner < 26 || corner > 46 || lightest < 180 {
		return fmt.Sprintf("the corner is %d and the lightest of the middle %d, expected about 36 and 220", corner, lightest)
	}
	return ""
}

// settle lets a shot be seen for a while.
func settle(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// prompt judges how soon the shots were seen.
func prompt(t *testing.T, s *script, took []time.Duration) {
	t.Helper()
	for i, shot := range s.shots {
		t.Logf("%-28s seen after %4d ms", shot.what, took[i].Milliseconds())
		if took[i] > timeout() {
			t.Errorf("%s was seen after %v, expected within %v", shot.what, took[i], timeout())
		}
	}
}

var small = layout.Size{Width: 640, Height: 360}

func TestComposition_ShowsWhoIsThereAsItChanges(t *testing.T) {
	s := openKept(t)
	script := &script{layout: layout.DefaultGrid()}
	var here []*performer
	people := func() (all []layout.Participant) {
		for _, p := range here {
			all = append(all, layout.Participant{ID: p.id, Picture: small})
		}
		return all
	}
	join := func() {
		raw, _ := s.token("PUBLISH")
		here = append(here, s.perform(raw, "--size", "640x360"))
	}
	join()
	arn, folder := s.start()
	s.awaitComposition(arn, "ACTIVE", composing)
	script.now(time.Now(), "one participant", people()...)
	for range 3 {
		settle(t, 2*time.Second)
		join()
		script.now(here[len(here)-1].joined, fmt.Sprintf("participant %d", len(here)), people()...)
	}
	settle(t, 2*time.Second)
	gone := here[1]
	here = slices.Delete(slices.Clone(here), 1, 2)
	script.now(time.Now(), "the second leaves", people()...)
	gone.leave()
	settle(t, 2*time.Second)
	raw := s.tokenOf(gone)
	back := s.perform(raw, "--size", "640x360")
	here = slices.Insert(here, 1, back)
	script.now(back.joined, "the second is back", people()...)
	settle(t, 2*time.Second)
	s.end(arn, folder, script)
}

// pip is a picture-in-picture of which nothing of a pattern is cropped.
var pip = layout.Pip{
	FeaturedParticipantAttribute: "main", PipParticipantAttribute: "window",
	PipPosition: layout.BottomRight, PipOffset: 20, PipWidth: 320, PipHeight: 180, VideoFillMode: layout.Contain,
}

func TestComposition_FollowsAttributesAndMutes(t *testing.T) {
	s := openKept(t)
	featured, inset := map[string]string{"main": "true"}, map[string]string{"window": "true"}
	visitors := s.invite(inset, nil)
	arn, folder := s.startWith(&ivsrealtime.LayoutConfiguration{Pip: &ivsrealtime.PipConfiguration{
		FeaturedParticipantAttribute: "main", PipParticipantAttribute: "window",
		PipPosition: "BOTTOM_RIGHT", PipOffset: 20, PipWidth: new(320), PipHeight: new(180), VideoFillMode: "CONTAIN",
	}})
	s.awaitComposition(arn, "ACTIVE", composing)
	script := &script{layout: pip}
	var people []layout.Participant
	seat := func(all ...*visitor) {
		for _, g := range all {
			people = append(people, layout.Participant{ID: g.id, Attributes: g.claims.Attributes, Picture: small})
		}
	}
	seat(visitors...)
	script.now(time.Now(), "one, and one in the window", slices.Clone(people)...)
	settle(t, 2*time.Second)
	visitors = append(visitors, s.invite(featured)...)
	seat(visitors[2])
	script.now(visitors[2].joined, "one comes to be featured", slices.Clone(people)...)

	become := func(who int, attributes map[string]string) func() {
		people[who].Attributes = attributes
		return func() { visitors[who].exchange(t, attributes) }
	}
	stop := func(stopped bool) func() {
		people[0].Stopped = stopped
		return func() { visitors[0].stopVideo(t, stopped) }
	}
	for _, turn := range []struct {
		what string
		take func() []func() // tells what is to be seen; what it returns has it happen
	}{
		{"another in the window", func() []func() { return []func(){become(0, nil), become(1, inset)} }},
		{"another is featured", func() []func() { return []func(){become(2, nil), become(0, featured)} }},
		{"the featured stops video", func() []func() { return []func(){stop(true)} }},
		{"and goes on", func() []func() { return []func(){stop(false)} }},
	} {
		settle(t, 2*time.Second)
		happen := turn.take()
		script.now(time.Now(), turn.what, slices.Clone(people)...)
		for _, h := range happen {
			h()
		}
	}
	settle(t, 2*time.Second)
	s.end(arn, folder, script)
}

// end stops a composition and holds its recording to the script.
func (s *studio) end(arn, folder string, script *script) {
	s.t.Helper()
	busy := s.tooBusy()
	s.stop(arn)
	f := watch(s.t, folder)
	f.expectExactClock()
	if busy != "" {
		s.t.Skip(busy)
	}
	prompt(s.t, script, script.hold(f))
}

// A second client with the token of a participant takes over its publication.
func TestComposition_KeepsThePlaceOfATakeover(t *testing.T) {
	s := openKept(t)
	raw, _ := s.token("PUBLISH")
	first := s.perform(raw, "--size", "640x360")
	other, _ := s.token("PUBLISH")
	second := s.perform(other, "--size", "640x360")
	arn, folder := s.start()
	s.awaitComposition(arn, "ACTIVE", composing)
	script := &script{layout: layout.DefaultGrid()}
	script.now(time.Now(), "both, throughout",
		layout.Participant{ID: first.id, Picture: small}, layout.Participant{ID: second.id, Picture: small})
	settle(t, 3*time.Second)
	if again := s.perform(raw, "--size", "640x360"); again.id != first.id {
		t.Fatalf("the second client is participant %s, expected %s", again.id, first.id)
	}
	settle(t, 3*time.Second)
	s.end(arn, folder, script)
}

func TestComposition_DrawsNoTileOfAudioAlone(t *testing.T) {
	s := openKept(t)
	raw, _ := s.token("PUBLISH")
	seen := s.perform(raw, "--size", "640x360")
	arn, folder := s.startWith(&ivsrealtime.LayoutConfiguration{Grid: &ivsrealtime.GridConfiguration{OmitStoppedVideo: true}})
	s.awaitComposition(arn, "ACTIVE", composing)
	script := &script{layout: layout.Grid{OmitStoppedVideo: true}}
	script.now(time.Now(), "the one with video, throughout", layout.Participant{ID: seen.id, Picture: small})
	settle(t, 2*time.Second)
	raw, _ = s.token("PUBLISH")
	s.perform(raw, "--no-video")
	settle(t, 4*time.Second)
	s.end(arn, folder, script)
}
