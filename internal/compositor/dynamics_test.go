//go:build cgo

package compositor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// TestProgram_KeepsTimeWhileParticipantsJoinAndLeave has participants join and leave at
// random, in other sizes each time, for minutes.
func TestProgram_KeepsTimeWhileParticipantsJoinAndLeave(t *testing.T) {
	clips := []clip{
		newClip(t, 160, 90, plain(100), beep), newClip(t, 90, 160, plain(140), silent),
		newClip(t, 320, 180, plain(180), beep), newClip(t, 64, 64, flash, beep),
	}
	synctest.Test(t, func(t *testing.T) {
		const length = 2 * time.Minute
		s := start(t, Config{Width: 160, Height: 90})
		r := rand.New(rand.NewPCG(5, 6))
		var leave [6]func()
		for begin := time.Now(); time.Since(begin) < length; time.Sleep(time.Duration(r.Int64N(int64(2 * time.Second)))) {
			i := r.IntN(len(leave))
			if leave[i] != nil {
				leave[i]()
				leave[i] = nil
				continue
			}
			p := path{audio: 20 * time.Millisecond, video: 50 * time.Millisecond, jitter: 30 * time.Millisecond, seed: r.Uint64()}
			_, leave[i] = s.join(fmt.Sprint(i), clips[r.IntN(len(clips))], p)
		}
		o := s.stop()
		o.expectContinuous()
		if n := len(o.video); n < int(length.Seconds())*30 || n > int(length.Seconds()+3)*30 {
			t.Errorf("%d pictures in %v", n, length)
		}
		picture, audio := o.video[len(o.video)-1], o.audio[len(o.audio)-1]
		if apart := float64(picture.Time)/VideoRate - float64(audio.Time)/AudioRate; apart < -0.02 || apart > 0.1 {
			t.Errorf("at the end audio is %.3f s behind video", apart)
		}
		if late := s.program.Stats().Late; late != 0 {
			t.Errorf("%d ticks were late in virtual time", late)
		}
	})
}

func TestProgram_FollowsSizeChanges(t *testing.T) {
	small, large := newClip(t, 160, 90, plain(100), silent), newClip(t, 180, 320, plain(200), silent)
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 320, Height: 180})
		m, err := s.stage.Join(ParticipantConfig{ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []clip{small, large, small} {
			ctx, cancel := context.WithTimeout(s.ctx, time.Second)
			c.send(ctx, m, path{video: 20 * time.Millisecond, unreported: true})
			cancel()
		}
		o := s.stop()
		o.expectContinuous()
		var seen []int // as they changed
		for _, l := range o.lumas(image.Pt(160, 90)) {
			for _, want := range []int{100, 200} {
				if !off(l[0], want) && (len(seen) == 0 || seen[len(seen)-1] != want) {
					seen = append(seen, want)
				}
			}
		}
		if !slices.Equal(seen, []int{100, 200, 100}) {
			t.Errorf("the picture was %v, want 100, 200, 100", seen)
		}
	})
}

func TestProgram_FollowsCodecChanges(t *testing.T) {
	h264 := newClip(t, 160, 90, plain(200), silent)
	data, err := os.ReadFile("../codec/testdata/vp8.ivf")
	if err != nil {
		t.Fatal(err)
	}
	vp8 := data[32+12:] // the first frame, a keyframe, after the headers
	vp8 = vp8[:binary.LittleEndian.Uint32(data[32:])]
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 160, Height: 90})
		m, err := s.stage.Join(ParticipantConfig{ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		write := func(c media.Codec, at uint32, data []byte) {
			m.Write(Frame{Codec: c, Timestamp: at, Arrived: time.Now(), Keyframe: true, Data: data})
			time.Sleep(500 * time.Millisecond)
		}
		write(media.H264, 0, h264.pictures[0].Data)
		if st := m.Stats(); st.Width != 160 || st.Height != 90 {
			t.Errorf("the picture has %dx%d, want 160x90", st.Width, st.Height)
		}
		write(media.VP8, 45_000, vp8)
		if st := m.Stats(); st.Width != 64 || st.Height != 48 {
			t.Errorf("after the change it has %dx%d, want 64x48", st.Width, st.Height)
		}
		write(media.AV1, 90_000, []byte{0x12, 0}) // not decoded: the last picture stays
		write(media.H264, 135_000, h264.pictures[0].Data)
		o := s.stop()
		o.expectContinuous()
		lumas := o.lumas(image.Pt(80, 45))
		if first, last := lumas[12][0], lumas[len(lumas)-1][0]; off(first, 200) || off(last, 200) {
			t.Errorf("in H.264 the picture is %d, and %d at its return; want 200", first, last)
		}
	})
}

func TestParticipant_RequestsAKeyframeAndKeepsTheLastGoodPicture(t *testing.T) {
	// Noise: lost parts cannot be concealed.
	noise := newClip(t, 320, 180, func(c *codec.Canvas, n int) {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		for y := 0; y < 180; y += 6 {
			for x := 0; x < 320; x += 8 {
				c.Fill(image.Rect(x, y, x+8, y+6), uint8(40+r.IntN(150)))
			}
		}
	}, silent)
	asked := atomic.Int32{}
	stage := NewStage()
	m, err := stage.Join(ParticipantConfig{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Leave()
	m.BeginStream(func() { asked.Add(1) })
	write := func(n int, data []byte, keyframe bool) {
		m.Write(Frame{Codec: media.H264, Timestamp: uint32(n) * 3000, Arrived: stage.began.Add(time.Duration(n) * time.Second / 30), Keyframe: keyframe, Data: data})
	}
	for n := range 6 {
		write(n, noise.pictures[n].Data, n == 0)
	}
	good := m.Stats().Video.Decoded
	write(6, noise.pictures[6].Data[:len(noise.pictures[6].Data)/2], false)
	write(7, noise.pictures[7].Data, false)
	if s := m.Stats().Video; s.Decoded != good || asked.Load() != 1 || s.Damaged == 0 {
		t.Errorf("after damage %d pictures were shown, %d keyframes asked for: %+v", s.Decoded-good, asked.Load(), s)
	}
	write(8, noise.pictures[0].Data, true)
	if s := m.Stats().Video; s.Decoded != good+1 {
		t.Errorf("after the keyframe %d pictures were shown, want 1", s.Decoded-good)
	}
}

func TestProgram_DrawsParticipantsWithoutVideo(t *testing.T) {
	big := newClip(t, 160, 90, plain(100), silent)
	big.width, big.height = 3840, 2160 // by its keyframe: it is not decoded
	cases := []struct {
		name  string
		clip  clip
		after func(*Participant)
		want  int
	}{
		{"flowing video", newClip(t, 160, 90, plain(100), silent), nil, 100},
		{"stopped video", newClip(t, 160, 90, plain(100), silent), func(m *Participant) { m.SetVideoStopped(true) }, dark},
		{"audio only", clip{packets: newClip(t, 160, 90, plain(100), silent).packets}, nil, dark},
		{"more than 1080p", big, nil, dark},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, Config{Width: 160, Height: 90})
				m, _ := s.join("Ann", c.clip, path{})
				time.Sleep(time.Second)
				if c.after != nil {
					c.after(m)
				}
				time.Sleep(videoWait) // who sends no video has a place by then
				o := s.stop()
				lumas := o.lumas(image.Pt(5, 5), image.Pt(80, 30))
				last := lumas[len(lumas)-1]
				if off(last[0], c.want) {
					t.Errorf("the tile is %d, want %d", last[0], c.want)
				}
				if c.want == dark && last[1] <= dark+10 {
					t.Errorf("there is no disc with the initial: %d", last[1])
				}
			})
		})
	}
}

func TestProgram_DrawsTheDarkTileWhenVideoStalls(t *testing.T) {
	c := newClip(t, 160, 90, plain(150), silent)
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 160, Height: 90})
		m, err := s.stage.Join(ParticipantConfig{ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		defer cancel()
		c.send(ctx, m, path{})
		time.Sleep(3 * time.Second)
		synctest.Wait() // for the capture
		before := s.capture.pictures()
		time.Sleep(4 * time.Second)
		o := s.stop()
		lumas := o.lumas(image.Pt(5, 5))
		if off(lumas[before-1][0], 150) || off(lumas[len(lumas)-1][0], dark) {
			t.Errorf("3 s after the last picture the tile is %d, 7 s after %d; want 150, then %d", lumas[before-1][0], lumas[len(lumas)-1][0], dark)
		}
	})
}

func TestProgram_RedrawsTheWindowOverMovingPictures(t *testing.T) {
	still, moving := newClip(t, 160, 90, plain(200), silent), newClip(t, 160, 90, flash, silent)
	still.pictures = still.pictures[:30]
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 320, Height: 180, Layout: layout.Pip{PipParticipantAttribute: "pip"}})
		s.join("below", moving, path{})
		m, err := s.stage.Join(ParticipantConfig{ID: "above", Attributes: map[string]string{"pip": "true"}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(s.ctx, 500*time.Millisecond)
		defer cancel()
		still.send(ctx, m, path{}) // then its last picture stays
		time.Sleep(2 * time.Second)
		o := s.stop()
		lumas := o.lumas(image.Pt(300, 165), image.Pt(20, 20))
		for i, l := range lumas[45:] {
			if off(l[0], 200) {
				t.Fatalf("in picture %d the window is %d and the tile below %d", i+45, l[0], l[1])
			}
		}
	})
}

func TestProgram_RearrangesWhenAttributesChange(t *testing.T) {
	a, b := newClip(t, 160, 90, plain(100), silent), newClip(t, 160, 90, plain(200), silent)
	synctest.Test(t, func(t *testing.T) {
		grid := layout.DefaultGrid()
		grid.ParticipantOrderAttribute = "n"
		s := start(t, Config{Width: 320, Height: 180, Layout: grid})
		s.join("a", a, path{})
		m, _ := s.join("b", b, path{})
		time.Sleep(time.Second)
		m.SetMetadata("b", map[string]string{"n": "1"})
		time.Sleep(time.Second)
		o := s.stop()
		lumas := o.lumas(image.Pt(80, 90))
		if before, after := lumas[25][0], lumas[len(lumas)-1][0]; off(before, 100) || off(after, 200) {
			t.Errorf("on the left were %d, then %d; want 100 (a), then 200 (b)", before, after)
		}
	})
}

func TestParticipant_IsLaidOutByTheMetadataOfItsLatestToken(t *testing.T) {
	p, err := NewStage().Join(ParticipantConfig{ID: "a", UserID: "ann", Attributes: map[string]string{"n": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	p.SetMetadata("anna", map[string]string{"n": "2"})
	if got, _ := p.forLayout(0); got.UserID != "anna" || got.Attributes["n"] != "2" {
		t.Errorf("laid out as %+v", got)
	}
}

// blocked is an Output that blocks until it is released.
type blocked struct {
	release chan struct{}
	taken   []Packet
}

func (o *blocked) Write(p Packet) error {
	<-o.release
	o.taken = append(o.taken, p)
	return nil
}

func (o *blocked) Close() error { return nil }

type failing struct{ closed bool }

func (o *failing) Write(Packet) error { return errors.New("disk full") }
func (o *failing) Close() error       { o.closed = true; return nil }

func TestQueue_DropsOnlyForTheSlowOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 64, Height: 64})
		slow, broken := &blocked{release: make(chan struct{})}, &failing{}
		queue := s.program.Attach(slow)
		ended := s.program.Attach(broken)
		time.Sleep(20 * time.Second)
		close(slow.release)
		time.Sleep(5 * time.Second)
		o := s.stop()
		o.expectContinuous()
		if queue.Dropped() == 0 || ended.Err() == nil || !broken.closed {
			t.Errorf("dropped %d; the broken output ended with %v", queue.Dropped(), ended.Err())
		}
		var last *Packet
		gaps := 0
		for i, p := range slow.taken {
			if p.Kind != media.Video {
				continue
			}
			if last != nil && p.Time != last.Time+last.Duration {
				gaps++
				if !p.Keyframe {
					t.Errorf("the picture after a gap is no keyframe")
				}
			}
			last = &slow.taken[i]
		}
		if gaps != 1 {
			t.Errorf("%d gaps, want 1", gaps)
		}
	})
}

// TestStage_FreesParticipantsThatLeft has 2,000 participants join, send some damaged
// pictures and leave.
func TestStage_FreesParticipantsThatLeft(t *testing.T) {
	clips := []clip{newClip(t, 160, 90, flash, beep), newClip(t, 90, 160, flash, beep), newClip(t, 320, 180, flash, beep)}
	participants := 2000
	if testing.Short() {
		participants = 200
	}
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{Width: 160, Height: 90})
		r := rand.New(rand.NewPCG(8, 9))
		settled := 0
		for i := range participants {
			m, err := s.stage.Join(ParticipantConfig{ID: fmt.Sprint(i % 50)})
			if err != nil {
				t.Fatal(err)
			}
			for k := range 9 {
				u := clips[k/3].pictures[k%3]
				data := u.Data
				if r.IntN(10) == 0 {
					data = bytes.Clone(data)
					data[r.IntN(len(data))]++
					data = data[:1+r.IntN(len(data))]
				}
				m.Write(Frame{Codec: media.H264, Timestamp: uint32(k) * 3000, Arrived: time.Now(), Keyframe: u.Keyframe, Data: data})
				m.Write(Frame{Codec: media.Opus, Timestamp: uint32(k) * 960, Arrived: time.Now(), Data: clips[0].packets[k]})
			}
			if i%4 == 0 {
				time.Sleep(40 * time.Millisecond)
			}
			m.Leave()
			if i == participants/4 {
				settled = residentBytes(t)
			}
		}
		if grown := residentBytes(t) - settled; grown > 30<<20 && !testing.Short() {
			t.Errorf("memory grew by %d MiB", grown>>20)
		}
		s.stop().expectContinuous()
	})
}

func residentBytes(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}
