//go:build cgo

package compositor

import (
	"context"
	"fmt"
	"image"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/layout"
)

// What each picture shows at the middle of the canvas is in runs of the same luma.
type run struct{ luma, pictures int }

func (o *capture) runs(at image.Point) (all []run) {
	o.t.Helper()
	for _, l := range o.lumas(at) {
		if n := len(all); n > 0 && !off(l[0], all[n-1].luma) {
			all[n-1].pictures++
		} else {
			all = append(all, run{l[0], 1})
		}
	}
	return all
}

func TestProgram_GivesAPlaceWithTheFirstPicture(t *testing.T) {
	a, b := newClip(t, 160, 90, plain(100), silent), newClip(t, 160, 90, plain(200), silent)
	for name, l := range map[string]layout.Layout{
		"grid": layout.DefaultGrid(), "omitting stopped video": layout.Grid{OmitStoppedVideo: true},
		"featured": layout.Grid{FeaturedParticipantAttribute: "main", OmitStoppedVideo: true}, "pip": layout.Pip{PipParticipantAttribute: "main"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{Width: 320, Height: 180, Layout: l})
				_, leave := s.join("a", a, path{video: 30 * time.Millisecond})
				time.Sleep(time.Second)
				s.join("b", b, path{video: 300 * time.Millisecond}, func(c *ParticipantConfig) { c.Attributes = map[string]string{"main": "true"} })
				time.Sleep(time.Second)
				leave()
				time.Sleep(time.Second)
				o := s.stop()
				for _, p := range []image.Point{{80, 90}, {240, 90}, {160, 90}, {300, 165}} {
					for _, r := range o.runs(p) {
						if off(r.luma, black) && off(r.luma, 100) && off(r.luma, 200) && r.pictures > 1 { // one may be between two, as encoded
							t.Errorf("at %v there is %d for %d pictures: neither a picture nor the background", p, r.luma, r.pictures)
						}
					}
				}
				if r := o.runs(image.Pt(240, 90)); len(r) < 2 || r[0].luma > 20 || r[0].pictures > 6 {
					t.Errorf("the first participant's picture came late: %v", r)
				}
			})
		})
	}
}

func TestProgram_PlacesWhoSendsNoVideo(t *testing.T) {
	talker := clip{packets: newClip(t, 160, 90, plain(100), silent).packets}
	film := newClip(t, 160, 90, plain(100), silent)
	cases := []struct {
		name    string
		clip    clip
		declare func(*Participant)
		omit    bool
		after   time.Duration // until it has a place; negative for never
	}{
		{"no video is published", talker, func(p *Participant) { p.SetVideoAbsent(true) }, false, 0},
		{"it is stopped", talker, func(p *Participant) { p.SetVideoStopped(true) }, false, 0},
		{"stopped video that still comes", film, func(p *Participant) { p.SetVideoStopped(true) }, false, 0},
		{"none comes", talker, nil, false, videoWait},
		{"none is published, and stopped video is omitted", talker, func(p *Participant) { p.SetVideoAbsent(true) }, true, -1},
		{"none comes, and stopped video is omitted", talker, nil, true, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{Width: 320, Height: 180, Layout: layout.Grid{FeaturedParticipantAttribute: "main", OmitStoppedVideo: c.omit}})
				p, _ := s.join("Ann", c.clip, path{}, func(p *ParticipantConfig) { p.Attributes = map[string]string{"main": "true"} })
				if c.declare != nil {
					c.declare(p)
				}
				time.Sleep(8 * time.Second)
				runs := s.stop().runs(image.Pt(10, 10)) // beside the disc
				want := int(c.after.Seconds() * 30)
				switch {
				case c.after < 0 && len(runs) != 1:
					t.Errorf("something was drawn: %v", runs)
				case c.after < 0:
				case off(runs[len(runs)-1].luma, dark) || len(runs) > 2 || len(runs) == 2 && (runs[0].pictures < want-2 || runs[0].pictures > want+2):
					t.Errorf("there was %v, want the dark tile after %d pictures", runs, want)
				}
			})
		})
	}
}

// After its return, video is shown from its first new picture on.
func TestProgram_ShowsNoOldPictureWhenVideoReturns(t *testing.T) {
	before, after := newClip(t, 160, 90, plain(100), silent), newClip(t, 160, 90, plain(200), silent)
	for _, declared := range []bool{true, false} {
		t.Run(fmt.Sprintf("declared %v", declared), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{Width: 160, Height: 90})
				p, err := s.stage.Join(ParticipantConfig{ID: "a"})
				if err != nil {
					t.Fatal(err)
				}
				send := func(c clip) {
					ctx, cancel := context.WithTimeout(s.ctx, time.Second)
					defer cancel()
					c.send(ctx, p, path{video: 30 * time.Millisecond, unreported: true})
				}
				send(before)
				p.SetVideoStopped(declared)
				time.Sleep(7 * time.Second)
				p.SetVideoStopped(false)
				send(after)
				var seen []int
				for _, r := range s.stop().runs(image.Pt(5, 5)) {
					if r.pictures > 1 {
						seen = append(seen, r.luma)
					}
				}
				if len(seen) != 4 || off(seen[1], 100) || off(seen[2], dark) || off(seen[3], 200) {
					t.Errorf("there was %v; want the background, 100, the dark tile, 200", seen)
				}
			})
		})
	}
}

func TestProgram_MixesNoMutedAudioThatStillComes(t *testing.T) {
	c := newClip(t, 160, 90, plain(100), func(float64) float64 { return 0.5 })
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 160, Height: 90})
		p, _ := s.join("a", c, path{})
		for range 2 {
			time.Sleep(time.Second)
			p.SetAudioMuted(true)
			time.Sleep(time.Second)
			p.SetAudioMuted(false)
		}
		samples := s.stop().samples()
		for _, second := range []struct {
			begin   float64
			audible bool
		}{{0.3, true}, {1.2, false}, {2.2, true}, {3.2, false}} {
			peak := float32(0)
			for _, v := range samples[int(second.begin*AudioRate):int((second.begin+0.6)*AudioRate)] {
				peak = max(peak, v, -v)
			}
			if second.audible && peak < 0.4 || !second.audible && peak > 0.001 {
				t.Errorf("after %g s the level is %.3f, want audible %v", second.begin, peak, second.audible)
			}
		}
	})
}

// A newer stream of the same participant has other timestamps, and may have another size.
func TestParticipant_KeepsItsPlaceWhenItBeginsANewStream(t *testing.T) {
	older, newer := newClip(t, 160, 90, plain(100), beep), newClip(t, 320, 180, plain(200), beep)
	synctest.Test(t, func(t *testing.T) {
		s := start(t, small)
		p, err := s.stage.Join(ParticipantConfig{ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []clip{older, newer, older} {
			p.BeginStream(nil)
			time.Sleep(300 * time.Millisecond) // until its media come
			ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
			c.send(ctx, p, path{video: 40 * time.Millisecond, seed: uint64(i)})
			cancel()
		}
		o := s.stop()
		o.expectContinuous()
		var seen []int
		for _, r := range o.runs(image.Pt(5, 5)) {
			if r.pictures > 1 {
				seen = append(seen, r.luma)
			}
		}
		if len(seen) != 4 || off(seen[1], 100) || off(seen[2], 200) || off(seen[3], 100) {
			t.Errorf("there was %v; want the background, 100, 200, 100", seen)
		}
		if _, beeps := o.onsets(); len(beeps) != 6 {
			t.Errorf("beeps began at %v, want 6 of them", beeps)
		}
	})
}
