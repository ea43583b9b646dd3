//go:build cgo

package compositor

import (
	"image"
	"testing"
	"testing/synctest"
	"time"
)

// small keeps tests fast: pictures are really encoded.
var small = Config{Width: 320, Height: 180}

func TestProgram_DrawsParticipantsInTheirTiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, small)
		s.join("a", newClip(t, 160, 90, plain(100), silent), path{video: 20 * time.Millisecond})
		s.join("b", newClip(t, 90, 160, plain(200), silent), path{video: 50 * time.Millisecond})
		time.Sleep(2 * time.Second)
		o := s.stop()
		o.expectContinuous()
		lumas := o.lumas(image.Pt(80, 90), image.Pt(240, 90), image.Pt(160, 10))
		if last := lumas[len(lumas)-1]; off(last[0], 100) || off(last[1], 200) || off(last[2], 16) {
			t.Errorf("a, b and the background are %v, want 100, 200, 16", last)
		}
	})
}

func off(got, want int) bool { return got < want-4 || got > want+4 }

func TestProgram_KeepsAudioAndVideoInSync(t *testing.T) {
	cases := []struct {
		name string
		path path
	}{
		{"video slower by 150 ms", path{audio: 20 * time.Millisecond, video: 170 * time.Millisecond}},
		{"audio slower by 150 ms", path{audio: 170 * time.Millisecond, video: 20 * time.Millisecond}},
		{"jitter", path{audio: 20 * time.Millisecond, video: 60 * time.Millisecond, jitter: 30 * time.Millisecond}},
		{"a clock too fast", path{audio: 20 * time.Millisecond, video: 60 * time.Millisecond, drift: 3e-4}},
		{"no reports", path{audio: 40 * time.Millisecond, video: 40 * time.Millisecond, jitter: 10 * time.Millisecond, unreported: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, small)
				s.join("a", newClip(t, 160, 90, flash, beep), c.path)
				time.Sleep(20 * time.Second)
				o := s.stop()
				o.expectContinuous()
				flashes, beeps := o.onsets()
				if len(flashes) < 18 || len(beeps) < 18 {
					t.Fatalf("%d flashes and %d beeps in 20 s", len(flashes), len(beeps))
				}
				for _, at := range flashes[1:] {
					nearest := time.Hour
					for _, b := range beeps {
						if d := b - at; d.Abs() < nearest.Abs() {
							nearest = d
						}
					}
					// Half a tick, the tolerance of a cadence, and the resync threshold of audio.
					if nearest.Abs() > 32*time.Millisecond {
						t.Errorf("the flash at %v has its beep %v later", at, nearest)
					}
				}
			})
		})
	}
}

// onsets are the times at which the picture turned white, and the audio began.
func (o *capture) onsets() (flashes, beeps []time.Duration) {
	was := 0
	for i, l := range o.lumas(image.Pt(160, 90)) {
		if l[0] > 150 && was <= 150 {
			flashes = append(flashes, time.Duration(o.video[i].Time)*time.Second/VideoRate)
		}
		was = l[0]
	}
	quiet := 1 << 20
	for i, v := range o.samples() {
		switch {
		case v > 0.15 || v < -0.15:
			if quiet > AudioRate/5 {
				beeps = append(beeps, time.Duration(i)*time.Second/AudioRate)
			}
			quiet = 0
		default:
			quiet++
		}
	}
	return flashes, beeps
}

func TestProgram_RunsWithoutParticipants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 64, Height: 36, FrameRate: 29.97})
		time.Sleep(5 * time.Second)
		o := s.stop()
		o.expectContinuous()
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
