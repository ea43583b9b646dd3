package record

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

// flashClip writes VP8 with a flash and a beep each second.
func flashClip(t *testing.T, size string, seconds int) (name string) {
	t.Helper()
	needFFmpeg(t)
	name = filepath.Join(t.TempDir(), size+".webm")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error",
		"-f", "lavfi", "-i", "color=black:size="+size+":rate=25,drawbox=color=white:t=fill:enable='between(mod(t,1),0.39,0.59)'",
		"-f", "lavfi", "-i", "aevalsrc='if(between(mod(t,1),0.4,0.59),0.5*sin(2*PI*1000*t),0)':s=48000:c=stereo",
		"-t", strconv.Itoa(seconds), "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "100", "-c:a", "libopus", name).CombinedOutput()
	if err != nil {
		t.Skipf("no VP8 without FFmpeg: %v %s", err, out)
	}
	return name
}

// joinClips plays one clip after the other, after a pause in which nothing is sent.
func joinClips(t *testing.T, first string, begins time.Duration, second string) (name string) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list.txt")
	name = filepath.Join(t.TempDir(), "joined.webm")
	if err := os.WriteFile(list, fmt.Appendf(nil, "file %s\nduration %f\nfile %s\n", first, begins.Seconds(), second), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", list, "-c", "copy", name).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return name
}

// onsets are when the flashes and the beeps of a recording begin, in seconds.
func (s *studio) onsets(p *ivsrealtime.Participant) (flashes, beeps []float64) {
	s.t.Helper()
	read := func(expression string, args ...string) (values [][]float64) {
		args = append([]string{"-v", "info", "-i", filepath.Join(s.folder(p), "media/hls/high/playlist.m3u8")}, args...)
		out, err := exec.CommandContext(s.t.Context(), "ffmpeg", append(args, "-f", "null", "-")...).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(string(out), -1) {
			var row []float64
			for _, text := range m[1:] {
				v, err := strconv.ParseFloat(text, 64)
				if err != nil {
					s.t.Fatal(err)
				}
				row = append(row, v)
			}
			values = append(values, row)
		}
		return values
	}
	bright := false
	for _, v := range read(`pts_time:([\d.]+)[^\n]*\n[^\n]*YAVG=([\d.]+)`, "-an", "-vf", "signalstats,metadata=print:key=lavfi.signalstats.YAVG", "-fps_mode", "passthrough") {
		if now := v[1] > 128; now != bright {
			if bright = now; bright {
				flashes = append(flashes, v[0])
			}
		}
	}
	for _, v := range read(`silence_end: ([\d.]+)`, "-vn", "-af", "highpass=f=700,silencedetect=noise=-30dB:d=0.2") {
		beeps = append(beeps, v[0])
	}
	return flashes, beeps
}

func (s *studio) expectAligned(p *ivsrealtime.Participant, least int) {
	s.t.Helper()
	flashes, beeps := s.onsets(p)
	pairs := 0
	for _, f := range flashes {
		for _, b := range beeps {
			if off := f - b; off > -0.3 && off < 0.3 {
				if pairs++; off < -0.04 || off > 0.04 {
					s.t.Errorf("the flash at %.3f s is off by %.0f ms", f, off*1000)
				}
			}
		}
	}
	if pairs < least {
		s.t.Errorf("%d flashes have a beep: flashes at %.3f, beeps at %.3f", pairs, flashes, beeps)
	}
}

// A pause and a change of the size keep audio and video together.
func TestTranscoding_RecordsVP8AsH264(t *testing.T) {
	t.Parallel()
	clip := joinClips(t, flashClip(t, "320x180", 5), 10*time.Second, flashClip(t, "640x360", 5))
	s := openWithMedia(t, configuration())
	token, id := s.token()
	if out, err := exec.CommandContext(t.Context(), s.binary, "publish", "--token", token, clip).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := s.await(id, ivsrealtime.RecordingStopped)
	list := s.expectComplete(p)
	if d := list.Duration(); d < 13*time.Second || d > 17*time.Second {
		t.Errorf("two clips of 5 s with 5 s between them last %v", d)
	}
	sections := 0
	for _, g := range list.Segments {
		if g.Discontinuity {
			sections++
		}
	}
	if sections != 1 {
		t.Errorf("it has %d discontinuities: %+v", sections, list.Segments)
	}
	s.probe(p)
	if found := s.ffprobe(p); found.Streams[0].Codec != "h264" {
		t.Errorf("its video is %+v", found.Streams[0])
	}
	s.expectAligned(p, 6)
}

func TestRecording_SaysThatVP8IsNotRecordedWithoutTheWorker(t *testing.T) {
	t.Parallel()
	clip := flashClip(t, "320x180", 4)
	s := open(t, configuration())
	token, id := s.token()
	stop := s.publishClip(token, clip)
	p := s.await(id, ivsrealtime.RecordingFailed)
	meta := string(s.read(p, "events/recording-failed.json"))
	for _, part := range []string{"RECORDING_START_FAILED", "VP8", "rostrum-media is not installed"} {
		if !strings.Contains(meta, part) {
			t.Errorf("recording-failed.json does not say %q: %s", part, meta)
		}
	}
	stop()
}

// publishClip publishes a file again and again.
func (s *studio) publishClip(token, clip string) (stop func()) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.binary, "publish", "--token", token, "--loop", clip)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
}
