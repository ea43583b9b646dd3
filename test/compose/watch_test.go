//go:build cgo

package compose

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"image"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/layout"
	"rostrum/internal/peer"
	"rostrum/internal/peer/pattern"
	"rostrum/ivsrealtime"
)

// promptness is how soon a participant who joins must be seen in the composition,
// and one who leaves no more.
const promptness = time.Second

// A performer is a running rostrum publish.
type performer struct {
	id     string
	joined time.Time // it began to connect
	cmd    *exec.Cmd
	ended  chan struct{}
}

// perform publishes with a token, and waits until the media flow.
func (s *stage) perform(raw string, args ...string) *performer {
	s.t.Helper()
	p := &performer{ended: make(chan struct{})}
	p.cmd = exec.Command(s.binary, append([]string{"publish", "--json", "--token", raw}, args...)...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	var complaints strings.Builder
	p.cmd.Stderr = &complaints
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	published := make(chan time.Time, 1)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var says struct {
				Event         string
				ParticipantID string
				ElapsedMS     float64
			}
			if json.Unmarshal(lines.Bytes(), &says) == nil && says.Event == "published" {
				p.id = says.ParticipantID
				published <- time.Now().Add(-time.Duration(says.ElapsedMS * float64(time.Millisecond)))
			}
		}
		_ = p.cmd.Wait() // stopped, or killed
	}()
	select {
	case p.joined = <-published:
	case <-p.ended:
		s.t.Fatalf("publish %v ended at once: %s", args, complaints.String())
	case <-time.After(20 * time.Second):
		s.t.Fatalf("publish %v was not connected after 20 s", args)
	}
	return p
}

// leave says goodbye and goes.
func (p *performer) leave() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.ended
}

// vanish goes without a goodbye.
func (p *performer) vanish() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

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
		if !ok || m.Identity != pattern.IdentityOf(t.ID) {
			return fmt.Sprintf("the tile of %s at %v shows %04x (%v), expected %04x", t.ID, t.Rect, m.Identity, ok, pattern.IdentityOf(t.ID))
		}
		if age := at.Sub(m.Sent); age > patience() || age < -100*time.Millisecond {
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
		if took[i] > patience() {
			t.Errorf("%s was seen after %v, expected within %v", shot.what, took[i], patience())
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
	busy := s.tooBusy()
	s.stop(arn)

	f := watch(t, folder)
	f.expectExactClock()
	if busy != "" {
		t.Skip(busy)
	}
	prompt(t, script, script.hold(f))
}

// tokenOf is the token of a performer who left.
func (s *stage) tokenOf(p *performer) string {
	i := slices.Index(p.cmd.Args, "--token")
	return p.cmd.Args[i+1]
}

// A guest has a token of their own making, which can be exchanged, and speaks on the
// events socket.
type guest struct {
	*performer
	events *peer.Events
	signer *ivsrealtime.TokenSigner
	claims ivsrealtime.TokenClaims
}

// invite has guests publish, each with attributes.
func (s *stage) invite(attributes ...map[string]string) (all []*guest) {
	t := s.t
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := s.client.ImportPublicKey(t.Context(), &ivsrealtime.ImportPublicKeyInput{PublicKeyMaterial: material})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ivsrealtime.NewTokenSigner(imported.PublicKey.ARN, key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.client.GetStage(t.Context(), &ivsrealtime.GetStageInput{ARN: s.stageARN})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attributes {
		g := &guest{signer: signer, claims: got.Stage.Claims()}
		g.claims.ParticipantID, g.claims.UserID, g.claims.Attributes = arn.NewID(), "guest", a
		raw, err := signer.Sign(g.claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := peer.ReadToken(raw)
		if err != nil {
			t.Fatal(err)
		}
		if g.events, err = peer.NewEvents(token, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = g.events.Run(ctx, func(peer.Message) {}) // ends with the test
		}()
		t.Cleanup(func() { cancel(); <-ended })
		g.performer = s.perform(raw, "--size", "640x360")
		all = append(all, g)
	}
	return all
}

func (g *guest) say(t *testing.T, kind string, payload any) {
	t.Helper()
	if err := g.events.Send(t.Context(), kind, payload); err != nil {
		t.Fatal(err)
	}
}

// exchange changes the guest's attributes, without leaving the stage.
func (g *guest) exchange(t *testing.T, attributes map[string]string) {
	t.Helper()
	g.claims.Attributes = attributes
	raw, err := g.signer.Sign(g.claims)
	if err != nil {
		t.Fatal(err)
	}
	g.say(t, "EXCHANGE_TOKEN", map[string]string{"token": raw})
}

func TestComposition_FollowsAttributesAndMutes(t *testing.T) {
	s := openKept(t)
	main, window := map[string]string{"main": "true"}, map[string]string{"window": "true"}
	guests := s.invite(window, nil)
	pip := layout.Pip{
		FeaturedParticipantAttribute: "main", PipParticipantAttribute: "window",
		PipPosition: layout.BottomRight, PipOffset: 20, PipWidth: 320, PipHeight: 180,
		VideoFillMode: layout.Contain, // so that nothing of a pattern is cropped
	}
	arn, folder := s.startWith(&ivsrealtime.LayoutConfiguration{Pip: &ivsrealtime.PipConfiguration{
		FeaturedParticipantAttribute: pip.FeaturedParticipantAttribute, PipParticipantAttribute: pip.PipParticipantAttribute,
		PipPosition: "BOTTOM_RIGHT", PipOffset: 20, PipWidth: new(320), PipHeight: new(180),
		VideoFillMode: "CONTAIN",
	}})
	s.awaitComposition(arn, "ACTIVE", composing)
	script := &script{layout: pip}
	var people []layout.Participant
	seat := func(all ...*guest) {
		for _, g := range all {
			people = append(people, layout.Participant{ID: g.id, Attributes: g.claims.Attributes, Picture: small})
		}
	}
	next := func(what string) {
		script.now(time.Now(), what, slices.Clone(people)...)
	}
	seat(guests...)
	next("one, and one in the window")
	settle(t, 2*time.Second)

	guests = append(guests, s.invite(main)...)
	seat(guests[2])
	script.now(guests[2].joined, "one comes to be featured", slices.Clone(people)...)
	settle(t, 2*time.Second)

	people[1].Attributes, people[0].Attributes = window, nil
	next("another in the window")
	guests[0].exchange(t, nil)
	guests[1].exchange(t, window)
	settle(t, 2*time.Second)

	people[2].Attributes, people[0].Attributes = nil, main
	next("another is featured")
	guests[2].exchange(t, nil)
	guests[0].exchange(t, main)
	settle(t, 2*time.Second)

	people[0].Stopped = true
	next("the featured stops video")
	guests[0].say(t, "MUTE", map[string]bool{"videoStopped": true})
	settle(t, 2*time.Second)

	people[0].Stopped = false
	next("and goes on")
	guests[0].say(t, "MUTE", map[string]bool{"videoStopped": false})
	settle(t, 2*time.Second)
	busy := s.tooBusy()
	s.stop(arn)

	f := watch(t, folder)
	f.expectExactClock()
	if busy != "" {
		t.Skip(busy)
	}
	prompt(t, script, script.hold(f))
}
