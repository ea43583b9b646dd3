//go:build cgo

package compose

import (
	"bytes"
	"image"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/codec"
	"rostrum/internal/hls"
	"rostrum/internal/layout"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
)

// The clocks of a recording's tracks.
const (
	pictureRate = 90_000
	soundRate   = codec.SampleRate
)

// A footage is a recording in hand: what the composition made, with its times.
type footage struct {
	t      *testing.T
	size   layout.Size
	begins time.Time // wall clock of time 0
	config []byte    // of the sound

	pictures, sounds []unit
}

// A unit is an encoded picture or packet of sound, in ticks of its track.
type unit struct {
	at, lasts int64
	data      []byte
}

// watch reads a recording in 720p that wasn't interrupted.
func watch(t *testing.T, folder string) *footage {
	t.Helper()
	lists, _ := filepath.Glob(filepath.Join(folder, "media/hls/*/playlist.m3u8"))
	if len(lists) != 1 {
		t.Fatalf("expected one playlist, saw %v", lists)
	}
	text, err := os.ReadFile(lists[0])
	if err != nil {
		t.Fatal(err)
	}
	list, err := hls.Parse(text)
	if err != nil || len(list.Segments) == 0 {
		t.Fatalf("a playlist with segments was expected: %v\n%s", err, text)
	}
	f := &footage{t: t, size: layout.Size{Width: 1280, Height: 720}, begins: list.Segments[0].Begins}
	f.readHeader(filepath.Join(filepath.Dir(lists[0]), list.Segments[0].Init))
	for i, s := range list.Segments {
		if s.Discontinuity && i > 0 {
			t.Errorf("segment %d follows a discontinuity", i)
		}
		f.readSegment(filepath.Join(filepath.Dir(lists[0]), s.Name))
	}
	return f
}

func (f *footage) readHeader(name string) {
	f.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	var header fmp4.Init
	if err := header.Unmarshal(bytes.NewReader(data)); err != nil || len(header.Tracks) != 2 {
		f.t.Fatalf("%s: %d tracks, %v", name, len(header.Tracks), err)
	}
	sound, ok := header.Tracks[1].Codec.(*codecs.MPEG4Audio)
	if !ok || header.Tracks[0].TimeScale != pictureRate || header.Tracks[1].TimeScale != soundRate {
		f.t.Fatalf("%s: the tracks are %+v", name, header.Tracks)
	}
	config := mpeg4audio.AudioSpecificConfig(sound.Config)
	if f.config, err = config.Marshal(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *footage) readSegment(name string) {
	f.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data); err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
	for _, p := range parts {
		for _, track := range p.Tracks {
			at := int64(track.BaseTime)
			for _, s := range track.Samples {
				u := unit{at, int64(s.Duration), s.Payload}
				if track.ID == 1 {
					f.pictures = append(f.pictures, u)
				} else {
					f.sounds = append(f.sounds, u)
				}
				at += u.lasts
			}
		}
	}
}

// at is the time of picture n.
func (f *footage) at(n int) time.Duration {
	return time.Duration(f.pictures[n].at) * time.Second / pictureRate
}

// wall is the wall clock at which picture n was made.
func (f *footage) wall(n int) time.Time { return f.begins.Add(f.at(n)) }

// expectExactClock holds the times of a recording at 30 pictures a second to the
// promise: none is missing, none is there twice, and both tracks end together.
func (f *footage) expectExactClock() {
	f.t.Helper()
	for n, p := range f.pictures {
		if p.at != int64(n)*pictureRate/30 || p.lasts != pictureRate/30 {
			f.t.Fatalf("picture %d is at %d and lasts %d, expected %d and %d", n, p.at, p.lasts, n*pictureRate/30, pictureRate/30)
		}
	}
	for n, s := range f.sounds[1:] {
		if before := f.sounds[n]; s.at != before.at+before.lasts || s.lasts != 1024 {
			f.t.Fatalf("packet %d of sound is at %d and lasts %d, the one before is at %d", n+1, s.at, s.lasts, before.at)
		}
	}
	last, sound := f.pictures[len(f.pictures)-1], f.sounds[len(f.sounds)-1]
	apart := float64(last.at+last.lasts)/pictureRate - float64(sound.at+sound.lasts)/soundRate
	if math.Abs(apart) > 0.1 {
		f.t.Errorf("the sound ends %.3f s before the picture", apart)
	}
}

// each calls see for every picture in order. The image is good until see returns.
func (f *footage) each(see func(n int, img *image.YCbCr)) {
	f.t.Helper()
	d, err := codec.NewVideoDecoder(media.H264)
	if err != nil {
		f.t.Fatal(err)
	}
	defer d.Close()
	canvas, err := codec.NewCanvas(f.size.Width, f.size.Height)
	if err != nil {
		f.t.Fatal(err)
	}
	defer canvas.Close()
	tile, err := codec.NewTile()
	if err != nil {
		f.t.Fatal(err)
	}
	defer tile.Close()
	for n, p := range f.pictures {
		var units h264.AVCC
		if err := units.Unmarshal(p.data); err != nil {
			f.t.Fatal(err)
		}
		coded, err := h264.AnnexB(units).Marshal()
		if err != nil {
			f.t.Fatal(err)
		}
		shown, err := d.Decode(coded, int64(n))
		if err != nil || len(shown) != 1 {
			f.t.Fatalf("picture %d gives %d pictures, %v", n, len(shown), err)
		}
		err = tile.Scale(shown[0], image.Rect(0, 0, f.size.Width, f.size.Height), image.Pt(f.size.Width, f.size.Height))
		shown[0].Close()
		if err != nil {
			f.t.Fatal(err)
		}
		canvas.Put(tile, image.Point{})
		see(n, view(canvas, f.size))
	}
}

// view is a canvas as an image, in the same memory.
func view(c *codec.Canvas, size layout.Size) *image.YCbCr {
	img := &image.YCbCr{SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, size.Width, size.Height)}
	img.Y, img.YStride = c.Plane(0)
	img.Cb, img.CStride = c.Plane(1)
	img.Cr, _ = c.Plane(2)
	return img
}

// samples decodes the left channel; the first is at time 0.
func (f *footage) samples() []float32 {
	f.t.Helper()
	d, err := codec.NewAudioDecoder(codec.AAC, f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	defer d.Close()
	all := make([]float32, f.sounds[0].at)
	for _, s := range f.sounds {
		samples, err := d.Decode(s.data)
		if err != nil {
			f.t.Fatal(err)
		}
		for i := 0; i < len(samples); i += 2 {
			all = append(all, samples[i])
		}
	}
	return all
}

// A window is where a picture of some size is drawn.
type window struct {
	origin image.Point // of the pattern; where it is cropped, outside the tile
	scale  float64
	cell   float64     // of the pattern, in pixels
	lamp   image.Point // in the picture
	tile   layout.Tile
}

func windowOf(t layout.Tile, picture layout.Size) window {
	source, target, _ := t.Fit(picture)
	scale := float64(target.Width) / float64(source.Width)
	left := float64(target.X) - float64(source.X)*scale
	top := float64(target.Y) - float64(source.Y)*float64(target.Height)/float64(source.Height)
	return window{
		origin: image.Pt(max(0, int(math.Round(left))), max(0, int(math.Round(top)))),
		scale:  scale, cell: scale * 8 * float64(testpattern.Scale(picture.Width, picture.Height)),
		lamp: testpattern.Lamp(picture.Width, picture.Height), tile: t,
	}
}

// mark reads the pattern that is drawn in a window.
func (w window) mark(img *image.YCbCr, near time.Time) (testpattern.Mark, bool) {
	part, ok := img.SubImage(image.Rectangle{w.origin, img.Rect.Max}).(*image.YCbCr)
	if !ok || part.Rect.Empty() {
		return testpattern.Mark{}, false
	}
	return testpattern.Read(part, w.cell, near)
}

// flashing tells whether the pattern's lamp is lit.
func (w window) flashing(img *image.YCbCr) bool {
	x, y := w.origin.X+int(w.scale*float64(w.lamp.X)), w.origin.Y+int(w.scale*float64(w.lamp.Y))
	return image.Pt(x, y).In(img.Rect) && img.Y[img.YOffset(x, y)] > 125
}

// beeps are the times at which the pattern's beep of 1500 Hz begins.
func beeps(samples []float32) (onsets []time.Duration) {
	const block = soundRate / 500 // 2 ms are three periods
	quiet := 1 << 20              // blocks
	for i := 0; i+block <= len(samples); i += block / 2 {
		var re, im float64
		for j, v := range samples[i : i+block] {
			sin, cos := math.Sincos(2 * math.Pi * 1500 * float64(i+j) / soundRate)
			re, im = re+float64(v)*cos, im+float64(v)*sin
		}
		if 2*math.Hypot(re, im)/block < 0.15 {
			quiet++
			continue
		}
		if quiet > 200 { // 0.2 s: the beep before has ended
			onsets = append(onsets, time.Duration(i+block/2)*time.Second/soundRate)
		}
		quiet = 0
	}
	return onsets
}
