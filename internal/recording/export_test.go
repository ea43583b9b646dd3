package recording_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/hls"
	"rostrum/internal/media"
)

// exported exports a recording, and returns when its frames are, by codec.
func exported(t *testing.T, f files, zero time.Time) map[media.Codec][]container.Frame {
	t.Helper()
	r := f.open(t)
	to := filepath.Join(t.TempDir(), "out.mp4")
	check(t, r.Export(t.Context(), to, zero))
	in, err := container.Open(to, container.Options{})
	check(t, err)
	defer in.Close()
	frames := map[media.Codec][]container.Frame{}
	for {
		frame, err := in.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		check(t, err)
		codec := in.Tracks()[frame.Track].Codec
		frames[codec] = append(frames[codec], frame)
	}
}

func TestExport_FillsWhatIsMissingBetweenSections(t *testing.T) {
	frames := exported(t, record(t), began)
	video, audio := frames[media.H264], frames[media.Opus]
	if len(video) != 10*fps || len(audio) != 11*50 {
		t.Fatalf("%d pictures and %d packets, expected %d and %d", len(video), len(audio), 10*fps, 11*50)
	}
	held, next := video[6*fps-1], video[6*fps]
	if gap := next.Time - held.Time; (gap-time.Second-time.Second/fps).Abs() > time.Millisecond || !next.Keyframe {
		t.Errorf("the last picture before the gap is shown for %v; a keyframe follows: %v", gap, next.Keyframe)
	}
	for i, packet := range audio {
		if at := time.Duration(i) * 20 * time.Millisecond; (packet.Time - at).Abs() > time.Millisecond {
			t.Fatalf("packet %d is at %v, expected %v", i, packet.Time, at)
		}
	}
}

func TestExport_ShowsTheFirstPictureFromTheCommonTimeOnWhereThereIsNoAudio(t *testing.T) {
	f := files{}
	video, err := hls.H264(sps, pps)
	check(t, err)
	s, err := hls.NewSegmenter(f, hls.Config{Folder: "high", Begins: began}, video)
	check(t, err)
	for i := range int64(2) {
		check(t, s.Write(hls.Sample{Time: i * 90_000, Duration: 90_000, Keyframe: true, Data: hls.AVC([][]byte{{0x65, 1, 2, 3}})}))
	}
	check(t, s.Close())
	check(t, f.Put("multivariant.m3u8", hls.Multivariant(hls.Rendition{URI: "high/playlist.m3u8", Bandwidth: 20_000, Tracks: []hls.Track{video}})))
	frames := exported(t, f, began.Add(-5*time.Second))[media.H264]
	if len(frames) != 2 || frames[0].Duration != 6*time.Second || frames[1].Time != 6*time.Second {
		t.Errorf("the pictures are %+v", frames)
	}
}

func TestExport_DropsAudioThatOverlaps(t *testing.T) {
	f := record(t)
	list := string(f[high+"playlist.m3u8"])
	f[high+"playlist.m3u8"] = []byte(strings.Replace(list, "03:04:12.250Z", "03:04:11.170Z", 1)) // 80 ms early
	frames := exported(t, f, began)
	if video, audio := frames[media.H264], frames[media.Opus]; len(video) != 10*fps || len(audio) != 10*50-4 {
		t.Errorf("%d pictures and %d packets, expected %d and %d", len(video), len(audio), 10*fps, 10*50-4)
	}
}

// Keyframes at which the size changes have their parameter sets in them, also where the
// recording has them in the initialization section alone.
func TestExport_PutsParameterSetsIntoTheKeyframesOfSections(t *testing.T) {
	f := files{}
	video, err := hls.H264(sps, pps)
	check(t, err)
	s, err := hls.NewSegmenter(f, hls.Config{Folder: "high", Begins: began}, video)
	check(t, err)
	check(t, s.Write(hls.Sample{Duration: 90_000, Keyframe: true, Data: hls.AVC([][]byte{{0x65, 1, 2, 3}})}))
	check(t, s.Close())
	check(t, f.Put("multivariant.m3u8", hls.Multivariant(hls.Rendition{URI: "high/playlist.m3u8", Bandwidth: 20_000, Tracks: []hls.Track{video}})))
	to := filepath.Join(t.TempDir(), "out.mp4")
	check(t, f.open(t).Export(t.Context(), to, began))
	data, err := os.ReadFile(to)
	check(t, err)
	if n := strings.Count(string(data), string(sps)); n != 2 { // in the sample, and in its description
		t.Errorf("the file has the parameter set %d times", n)
	}
}

func TestExport_BeginsAtTheCommonTime(t *testing.T) {
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	to := filepath.Join(t.TempDir(), "out.mp4")
	check(t, record(t).open(t).Export(t.Context(), to, began.Add(-1500*time.Millisecond)))
	out, err := exec.CommandContext(t.Context(), ffprobe, "-v", "quiet", "-show_entries", "stream=codec_name,start_time,width,height:format=duration", "-of", "csv=p=0", to).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "h264,640,360,1.500000\nopus,0.000000\n12.500000" {
		t.Errorf("ffprobe says\n%s", got)
	}
}

func TestExport_VideoThatBeginsLaterIsReadWithItsAudio(t *testing.T) {
	frames := exported(t, record(t), began.Add(-1500*time.Millisecond))
	video, audio := frames[media.H264][0].Time, frames[media.Opus][0].Time
	const preSkip = 6500 * time.Microsecond // that audio begins with, before time 0
	if got, want := video-audio, 1500*time.Millisecond+preSkip; (got - want).Abs() > time.Millisecond {
		t.Errorf("video begins %v after audio, expected %v", got, want)
	}
}

func TestExport_LeavesNothingBehindWhenItFails(t *testing.T) {
	f := record(t)
	delete(f, high+"3.mp4")
	folder := t.TempDir()
	err := f.open(t).Export(t.Context(), filepath.Join(folder, "out.mp4"), began)
	if left, _ := os.ReadDir(folder); err == nil || !strings.Contains(err.Error(), "3.mp4: there is no such file") || len(left) > 0 {
		t.Errorf("the error is %v, the folder has %v", err, left)
	}
}
