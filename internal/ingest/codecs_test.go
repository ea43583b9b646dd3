package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/channel"
	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
	handmade "rostrum/test/encoder"
)

// pictures are a second of a codec, as ffmpeg encodes it, with a keyframe every ten.
func pictures(t *testing.T, options ...string) (all []container.Frame) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	name := filepath.Join(t.TempDir(), "pictures.ivf")
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-frames:v", "30", "-pix_fmt", "yuv420p", "-g", "10"}, options...)
	if out, err := exec.Command("ffmpeg", append(args, name)...).CombinedOutput(); err != nil {
		t.Skipf("this ffmpeg lacks the encoder: %v %s", err, out)
	}
	r, err := container.Open(name, container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
}

// Where the operator says that all viewers can decode them, VP9 and AV1 pass as they are; each
// viewer begins with a keyframe that says how to decode it.
func TestServer_PassesVP9AndAV1OnWhereTheyAreSet(t *testing.T) {
	delimiter := []byte{0x12, 0}
	for _, c := range []struct {
		codec   media.Codec
		fourCC  string
		encoder []string
	}{
		{media.VP9, "vp09", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"}},
		{media.AV1, "av01", []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-b:v", "300k"}},
	} {
		t.Run(c.fourCC, func(t *testing.T) {
			clip := pictures(t, c.encoder...)
			s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}), func(s *fixture, _ *channel.Config) { s.codecs = []media.Codec{media.VP9, media.AV1} })
			e := s.publishRaw(t)
			if got := e.Received(); !strings.Contains(got, c.fourCC) {
				t.Errorf("connect is answered without %s: %q", c.fourCC, got)
			}
			config, sent := []byte{}, map[string]bool{}
			for i := range clip {
				clip[i].Data = bytes.TrimPrefix(clip[i].Data, delimiter)
				sent[string(clip[i].Data)] = true
			}
			if c.codec == media.AV1 { // the record has the sequence header alone
				n := int(clip[0].Data[1]) + 2
				config = join([]byte{0x81, 0, 0x0c, 0}, clip[0].Data[:n])
			}
			n := 0
			send := func() {
				f, at := clip[n%len(clip)], time.Duration(n)*33*time.Millisecond
				if n == 0 { // audio first: subscribers must not come before the codec is known
					_ = e.Send(handmade.Audio, 0, []byte{0xaf, 0, 0x11, 0x90})
				}
				_ = e.Send(handmade.Audio, at, []byte{0xaf, 1, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c})
				head := byte(0xa0)
				if f.Keyframe {
					head = 0x90
				}
				if n == 0 && len(config) > 0 {
					_ = e.Send(handmade.Video, at, join([]byte{0x90}, []byte(c.fourCC), config))
				}
				data := f.Data
				if c.codec == media.AV1 && f.Keyframe && n%20 == 0 { // some lack the header
					data = data[data[1]+2:]
				}
				if err := e.Send(handmade.Video, at, join([]byte{head | 1}, []byte(c.fourCC), data)); err != nil {
					t.Fatalf("%v: %q", err, e.Received())
				}
				n++
			}
			await(t, "the publication", func() bool { send(); return strings.Contains(s.history(t), "PUBLISH_STARTED") })
			frames := s.view(t)
			whole, began := 0, false
			await(t, fmt.Sprintf("pictures of %s", c.codec), func() bool {
				send()
				for {
					select {
					case f := <-frames:
						data := bytes.TrimPrefix(f.Data, delimiter)
						switch {
						case f.codec == media.Opus:
						case f.codec != c.codec:
							t.Fatalf("a picture is %s", f.codec)
						case !began && !f.Keyframe:
							t.Fatal("the first picture is no keyframe")
						case !sent[string(data)]:
							t.Fatalf("a picture of %d bytes is not one of those sent", len(data))
						default:
							began = true
							whole++
						}
						continue
					default:
						return whole > 40
					}
				}
			})
			small := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{PublishPixels: 1000}), func(s *fixture, _ *channel.Config) { s.codecs = []media.Codec{c.codec} })
			e = small.publishRaw(t)
			if len(config) > 0 {
				_ = e.Send(handmade.Video, 0, join([]byte{0x90}, []byte(c.fourCC), config))
			}
			_ = e.Send(handmade.Video, 0, join([]byte{0x91}, []byte(c.fourCC), clip[0].Data))
			await(t, "the refusal of a large picture", func() bool { return strings.Contains(small.history(t), "PUBLISH_ERROR:RESOLUTION_EXCEEDED") })
		})
	}
}

// A codec that changes, and tracks of several, can't be one track to viewers.
func TestServer_RefusesSeveralVideoCodecsOfOneEncoder(t *testing.T) {
	s := start(t, onStage(ivsrealtime.IngestRTMP, stage.Limits{}), func(s *fixture, _ *channel.Config) { s.codecs = []media.Codec{media.VP9} })
	e := s.publishRaw(t)
	_ = e.Send(handmade.Video, 0, []byte("\x90vp09\x01\x00\x00\x00\x00"))
	e.sendPictures(t, nil)
	e.awaitStatus(t, "NetStream.Publish.Rejected")
	if got := e.Received(); !strings.Contains(got, "set one for all") {
		t.Errorf("the encoder is told %q", got)
	}
	await(t, "the event", func() bool { return strings.Contains(s.history(t), "PUBLISH_ERROR:INVALID_VIDEO_CODEC") })
}
