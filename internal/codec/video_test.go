//go:build cgo

package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"image"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"rostrum/internal/media"
)

func canvas(t testing.TB, width, height int) *Canvas {
	t.Helper()
	c, err := NewCanvas(width, height)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// stream encodes pictures of a moving block.
func stream(t testing.TB, width, height, pictures int) (units []Unit) {
	t.Helper()
	c := canvas(t, width, height)
	e, err := NewVideoEncoder(VideoConfig{Width: width, Height: height, FrameRate: 30, Bitrate: 2_000_000, KeyframeTicks: 1000, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for n := range pictures {
		c.Fill(image.Rect(0, 0, width, height), 60)
		c.Fill(image.Rect(n*2, n*2, n*2+width/4&^1, n*2+height/4&^1), 200)
		u, err := e.Encode(c, int64(n), n == 0)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u...)
	}
	return units
}

func decoder(t testing.TB, c media.Codec) *VideoDecoder {
	t.Helper()
	d, err := NewVideoDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// luma is the brightness of a picture's pixel, as drawn on a canvas of its size.
func luma(t testing.TB, p *Picture, x, y int) int {
	t.Helper()
	c := canvas(t, p.Width, p.Height)
	tile, err := NewTile()
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Close()
	if err := tile.Scale(p, image.Rect(0, 0, p.Width, p.Height), image.Pt(p.Width, p.Height)); err != nil {
		t.Fatal(err)
	}
	c.Put(tile, image.Point{})
	plane, stride := c.Plane(0)
	return int(plane[y*stride+x])
}

func TestVideo_DecodesItsEncoding(t *testing.T) {
	d := decoder(t, media.H264)
	n := 0
	for _, u := range stream(t, 320, 240, 10) {
		pictures, err := d.Decode(u.Data, u.Tick)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pictures {
			if p.Width != 320 || p.Height != 240 || p.Timestamp != int64(n) || p.Damaged {
				t.Errorf("picture %d is %+v", n, p)
			}
			if in, out := luma(t, p, n*2+40, n*2+30), luma(t, p, 310, 230); in < 190 || in > 210 || out < 50 || out > 70 {
				t.Errorf("picture %d has luma %d in the block and %d beside it, want 200 and 60", n, in, out)
			}
			p.Close()
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d pictures came back without delay, want 10", n)
	}
}

func TestVideo_KeyframesComeWhenForced(t *testing.T) {
	c := canvas(t, 64, 64)
	e, err := NewVideoEncoder(VideoConfig{Width: 64, Height: 64, FrameRate: 29.97, Bitrate: 1, KeyframeTicks: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for n := range int64(40) {
		c.Fill(image.Rect(0, 0, 64, 64), uint8(16+n*5)) // each picture is new: scene cuts must not become keyframes
		units, err := e.Encode(c, n, n%10 == 0)
		if err != nil || len(units) != 1 {
			t.Fatalf("tick %d gave %d units, %v", n, len(units), err)
		}
		if u := units[0]; u.Keyframe != (n%10 == 0) || u.Tick != n {
			t.Errorf("tick %d gave tick %d, keyframe %v", n, u.Tick, u.Keyframe)
		}
		if sps := bytes.Contains(units[0].Data, []byte{0, 0, 1, 0x67}); sps != units[0].Keyframe {
			t.Errorf("tick %d: parameter sets %v, keyframe %v", n, sps, units[0].Keyframe)
		}
	}
}

func TestVideo_EncodesEverySizeOfTheAPI(t *testing.T) {
	for _, s := range []image.Point{{2, 2}, {4, 1080}, {1918, 2}, {1080, 1920}} {
		if n := len(stream(t, s.X, s.Y, 2)); n != 2 {
			t.Errorf("%v: %d units, want 2", s, n)
		}
	}
}

func TestVideo_RefusesLargerThan1080p(t *testing.T) {
	d := decoder(t, media.H264)
	before := rss(t)
	for _, s := range []image.Point{{3840, 2160}, {1922, 1090}} {
		for _, u := range stream(t, s.X, s.Y, 1) {
			if p, err := d.Decode(u.Data, 0); err == nil || len(p) > 0 {
				t.Errorf("%v was decoded", s)
			}
		}
	}
	if grown := rss(t) - before; grown > 300<<20 {
		t.Errorf("refusing grew the process by %d MiB", grown>>20)
	}
	for _, u := range stream(t, 1920, 1080, 1) {
		p, err := d.Decode(u.Data, 0)
		if err != nil || len(p) != 1 {
			t.Fatalf("after that, 1080p gave %d pictures, %v", len(p), err)
		}
		p[0].Close()
	}
}

func TestVideo_ReportsDamage(t *testing.T) {
	d := decoder(t, media.H264)
	damaged := 0
	for n, u := range stream(t, 640, 360, 12) {
		if n > 0 && n%3 == 0 {
			u.Data = u.Data[:len(u.Data)*2/3]
		}
		pictures, err := d.Decode(u.Data, int64(n))
		if err != nil {
			damaged++
		}
		for _, p := range pictures {
			if p.Damaged {
				damaged++
			}
			p.Close()
		}
	}
	if damaged < 3 {
		t.Errorf("%d pictures were reported as damaged, want the 3 that were cut", damaged)
	}
}

func TestVideo_DecodesVP8AndVP9(t *testing.T) {
	for c, file := range map[media.Codec]string{media.VP8: "testdata/vp8.ivf", media.VP9: "testdata/vp9.ivf"} {
		d := decoder(t, c)
		n := 0
		for _, f := range ivf(t, file) {
			pictures, err := d.Decode(f, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range pictures {
				if p.Width != 64 || p.Height != 48 {
					t.Errorf("%s: picture of %dx%d, want 64x48", c, p.Width, p.Height)
				}
				p.Close()
				n++
			}
		}
		if n != 3 {
			t.Errorf("%s: %d pictures, want 3", c, n)
		}
	}
}

// ivf reads the frames of a file: 32 bytes of header, then size, time and data.
func ivf(t testing.TB, file string) (frames [][]byte) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[32:]; len(b) > 12; {
		n := binary.LittleEndian.Uint32(b)
		frames = append(frames, b[12:12+n])
		b = b[12+n:]
	}
	return frames
}

func TestCanvas_DrawsOnlyWithinTheTile(t *testing.T) {
	var picture *Picture
	d := decoder(t, media.H264)
	for _, u := range stream(t, 640, 360, 1) {
		p, err := d.Decode(u.Data, 0)
		if err != nil {
			t.Fatal(err)
		}
		picture = p[0]
	}
	defer picture.Close()
	tile, err := NewTile()
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Close()
	for _, size := range []image.Point{{2, 2}, {426, 240}, {318, 178}, {98, 102}, {640, 360}, {14, 300}} {
		c := canvas(t, 800, 480)
		at := image.Rectangle{image.Pt(50, 60), image.Pt(50, 60).Add(size)}
		if err := tile.Scale(picture, image.Rect(0, 0, 640, 360), size); err != nil {
			t.Fatal(err)
		}
		c.Put(tile, at.Min)
		plane, stride := c.Plane(0)
		for y := range 480 {
			for x := range 800 {
				if drawn := plane[y*stride+x] != 16; drawn != image.Pt(x, y).In(at) {
					t.Fatalf("%v: pixel %d,%d is drawn: %v", size, x, y, drawn)
				}
			}
		}
	}
}

func TestCanvas_ImageHasFullRange(t *testing.T) {
	c := canvas(t, 4, 2)
	c.Fill(image.Rect(0, 0, 2, 2), 235)
	m := c.Image()
	if white, black, grey := m.Y[0], m.Y[2], m.Cb[0]; white != 255 || black != 0 || grey != 128 {
		t.Errorf("white is %d, black %d, grey %d, want 255, 0, 128", white, black, grey)
	}
}

// TestVideo_SurvivesManyDecoders opens and closes 2,000 decoders, each with new sizes
// every third picture and a tenth of the data damaged.
func TestVideo_SurvivesManyDecoders(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	streams := [][]Unit{stream(t, 320, 180, 3), stream(t, 180, 320, 3), stream(t, 640, 360, 3)}
	vp8 := ivf(t, "testdata/vp8.ivf")
	c := canvas(t, 640, 360)
	rounds, settled := 2000, 0
	if testing.Short() {
		rounds = 200
	}
	for round := range rounds {
		d := decoder1(t, []media.Codec{media.H264, media.VP8}[round%2])
		tile, err := NewTile()
		if err != nil {
			t.Fatal(err)
		}
		for k := range 9 {
			data := streams[k/3][k%3].Data
			if round%2 == 1 {
				data = vp8[k%3]
			}
			if r.IntN(10) == 0 {
				data = bytes.Clone(data)
				for range 20 {
					data[r.IntN(len(data))] = byte(r.Uint32())
				}
				data = data[:1+r.IntN(len(data))]
			}
			pictures, _ := d.Decode(data, int64(k)) // damaged data may be an error
			for _, p := range pictures {
				to := image.Pt(2+2*r.IntN(150), 2+2*r.IntN(80))
				if err := tile.Scale(p, image.Rect(0, 0, p.Width, p.Height), to); err == nil {
					c.Put(tile, image.Pt(2*r.IntN(100), 2*r.IntN(50)))
				}
				p.Close()
			}
		}
		tile.Close()
		d.Close()
		if round == rounds/4 {
			settled = rss(t)
		}
	}
	if grown := rss(t) - settled; grown > 20<<20 {
		t.Errorf("memory grew by %d MiB over the last three quarters", grown>>20)
	}
}

func decoder1(t testing.TB, c media.Codec) *VideoDecoder {
	d, err := NewVideoDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rss is the memory of this process in bytes; 0 where it is unknown.
func rss(t testing.TB) int {
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

func FuzzVideoDecoder(f *testing.F) {
	codecs := []media.Codec{media.H264, media.VP8, media.VP9}
	for _, u := range stream(f, 64, 48, 3) {
		f.Add(0, u.Data)
	}
	for i, file := range []string{"testdata/vp8.ivf", "testdata/vp9.ivf"} {
		for _, frame := range ivf(f, file) {
			f.Add(i+1, frame)
		}
	}
	f.Add(0, stream(f, 3840, 2160, 1)[0].Data[:400])
	for _, u := range stream(f, 640, 360, 3) { // damaged slices after parameter sets of another picture
		for i := 60; i < len(u.Data); i += 97 {
			u.Data[i] ^= 0x55
		}
		f.Add(0, u.Data)
		for _, sps := range []string{
			"674d0028da00100000801c842110",                   // 16384x16384
			"674d0028da7c842110",                             // 4x4
			"674d0028da400801c84211",                         // 4x16372
			"674d0028da01e0089c842110",                       // 1908x1076
			"674d0028da00000004000000000000020000001c842110", // of 2^28 macroblocks each way
		} {
			set, err := hex.DecodeString(sps)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(0, append(append([]byte{0, 0, 0, 1}, set...), u.Data...))
		}
	}
	f.Fuzz(func(t *testing.T, codec int, data []byte) {
		d := decoder(t, codecs[uint(codec)%3])
		tile, err := NewTile()
		if err != nil {
			t.Fatal(err)
		}
		defer tile.Close()
		for range 2 { // the second time in the state after the first
			pictures, _ := d.Decode(data, 0) // most of it is an error
			for _, p := range pictures {
				if p.Width*p.Height > MaxPixels {
					t.Errorf("a picture of %dx%d was decoded", p.Width, p.Height)
				}
				_ = tile.Scale(p, image.Rect(0, 0, p.Width, p.Height), image.Pt(32, 18)) // some formats are not drawn
				p.Close()
			}
		}
	})
}
