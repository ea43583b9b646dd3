//go:build cgo

package compositor

import (
	"image"
	"testing"
	"testing/synctest"
	"time"
)

// small keeps tests quick: pictures are encoded for real.
var small = Config{Width: 320, Height: 180}

func TestProgram_DrawsMembersInTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, small)
		s.join("a", film(t, 160, 90, plain(100), silent), path{video: 20 * time.Millisecond})
		s.join("b", film(t, 90, 160, plain(200), silent), path{video: 50 * time.Millisecond})
		time.Sleep(2 * time.Second)
		o := s.stop()
		o.steady()
		lumas := o.lumas(image.Pt(80, 90), image.Pt(240, 90), image.Pt(160, 10))
		if last := lumas[len(lumas)-1]; off(last[0], 100) || off(last[1], 200) || off(last[2], 16) {
			t.Errorf("a, b and the background are %v, want 100, 200, 16", last)
		}
	})
}

func off(got, want int) bool { return got < want-4 || got > want+4 }

func TestProgram_KeepsPictureAndSoundTogether(t *testing.T) {
	cases := []struct {
		name string
		path path
	}{
		{"picture slower by 150 ms", path{audio: 20 * time.Millisecond, video: 170 * time.Millisecond}},
		{"sound slower by 150 ms", path{audio: 170 * time.Millisecond, video: 20 * time.Millisecond}},
		{"jitter", path{audio: 20 * time.Millisecond, video: 60 * time.Millisecond, jitter: 30 * time.Millisecond}},
		{"a clock too fast", path{audio: 20 * time.Millisecond, video: 60 * time.Millisecond, drift: 3e-4}},
		{"no reports", path{audio: 40 * time.Millisecond, video: 40 * time.Millisecond, jitter: 10 * time.Millisecond, unreported: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, small)
				s.join("a", film(t, 160, 90, flash, beep), c.path)
				time.Sleep(20 * time.Second)
				o := s.stop()
				o.steady()
				pictures, sounds := o.onsets()
				if len(pictures) < 18 || len(sounds) < 18 {
					t.Fatalf("%d flashes and %d beeps in 20 s", len(pictures), len(sounds))
				}
				for _, at := range pictures[1:] {
					nearest := time.Hour
					for _, b := range sounds {
						if d := b - at; d.Abs() < nearest.Abs() {
							nearest = d
						}
					}
					if nearest.Abs() > 25*time.Millisecond {
						t.Errorf("the flash at %v has its beep %v later", at, nearest)
					}
				}
			})
		})
	}
}

// onsets are the times at which the picture turned white, and the sound began.
func (o *tape) onsets() (pictures, sounds []time.Duration) {
	was := 0
	for i, l := range o.lumas(image.Pt(160, 90)) {
		if l[0] > 150 && was <= 150 {
			pictures = append(pictures, time.Duration(o.video[i].Time)*time.Second/VideoRate)
		}
		was = l[0]
	}
	quiet := 1 << 20
	for i, v := range o.samples() {
		switch {
		case v > 0.15 || v < -0.15:
			if quiet > AudioRate/5 {
				sounds = append(sounds, time.Duration(i)*time.Second/AudioRate)
			}
			quiet = 0
		default:
			quiet++
		}
	}
	return pictures, sounds
}

func TestProgram_RunsWithoutMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 64, Height: 36, FrameRate: 29.97})
		time.Sleep(5 * time.Second)
		o := s.stop()
		o.steady()
		if n := len(o.video); n < 149 || n > 151 {
			t.Errorf("%d pictures in 5 s at 29.97, want 150", n)
		}
		keyframes := 0
		for _, p := range o.video {
			if p.Keyframe {
				keyframes++
			}
		}
		if keyframes != 3 {
			t.Errorf("%d keyframes in 5 s, want 3", keyframes)
		}
		for _, v := range o.samples() {
			if v > 0.001 || v < -0.001 {
				t.Fatalf("silence has a sample of %v", v)
			}
		}
	})
}
