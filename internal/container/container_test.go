package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/media"
)

// make1s makes a file of one second: 25 pictures, 50 packets of Opus.
func make1s(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: there are no files to read")
	}
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=1", "-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=48000"}, args...)
	if out, err := exec.Command("ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
		t.Skipf("this ffmpeg can't make %s: %v %s", name, err, out)
	}
	return path
}

var (
	x264    = []string{"-c:v", "libx264", "-profile:v", "baseline", "-bf", "0", "-g", "10", "-pix_fmt", "yuv420p"}
	libopus = []string{"-c:a", "libopus", "-b:a", "32k"}
)

func with(parts ...any) []string {
	var all []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, strings.Fields(p)...)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

func readAll(t testing.TB, path string, o Options) ([]Track, []Frame) {
	t.Helper()
	r, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var frames []Frame
	for {
		f, err := r.Next()
		if err == io.EOF {
			return r.Tracks(), frames
		}
		if err != nil {
			t.Fatalf("%s, frame %d: %v", path, len(frames), err)
		}
		frames = append(frames, f)
	}
}

var readable = []struct {
	name   string
	args   []string
	codecs []media.Codec
}{
	{"plain.mp4", with(x264, libopus), []media.Codec{media.H264, media.Opus}},
	{"faststart.mp4", with(x264, libopus, "-movflags +faststart"), []media.Codec{media.H264, media.Opus}},
	{"fragmented.mp4", with(x264, libopus, "-movflags +frag_keyframe+empty_moov+default_base_moof"), []media.Codec{media.H264, media.Opus}},
	{"vp9.mp4", with("-c:v libvpx-vp9 -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0", libopus), []media.Codec{media.VP9, media.Opus}},
	{"h264.mkv", with(x264, libopus), []media.Codec{media.H264, media.Opus}},
	{"vp8.webm", with("-c:v libvpx -g 10 -deadline realtime", libopus), []media.Codec{media.VP8, media.Opus}},
	{"live.webm", with("-c:v libvpx -g 10 -deadline realtime -live 1", libopus), []media.Codec{media.VP8, media.Opus}},
	{"av1.mkv", with("-c:v libaom-av1 -cpu-used 8 -lag-in-frames 0 -usage realtime -an"), []media.Codec{media.AV1}},
	{"vp8.ivf", with("-c:v libvpx -g 10 -deadline realtime -an"), []media.Codec{media.VP8}},
	{"vp9.ivf", with("-c:v libvpx-vp9 -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -an"), []media.Codec{media.VP9}},
	{"av1.ivf", with("-c:v libaom-av1 -cpu-used 8 -lag-in-frames 0 -usage realtime -an"), []media.Codec{media.AV1}},
	{"raw.h264", with(x264, "-an"), []media.Codec{media.H264}},
	{"slices.h264", with(x264, "-slices 3 -an"), []media.Codec{media.H264}},
	{"sound.ogg", with("-vn", libopus), []media.Codec{media.Opus}},
	{"sound.mka", with("-vn", libopus, "-f matroska"), []media.Codec{media.Opus}},
}

func TestReader_ReturnsEveryFrameWithItsTime(t *testing.T) {
	for _, c := range readable {
		t.Run(c.name, func(t *testing.T) {
			tracks, frames := readAll(t, make1s(t, c.name, c.args...), Options{})
			var codecs []media.Codec
			for _, tr := range tracks {
				codecs = append(codecs, tr.Codec)
				if tr.Codec.Kind() == media.Video && (tr.Width != 160 || tr.Height != 120) {
					t.Errorf("the picture is %dx%d, want 160x120", tr.Width, tr.Height)
				}
			}
			if fmt.Sprint(codecs) != fmt.Sprint(c.codecs) {
				t.Fatalf("tracks are %v, want %v", codecs, c.codecs)
			}
			for i, codec := range codecs {
				checkTimes(t, codec, i, frames)
			}
		})
	}
}

func checkTimes(t *testing.T, codec media.Codec, track int, frames []Frame) {
	t.Helper()
	count, last := 0, time.Duration(-1)
	for _, f := range frames {
		if f.Track != track {
			continue
		}
		if count == 0 && !f.Keyframe {
			t.Errorf("%s begins without a keyframe", codec)
		}
		if w, h := Size(codec, f.Data); codec.Kind() == media.Video && count == 0 && (w != 160 || h != 120) {
			t.Errorf("the first frame of %s says %dx%d", codec, w, h)
		}
		if f.Time < last || len(f.Data) == 0 {
			t.Errorf("%s frame %d: %d bytes at %v after %v", codec, count, len(f.Data), f.Time, last)
		}
		count, last = count+1, f.Time
	}
	want, lowest, highest := 25, 950*time.Millisecond, 970*time.Millisecond
	if codec == media.Opus {
		want, lowest, highest = 50, 970*time.Millisecond, 1010*time.Millisecond
	}
	if count < want || count > want+2 || last < lowest || last > highest {
		t.Errorf("%d frames of %s, the last at %v; want %d, and %v to %v", count, codec, last, want, lowest, highest)
	}
}

// TestWriter_WritesEveryFrame writes frames into each kind of file that supports them, and
// reads it with this package and with ffmpeg.
func TestWriter_WritesEveryFrame(t *testing.T) {
	for _, c := range readable {
		path := make1s(t, c.name, c.args...)
		tracks, frames := readAll(t, path, Options{})
		for _, ending := range []string{".h264", ".ivf", ".ogg", ".mkv", ".webm", ".mp4"} {
			fits := len(tracks) == 1 || ending == ".mkv" || ending == ".webm" || ending == ".mp4"
			for _, tr := range tracks {
				fits = fits && Supports(ending, tr.Codec)
			}
			if !fits {
				continue
			}
			t.Run(c.name+" to "+ending, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out"+ending)
				w, err := Create(out, tracks)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range frames {
					if err := w.Write(f); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				compare(t, out, tracks, frames)
				if got, err := exec.Command("ffmpeg", "-v", "warning", "-xerror", "-i", out, "-f", "null", "-").CombinedOutput(); err != nil || len(got) > 0 {
					t.Errorf("ffmpeg: %v\n%s", err, got)
				}
			})
		}
	}
}

func compare(t *testing.T, path string, tracks []Track, want []Frame) {
	t.Helper()
	_, got := readAll(t, path, Options{})
	for i, tr := range tracks {
		a, b := only(want, i), only(got, i)
		if len(a) != len(b) {
			t.Errorf("%s: %d frames were written, %d read", tr.Codec, len(a), len(b))
			continue
		}
		for n := range a {
			if d := (a[n].Time - a[0].Time) - (b[n].Time - b[0].Time); d.Abs() > 2*time.Millisecond {
				t.Fatalf("%s frame %d was at %v, is at %v", tr.Codec, n, a[n].Time, b[n].Time)
			}
			if !bytes.Equal(units(tr.Codec, a[n].Data), units(tr.Codec, b[n].Data)) || a[n].Keyframe != b[n].Keyframe {
				t.Fatalf("%s frame %d differs", tr.Codec, n)
			}
		}
	}
}

func only(frames []Frame, track int) []Frame {
	var some []Frame
	for _, f := range frames {
		if f.Track == track {
			some = append(some, f)
		}
	}
	return some
}

// units makes H.264 comparable, without start codes.
func units(c media.Codec, data []byte) []byte {
	if c != media.H264 {
		return data
	}
	return bytes.Join(h264Units(data), []byte("|"))
}

func TestOpen_SuggestsTheConversion(t *testing.T) {
	for _, c := range []struct {
		says string
		name string
		args []string
		want []string
	}{
		{"AAC", "aac.mp4", with(x264, "-c:a aac"), []string{"track 2 is AAC or MP3 (mp4a)", "-c:v copy -c:a libopus"}},
		{"AAC in Matroska", "aac.mkv", with(x264, "-c:a aac"), []string{"track 2 is A_AAC", "-c:v copy -c:a libopus"}},
		{"HEVC", "hevc.mp4", with("-c:v libx265", libopus), []string{"track 1 is HEVC", "-c:v libx264", "-c:a copy"}},
		{"both", "old.mkv", with("-c:v mpeg4 -c:a pcm_s16le"), []string{"track 1 is V_MPEG4/ISO/ASP", "track 2 is A_PCM", "-c:v libx264", "-c:a libopus"}},
		{"B-frames", "b.mp4", with("-c:v libx264 -bf 2 -g 25", libopus), []string{"track 1 has B-frames", "-c:v libx264", "-c:a copy"}},
		{"a name with a space", "a b.mp4", with(x264, "-c:a aac"), []string{"a b.mp4'", "'a b-stage.mkv'"}},
		{"FLAC in Ogg", "v.ogg", with("-vn -c:a flac"), []string{`its first stream is "FLAC`, "-c:a libopus"}},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, err := Open(make1s(t, c.name, c.args...), Options{})
			u, ok := errors.AsType[*Unsupported](err)
			if !ok {
				t.Fatalf("opened with %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(u.Error(), w) {
					t.Errorf("%q lacks %q", u, w)
				}
			}
		})
	}
	path := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(path, []byte("hello, this is no media"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "no MP4, Matroska") {
		t.Errorf("a text opened with %v", err)
	}
}

func TestOpen_OmitsMedia(t *testing.T) {
	path := make1s(t, "aac.mp4", with(x264, "-c:a aac")...)
	tracks, frames := readAll(t, path, Options{NoAudio: true})
	if len(tracks) != 1 || tracks[0].Codec != media.H264 || len(frames) != 25 {
		t.Errorf("%v with %d frames", tracks, len(frames))
	}
}

func TestMatroskaReader_RefusesBFrames(t *testing.T) {
	r, err := Open(make1s(t, "b.mkv", with("-c:v libx264 -bf 2 -g 25", libopus)...), Options{})
	for err == nil {
		_, err = r.Next()
	}
	if u, ok := errors.AsType[*Unsupported](err); !ok || !strings.Contains(u.Error(), "B-frames") {
		t.Errorf("it ends with %v", err)
	}
}

// memory is a file in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// FuzzOpen checks that damaged files end with an error.
func FuzzOpen(f *testing.F) {
	for _, c := range readable[:6] {
		data, err := os.ReadFile(make1s(f, c.name, c.args...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 6000)])
	}
	for _, c := range readable[8:9] {
		data, err := os.ReadFile(make1s(f, c.name, c.args...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:2000])
	}
	f.Add([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x01\x67\x42\xc0\x1e\xd9\x00\xa0\x47\xfe\xc8\x00\x00\x01\x65\x88\x84\x00\x00\x01\x41\x9a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := open(memory{bytes.NewReader(data)}, Options{})
		if err != nil {
			return
		}
		for range 10_000 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}

func TestUnlace_SplitsFrames(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name   string
		lacing byte
		laced  string
		frames []string // nil for an error
	}{
		{"none", 0, "abc", []string{"abc"}},
		{"Xiph", 1, "\x02\xff\x2d\x01" + long + "abc", []string{long, "a", "bc"}},
		{"Xiph, cut within a size", 1, "\x01\xff", nil},
		{"Xiph, larger than what is there", 1, "\x01\x09abc", nil},
		{"fixed", 2, "\x02aabbcc", []string{"aa", "bb", "cc"}},
		{"fixed, of one", 2, "\x00aa", []string{"aa"}},
		{"fixed, not divisible", 2, "\x01abc", nil},
		{"EBML", 3, "\x03\x82\xc0\xbdaabbbcdd", []string{"aa", "bbb", "c", "dd"}},
		{"EBML, below nothing", 3, "\x02\x81\x80abc", nil},
		{"no count", 1, "", nil},
	} {
		frames, err := unlace([]byte(c.laced), c.lacing)
		var seen []string
		for _, f := range frames {
			seen = append(seen, string(f))
		}
		if (err == nil) != (c.frames != nil) || !slices.Equal(seen, c.frames) {
			t.Errorf("%s: expected %q, saw %q, %v", c.name, c.frames, seen, err)
		}
	}
}
