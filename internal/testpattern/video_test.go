package testpattern

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var sentAt = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

func newVideo(t *testing.T, c VideoConfig) *Video {
	t.Helper()
	v, err := NewVideo(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// record makes n pictures, with keyframes requested at some of them.
func record(t *testing.T, c VideoConfig, n int, forced ...int) (stream []byte, keys []int, sizes []int) {
	t.Helper()
	v := newVideo(t, c)
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
			const n = 12
			v, stream, kept := newVideo(t, c), []byte{}, []*picture{}
			for i := range n {
				unit, _ := v.Frame(uint32(i), sentAt.Add(time.Duration(i)*time.Second/time.Duration(c.FPS)), i == 7)
				copied := newPicture(c.Width, c.Height)
				copied.restore(copied.bounds(), v.enc.decoded)
				stream, kept = append(stream, unit...), append(kept, copied)
			}
			pictures := decode(t, stream, c.Width, c.Height)
			if len(pictures) != n {
				t.Fatalf("%d pictures came out, want %d", len(pictures), n)
			}
			apart := image.Rect(0, v.boat.from/kept[0].mbw*16, c.Width, v.boat.to/kept[0].mbw*16)
			for i, img := range pictures {
				if at, ok := differs(kept[i], img, apart); ok {
					t.Fatalf("picture %d differs at %v", i, at)
				}
				at := time.Duration(i) * time.Second / time.Duration(c.FPS)
				m, ok := Read(img, float64(8*Scale(c.Width, c.Height)), sentAt.Add(time.Hour))
				if !ok || m.Frame != uint32(i) || m.Identity != c.Identity || m.Sent.Sub(sentAt.Add(at)).Abs() > time.Millisecond {
					t.Fatalf("picture %d reads as %+v, %v", i, m, ok)
				}
			}
		})
	}
}

// differs returns the first pixel where a decoded picture is not what the encoder expects,
// which knows nothing of the macroblocks that are coded apart.
func differs(p *picture, img *image.YCbCr, apart image.Rectangle) (at image.Point, ok bool) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			at := image.Pt(x, y)
			c := img.COffset(x, y)
			i := y/2*p.planes[1].stride + x/2
			if !at.In(apart) && (img.Y[img.YOffset(x, y)] != p.planes[0].pix[y*p.planes[0].stride+x] ||
				img.Cb[c] != p.planes[1].pix[i] || img.Cr[c] != p.planes[2].pix[i]) {
				return at, true
			}
		}
	}
	return image.Point{}, false
}

// TestVideo_ShowsItsScene compares decoded pictures with drawn ones, on the boat's first way
// across and on its second, for which its macroblocks are coded already; some pictures are
// left out, as for a paused layer.
func TestVideo_ShowsItsScene(t *testing.T) {
	c := VideoConfig{Width: 320, Height: 180, FPS: 10, Name: "Ann", Bitrate: 200_000}
	v, stream, drawn := newVideo(t, c), []byte{}, []*picture{}
	scene, err := newScene(v.config)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint32(250) {
		if n%77 > 70 {
			continue
		}
		at := time.Duration(n) * time.Second / 10
		unit, _ := v.Frame(n, sentAt.Add(at), n == 33)
		scene.draw(Mark{Frame: n, Sent: sentAt.Add(at)}, at)
		scene.boat.draw(scene.now, scene.still, at)
		copied := newPicture(c.Width, c.Height)
		copied.restore(copied.bounds(), scene.now)
		stream, drawn = append(stream, unit...), append(drawn, copied)
	}
	pictures := decode(t, stream, c.Width, c.Height)
	if len(pictures) != len(drawn) {
		t.Fatalf("%d pictures came out, want %d", len(pictures), len(drawn))
	}
	for i, img := range pictures {
		if mean, far := errors(drawn[i], img); mean > 1.5 || far > 20 {
			t.Errorf("the luma of picture %d is off by %.1f in the mean, by much at %d pixels", i, mean, far)
		}
	}
}

// errors is how far decoded luma is from the drawn: in the mean, and at how many pixels by
// much.
func errors(p *picture, img *image.YCbCr) (mean float64, far int) {
	sum := 0
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			d := distance(int(img.Y[img.YOffset(x, y)]), int(p.planes[0].pix[y*p.planes[0].stride+x]))
			if sum += d; d > 40 {
				far++
			}
		}
	}
	return float64(sum) / float64(img.Rect.Dx()*img.Rect.Dy()), far
}

// TestRead_OfScaledAndTranscodedPictures reads marks where a composition or a transcoded
// rendition has made the picture smaller and coarser.
func TestRead_OfScaledAndTranscodedPictures(t *testing.T) {
	if out, err := exec.Command("ffmpeg", "-v", "error", "-h", "encoder=libx264").CombinedOutput(); err != nil || bytes.Contains(out, []byte("not recognized")) {
		t.Skip("ffmpeg with libx264 is not installed")
	}
	for _, c := range []struct{ width, height, toWidth, toHeight int }{
		{1280, 720, 426, 240}, {640, 360, 638, 358}, {640, 360, 320, 180}, {640, 360, 256, 144}, {320, 180, 320, 180}, {320, 180, 240, 136},
	} {
		stream, _, _ := record(t, VideoConfig{Width: c.width, Height: c.height, Identity: 0xBEEF, Name: "Ann"}, 10)
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-vf", fmt.Sprintf("scale=%d:%d", c.toWidth, c.toHeight),
			"-c:v", "libx264", "-preset", "veryfast", "-crf", "32", "-f", "h264", "-")
		cmd.Stdin = bytes.NewReader(stream)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		pictures := decode(t, out, c.toWidth, c.toHeight)
		if len(pictures) != 10 {
			t.Fatalf("%d pictures came out, want 10", len(pictures))
		}
		cell := float64(8*Scale(c.width, c.height)) * float64(c.toWidth) / float64(c.width)
		for i, img := range pictures {
			if m, ok := Read(img, cell, sentAt); !ok || m.Frame != uint32(i) || m.Identity != 0xBEEF {
				t.Errorf("%dx%d shown in %dx%d: picture %d reads as %+v, %v", c.width, c.height, c.toWidth, c.toHeight, i, m, ok)
			}
		}
	}
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
		} else if want != 2_500_000 {
			c.Width, c.Height = 640, 360
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
	for i, c := range []VideoConfig{
		{Width: 320, Height: 180, Name: "Ann"}, {Width: 640, Height: 360, Name: "Marta Kowalska", Bitrate: 500_000},
		{Width: 1280, Height: 720, Name: "Ann", Bitrate: 700_000}, {Width: 854, Height: 480, Name: "Bjørn Ægir Žižka-Ολυμπία Иван 山田太郎 😀"}, {Width: 720, Height: 1280, Name: "portrait"},
	} {
		c.Identity = IdentityOf(c.Name)
		stream, _, _ := record(t, c, 35)
		for _, n := range []int{31, 34} {
			cmd := exec.Command("ffmpeg", "-v", "error", "-y", "-f", "h264", "-i", "-", "-vf", fmt.Sprintf("select=eq(n\\,%d)", n), "-frames:v", "1", fmt.Sprintf("%s/%d-%dx%d-%d.png", dir, i, c.Width, c.Height, n))
			cmd.Stdin = bytes.NewReader(stream)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
}

func TestVideo_DrawsAnyName(t *testing.T) {
	for _, name := range []string{
		"", " ", "\x00\x01\x1b[31m", "\xff\xfe\xfd", "a\nb\tc", "\u202eright to left\u202c", strings.Repeat("W", 100_000),
		strings.Repeat("\u0301", 500), "🏳️‍🌈👩‍👩‍👧‍👦", "شخص", "\ufffd", "<script>alert(1)</script>", "%s%d",
	} {
		for _, size := range [][2]int{{320, 180}, {322, 640}} {
			v := newVideo(t, VideoConfig{Width: size[0], Height: size[1], FPS: 1, Name: name})
			if unit, _ := v.Frame(0, sentAt, true); len(unit) == 0 {
				t.Errorf("%.20q at %v: no picture", name, size)
			}
		}
	}
}

// TestVideo_WritesItsName finds that names are drawn, within the picture and in its own place
// only.
func TestVideo_WritesItsName(t *testing.T) {
	draw := func(name string) *picture {
		s, err := newScene(VideoConfig{Width: 640, Height: 360, FPS: 30, Identity: 5, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return s.still
	}
	differ := func(a, b *picture) (box image.Rectangle) {
		for i, v := range a.planes[0].pix[:640*360] {
			if v != b.planes[0].pix[i] {
				box = box.Union(image.Rect(i%640, i/640, i%640+1, i/640+1))
			}
		}
		return box
	}
	for _, name := range []string{"Ann", "Привет", "Ωμέγα", "山田", strings.Repeat("W", 80), strings.Repeat("long name ", 9)} {
		box := differ(draw(" "), draw(name))
		if place := image.Rect(24, 16, 640-24, 96); box.Empty() || box.Dy() < 16 || !box.In(place) {
			t.Errorf("%.10q is drawn in %v, want it within %v and 16 pixels high", name, box, place)
		}
	}
	if box := differ(draw("Ann"), draw("Ben")); box.Empty() {
		t.Error("different names look the same")
	}
}
