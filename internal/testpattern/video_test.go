package testpattern

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

var sentAt = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

// record makes n pictures, with keyframes requested at some of them.
func record(t *testing.T, c VideoConfig, n int, forced ...int) (stream []byte, keys []int, sizes []int) {
	t.Helper()
	v, err := NewVideo(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		force := false
		for _, f := range forced {
			force = force || f == i
		}
		unit, key := v.Frame(uint32(i), sentAt.Add(time.Duration(i)*time.Second/time.Duration(v.config.FPS)), force)
		if key {
			keys = append(keys, i)
		}
		stream, sizes = append(stream, unit...), append(sizes, len(unit))
	}
	return stream, keys, sizes
}

// decode decodes the stream with an independent decoder, which must not report errors.
func decode(t *testing.T, stream []byte, width, height int) []*image.YCbCr {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: the pattern can't be decoded here")
	}
	cmd := exec.Command("ffmpeg", "-v", "warning", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stdin = bytes.NewReader(stream)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, complaints.String())
	}
	var pictures []*image.YCbCr
	for r := bytes.NewReader(out); r.Len() > 0; {
		img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			if _, err := io.ReadFull(r, plane); err != nil {
				t.Fatalf("a picture of %dx%d: %v", width, height, err)
			}
		}
		pictures = append(pictures, img)
	}
	return pictures
}

func TestVideo_DecodesExactly(t *testing.T) {
	for _, c := range []VideoConfig{
		{Width: 320, Height: 180, FPS: 30, Identity: 0xA3F0},
		{Width: 320, Height: 180, FPS: 15, Bitrate: 200_000, Identity: 1},
		{Width: 640, Height: 360, FPS: 25, Bitrate: 700_000, Identity: 0xFFFF},
		{Width: 1280, Height: 720, FPS: 30, Bitrate: 2_500_000, Identity: 7},
		{Width: 854, Height: 480, FPS: 60, Bitrate: 9_000_000, Identity: 11},
		{Width: 720, Height: 1280, FPS: 24, Bitrate: 1_000_000},
	} {
		t.Run(fmt.Sprintf("%dx%d at %d, %d bit/s", c.Width, c.Height, c.FPS, c.Bitrate), func(t *testing.T) {
			const n = 20
			stream, _, _ := record(t, c, n, 7)
			pictures := decode(t, stream, c.Width, c.Height)
			if len(pictures) != n {
				t.Fatalf("%d pictures came out, want %d", len(pictures), n)
			}
			drawn := newPicture(c.Width, c.Height)
			for i, img := range pictures {
				at := time.Duration(i) * time.Second / time.Duration(c.FPS)
				drawn.draw(Mark{Frame: uint32(i), Identity: c.Identity, Sent: sentAt.Add(at)}, at)
				if x, y, ok := differs(drawn, img); ok {
					t.Fatalf("picture %d differs at %d,%d", i, x, y)
				}
				m, ok := Read(img, float64(8*Scale(c.Width, c.Height)), sentAt.Add(time.Hour))
				if !ok || m.Frame != uint32(i) || m.Identity != c.Identity || m.Sent.Sub(sentAt.Add(at)).Abs() > time.Millisecond {
					t.Fatalf("picture %d reads as %+v, %v", i, m, ok)
				}
			}
		})
	}
}

// differs returns the first pixel where a decoded picture is not as drawn.
func differs(p *picture, img *image.YCbCr) (x, y int, ok bool) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			i := img.COffset(x, y)
			c := Colour{img.Y[img.YOffset(x, y)], img.Cb[i], img.Cr[i]}
			mb := y/16*p.mbw + x/16
			if c != (Colour{p.luma[y/8*2*p.mbw+x/8], p.cb[mb], p.cr[mb]}) {
				return x, y, true
			}
		}
	}
	return 0, 0, false
}

func TestVideo_HasKeyframesInTimeAndOnRequest(t *testing.T) {
	_, keys, _ := record(t, VideoConfig{Width: 320, Height: 180, FPS: 10, Keyframe: time.Second}, 32, 4)
	if got, want := fmt.Sprint(keys), "[0 4 14 24]"; got != want {
		t.Errorf("keyframes at %s, want %s", got, want)
	}
}

func TestVideo_KeepsItsBitrate(t *testing.T) {
	for _, want := range []int{150_000, 700_000, 2_500_000, 8_000_000} {
		c := VideoConfig{Width: 1280, Height: 720, Bitrate: want}
		if want < 500_000 {
			c.Width, c.Height, c.FPS = 320, 180, 15
		}
		stream, keys, sizes := record(t, c, 120)
		seconds := 120 / float64(max(c.FPS, 15))
		if c.FPS == 0 {
			seconds = 4
		}
		got := float64(len(stream)) * 8 / seconds
		if got < 0.85*float64(want) || got > 1.1*float64(want) {
			t.Errorf("asked for %d bit/s, got %.0f", want, got)
		}
		if len(keys) < 2 || sizes[keys[1]] < 2*sizes[keys[1]+1] {
			t.Errorf("at %d bit/s a keyframe is not larger than other pictures: %v", want, sizes)
		}
	}
}

func TestVideo_RefusesInvalidConfigurations(t *testing.T) {
	for says, c := range map[string]VideoConfig{
		"too small":       {Width: 160, Height: 90},
		"odd":             {Width: 641, Height: 360},
		"too large":       {Width: 8192, Height: 4320},
		"only a width":    {Width: 640},
		"too fast":        {FPS: 1000},
		"a negative rate": {Bitrate: -1},
	} {
		if _, err := NewVideo(c); err == nil {
			t.Errorf("%s: %+v was accepted", says, c)
		}
	}
}

func TestVideo_DrawsItsPictures(t *testing.T) {
	dir := os.Getenv("PATTERN_PICTURES")
	if dir == "" {
		t.Skip("set PATTERN_PICTURES to a folder to look at the pictures")
	}
	for _, size := range [][2]int{{320, 180}, {1280, 720}, {854, 480}} {
		stream, _, _ := record(t, VideoConfig{Width: size[0], Height: size[1], Identity: IdentityOf(fmt.Sprint(size))}, 20)
		cmd := exec.Command("ffmpeg", "-v", "error", "-y", "-f", "h264", "-i", "-", "-vf", "select=eq(n\\,19)", "-frames:v", "1", fmt.Sprintf("%s/%dx%d.png", dir, size[0], size[1]))
		cmd.Stdin = bytes.NewReader(stream)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
