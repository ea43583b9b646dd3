package hls

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"rostrum/internal/testpattern"
)

// parameterSets are those of pictures of a size.
func parameterSets(t *testing.T, width, height int) (sps, pps []byte) {
	t.Helper()
	v, err := testpattern.NewVideo(testpattern.VideoConfig{Width: width, Height: height})
	if err != nil {
		t.Fatal(err)
	}
	unit, _ := v.Frame(0, time.Unix(0, 0), true)
	var units [][]byte
	for _, u := range bytes.Split(unit, []byte{0, 0, 1}) {
		if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
			units = append(units, u)
		}
	}
	sps, all := ParameterSets(units)
	return sps, all[0]
}

var stereo48k = []byte{0x11, 0x90}

// An encoderRun sends media to a muxer.
type encoderRun struct {
	t     *testing.T
	live  *Live
	muxer *Muxer

	fps      float64
	gop      int // pictures
	bframes  bool
	at       time.Duration // of the next picture
	sound    time.Duration // of the next frame of audio
	n        int
	noAudio  bool
	noVideo  bool
	audioLag time.Duration // by which audio comes too late
	size     int           // bytes of a picture
}

func newRun(t *testing.T, live *Live) *encoderRun {
	t.Helper()
	r := &encoderRun{t: t, live: live, muxer: NewMuxer(live), fps: 25, gop: 50, size: 1000}
	r.configure(320, 180)
	r.check(r.muxer.SetAudio(stereo48k))
	return r
}

func (r *encoderRun) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *encoderRun) configure(width, height int) {
	r.t.Helper()
	sps, pps := parameterSets(r.t, width, height)
	r.check(r.muxer.SetVideo(sps, pps))
}

// send sends media of a duration, and fails the test if they are refused.
func (r *encoderRun) send(d time.Duration) {
	r.t.Helper()
	r.check(r.trySend(d))
}

// trySend sends media of a duration, with timestamps of whole milliseconds as RTMP has them.
func (r *encoderRun) trySend(d time.Duration) error {
	frame := time.Duration(float64(time.Second) / r.fps)
	for end := r.at + d; r.at < end-frame/2; {
		for !r.noAudio && r.sound <= r.at-r.audioLag {
			if err := r.muxer.Audio(r.sound.Truncate(time.Millisecond), []byte{0x21, 1, 2, 3}); err != nil {
				return err
			}
			r.sound += 1024 * time.Second / 48_000
		}
		if !r.noVideo {
			if err := r.picture(frame); err != nil {
				return err
			}
		}
		r.n++
		r.at += frame
	}
	return nil
}

func (r *encoderRun) picture(frame time.Duration) error {
	keyframe := r.n%r.gop == 0
	unit := make([]byte, r.size)
	unit[0] = 0x41
	if keyframe {
		unit[0] = 0x65
	}
	present := r.at
	if r.bframes {
		present += frame * time.Duration([]int{2, 4, 1, 1}[r.n%4]-min(r.n%4, 1)+0)
	}
	return r.muxer.Video(r.at.Truncate(time.Millisecond), present.Truncate(time.Millisecond), keyframe, [][]byte{unit})
}

// jump moves the encoder's clock; the next picture is a keyframe if keyframe says so.
func (r *encoderRun) jump(by time.Duration, keyframe bool) {
	r.at += by
	r.sound = r.at
	if keyframe {
		r.n = 0
	}
}

// text is the current media playlist.
func (r *encoderRun) text() string {
	r.t.Helper()
	b, err := r.live.Playlist(r.t.Context(), Reload{})
	r.check(err)
	return string(b)
}

// list is the current media playlist, as an independent parser reads it.
func (r *encoderRun) list() *playlist.Media {
	r.t.Helper()
	return parseMedia(r.t, r.text())
}

func parseMedia(t *testing.T, text string) *playlist.Media {
	t.Helper()
	var p playlist.Media
	if err := p.Unmarshal([]byte(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &p
}

func (r *encoderRun) file(name string) []byte {
	r.t.Helper()
	b, err := r.live.File(r.t.Context(), name)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return b
}

func (r *encoderRun) fragments(name string) fmp4.Parts {
	r.t.Helper()
	var parts fmp4.Parts
	r.check(parts.Unmarshal(r.file(name)))
	return parts
}

// tags are the values of a tag in the playlist.
func tags(text, tag string) (values []string) {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), tag); ok {
			values = append(values, strings.TrimPrefix(v, ":"))
		}
	}
	return values
}

// master is the last line but one of the multivariant playlist.
func (r *encoderRun) master() string {
	r.t.Helper()
	b, err := r.live.Multivariant(r.t.Context(), "viewer=x")
	r.check(err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if lines[len(lines)-1] != "live.m3u8?viewer=x" {
		r.t.Errorf("the media playlist is %q", lines[len(lines)-1])
	}
	return lines[len(lines)-2]
}

func attribute(line, name string) string {
	_, rest, _ := strings.Cut(line, name+"=")
	if v, ok := strings.CutPrefix(rest, `"`); ok {
		v, _, _ = strings.Cut(v, `"`)
		return v
	}
	v, _, _ := strings.Cut(rest, ",")
	return v
}

// verify checks what must hold of every live stream: parts make up their segments and are
// not longer than their target, media times continue across segments, and each segment
// after a discontinuity begins with a keyframe.
func (r *encoderRun) verify() {
	r.t.Helper()
	list := r.list()
	var reached [3]uint64
	rates := [3]uint64{0, 90_000, 48_000}
	for i, s := range list.Segments {
		if s.Duration.Round(time.Second) > time.Duration(list.TargetDuration)*time.Second {
			r.t.Errorf("segment %d lasts %v, the target is %d s", i, s.Duration, list.TargetDuration)
		}
		parts := r.fragments(s.URI)
		if s.Discontinuity && parts[0].Tracks[0].Samples[0].IsNonSyncSample {
			r.t.Errorf("segment %d after a discontinuity begins without a keyframe", i)
		}
		for _, p := range parts {
			for _, track := range p.Tracks {
				if reached[track.ID] != 0 && !s.Discontinuity && absolute(int64(track.BaseTime)-int64(reached[track.ID])) > int64(rates[track.ID]/20) {
					r.t.Errorf("segment %d: track %d continues at %d, expected %d", i, track.ID, track.BaseTime, reached[track.ID])
				}
				reached[track.ID] = track.BaseTime
				for _, sample := range track.Samples {
					reached[track.ID] += uint64(sample.Duration)
				}
			}
		}
		r.verifyParts(i, s, list)
	}
	if text := r.text(); strings.Contains(text, "GAP") {
		r.t.Errorf("segments are invented:\n%s", text)
	}
}

func absolute(n int64) int64 { return max(n, -n) }

func (r *encoderRun) verifyParts(i int, s *playlist.MediaSegment, list *playlist.Media) {
	r.t.Helper()
	if len(s.Parts) == 0 {
		return
	}
	var all []byte
	var total time.Duration
	for n, p := range s.Parts {
		all = append(all, r.file(p.URI)...)
		total += p.Duration
		if p.Duration > list.PartInf.PartTarget+10*time.Microsecond {
			r.t.Errorf("part %d of segment %d lasts %v, the target is %v", n, i, p.Duration, list.PartInf.PartTarget)
		}
		first := r.fragments(p.URI)[0].Tracks[0]
		if sync := !first.Samples[0].IsNonSyncSample && (first.ID == 1 || r.noVideo); sync != p.Independent {
			r.t.Errorf("part %d of segment %d: independent is %v, a keyframe first %v", n, i, p.Independent, sync)
		}
	}
	if !bytes.Equal(all, r.file(s.URI)) {
		r.t.Errorf("the parts of segment %d are not the segment", i)
	}
	if (total - s.Duration).Abs() > time.Millisecond {
		r.t.Errorf("segment %d lasts %v, its parts %v", i, s.Duration, total)
	}
}

func uri(number uint64) string { return fmt.Sprintf("segment%d.mp4", number) }
