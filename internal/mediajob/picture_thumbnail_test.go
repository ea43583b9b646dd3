//go:build cgo

package mediajob

import (
	"bufio"
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"strings"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/internal/worker"
)

// clipBegins is when the first picture of a test clip was sent.
var clipBegins = time.Date(2026, 5, 4, 3, 2, 1, 250e6, time.UTC)

// inputs are those of a stream that takes a thumbnail of a clip each second: keyframes come
// at intervals of frames.
func inputs(t testing.TB, width, height, seconds, keyframes int) (all []worker.StreamMessage) {
	t.Helper()
	const fps = 30
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height, FPS: fps, Bitrate: 2_500_000})
	if err != nil {
		t.Fatal(err)
	}
	var list []byte
	for n := range seconds * fps {
		at := clipBegins.Add(time.Duration(n) * time.Second / fps)
		picture, key := video.Frame(uint32(n), at, n%keyframes == 0)
		if key {
			list = nil
		}
		if list = worker.AppendPicture(list, picture); n%fps == 0 {
			all = append(all, worker.StreamMessage{Kind: worker.StreamInput, Stream: 1, Time: time.Duration(at.UnixNano()), Data: list})
			list = nil
		}
	}
	return all
}

// thumbnails does a job, and returns its output.
func thumbnails(t testing.TB, codec string, messages []worker.StreamMessage) (all []worker.StreamMessage) {
	t.Helper()
	var in bytes.Buffer
	w := bufio.NewWriter(&in)
	for _, m := range append([]worker.StreamMessage{{Kind: worker.StreamOpen, Stream: 1, Data: []byte(codec)}}, messages...) {
		if err := worker.WriteStreamMessage(w, m); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Flush() // into memory
	from, to := io.Pipe()
	go func() { to.CloseWithError(Thumbnails(t.Context(), &in, to)) }()
	for r := bufio.NewReader(from); ; {
		m, err := worker.ReadStreamMessage(r)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

func TestThumbnails_ShowThePictureOfTheirTime(t *testing.T) {
	for name, c := range map[string]struct {
		width, height, keyframes int
		shown                    image.Point
	}{
		"keyframes alone":             {640, 360, 30, image.Pt(640, 360)},
		"pictures between keyframes":  {640, 360, 1000, image.Pt(640, 360)},
		"larger than a thumbnail is":  {1920, 1080, 30, image.Pt(1280, 720)},
		"upright":                     {720, 1280, 30, image.Pt(720, 1280)},
		"both sides above the limits": {1088, 1920, 30, image.Pt(720, 1270)},
	} {
		t.Run(name, func(t *testing.T) {
			got := thumbnails(t, "H264", inputs(t, c.width, c.height, 3, c.keyframes))
			if len(got) != 3 {
				t.Fatalf("got %d thumbnails of 3 moments", len(got))
			}
			for i, m := range got {
				picture, err := jpeg.Decode(bytes.NewReader(m.Data))
				if err != nil {
					t.Fatal(err)
				}
				if size := picture.Bounds().Size(); size != c.shown {
					t.Errorf("a thumbnail of %dx%d has %v, want %v", c.width, c.height, size, c.shown)
				}
				want := clipBegins.Add(time.Duration(i) * time.Second)
				cell := float64(8*testpattern.Scale(c.width, c.height)) * float64(c.shown.X) / float64(c.width)
				mark, ok := testpattern.Read(picture.(*image.YCbCr), cell, want)
				if !ok || !mark.Sent.Equal(want) || !time.Unix(0, int64(m.Time)).Equal(want) {
					t.Errorf("thumbnail %d shows the picture of %v (%v), want that of %v", i, mark.Sent.UTC(), ok, want)
				}
				exif := "\x00\x00" + want.Format("2006:01:02 15:04:05") + "\x00+00:00\x00"
				if !bytes.Contains(m.Data[:200], []byte(strings.TrimPrefix(exif, "\x00\x00"))) || !bytes.Contains(m.Data[:200], []byte("250\x00")) {
					t.Errorf("the Exif data do not have %v: %q", want, m.Data[:200])
				}
			}
		})
	}
}

// What a publisher sends must end neither the job nor the stream.
func TestThumbnails_ContinueAfterDamage(t *testing.T) {
	good := inputs(t, 640, 360, 2, 30)
	bad := func(data ...byte) worker.StreamMessage {
		return worker.StreamMessage{Kind: worker.StreamInput, Stream: 1, Data: data}
	}
	got := thumbnails(t, "H264", []worker.StreamMessage{bad(), bad(0, 0, 0, 9, 1), good[0], bad(0, 0, 0, 1, 0xff), bad(0xff, 0xff, 0xff, 0xff), good[1]})
	if len(got) != 6 {
		t.Fatalf("it answered %d of 6 inputs", len(got))
	}
	for i, m := range got {
		if is := len(m.Data) > 0; is != (i == 2 || i == 5) || m.Kind != worker.StreamOutput {
			t.Errorf("the answer to input %d is a %d of %d bytes", i, m.Kind, len(m.Data))
		}
	}
}

func TestThumbnails_SayThatTheyDoNotKnowACodec(t *testing.T) {
	got := thumbnails(t, "AV2", inputs(t, 640, 360, 1, 30))
	if len(got) != 1 || got[0].Kind != worker.StreamError {
		t.Errorf("it wrote %+v", got)
	}
}

// BenchmarkThumbnails is the cost of one thumbnail of 720p at 2.5 Mbit/s.
func BenchmarkThumbnails(b *testing.B) {
	for name, keyframes := range map[string]int{"keyframes each second": 30, "keyframes each 2 s": 60} {
		b.Run(name, func(b *testing.B) {
			all := inputs(b, 1280, 720, 10, keyframes)
			for b.Loop() {
				if got := thumbnails(b, "H264", all); len(got) != len(all) {
					b.Fatal("thumbnails are missing")
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*len(all)), "ms/thumbnail")
		})
	}
}
