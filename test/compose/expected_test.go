//go:build cgo

package compose

import (
	"encoding/json"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"rostrum/internal/hls"
	"rostrum/internal/testpattern"
)

// expectRecording holds the files of a recording to what is documented of them.
func (s *studio) expectRecording(folder, first, second string) hls.Playlist {
	t := s.t
	t.Helper()
	for _, name := range []string{
		"events/recording-started.json", "events/recording-ended.json", "media/hls/multivariant.m3u8",
		"media/thumbnails/1280x720/0.jpg", "media/latest_thumbnail/1280x720/thumb.jpg",
	} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Errorf("a file of the recording is missing: %v", err)
		}
	}
	renditions, _ := filepath.Glob(filepath.Join(folder, "media/hls/720p30-*"))
	if len(renditions) != 1 || !regexp.MustCompile(`^720p30-[0-9A-Za-z]{12}$`).MatchString(filepath.Base(renditions[0])) {
		t.Fatalf("renditions are %v", renditions)
	}
	text, err := os.ReadFile(filepath.Join(renditions[0], "playlist.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := hls.Parse(text)
	if err != nil || !list.Ended {
		t.Fatalf("the playlist is no VOD: %v\n%s", err, text)
	}
	var ended struct {
		Media struct {
			HLS struct {
				Duration int64 `json:"duration_ms"`
			} `json:"hls"`
		} `json:"media"`
	}
	raw, _ := os.ReadFile(filepath.Join(folder, "events/recording-ended.json"))
	if err := json.Unmarshal(raw, &ended); err != nil || ended.Media.HLS.Duration != list.Duration().Milliseconds() {
		t.Errorf("recording-ended.json tells %d ms of %v: %v", ended.Media.HLS.Duration, list.Duration(), err)
	}
	s.expectShown(renditions[0], list, first, second)
	return list
}

// lastSegments are those at the end of a recording that show all publishers, together: on a busy
// machine one may have lost packets in any of them.
const lastSegments = 3

// expectShown looks for publishers in the last segments, the newest first, without those before a
// discontinuity.
func (s *studio) expectShown(folder string, list hls.Playlist, publishers ...string) {
	t := s.t
	t.Helper()
	missing := map[uint16]string{}
	for _, id := range publishers {
		missing[testpattern.IdentityOf(id)] = id
	}
	newest := list.Segments[max(0, len(list.Segments)-lastSegments):]
	for i := len(newest) - 1; i >= 0 && len(missing) > 0; i-- {
		whole := filepath.Join(t.TempDir(), newest[i].Name)
		head, err1 := os.ReadFile(filepath.Join(folder, newest[i].Init))
		body, err2 := os.ReadFile(filepath.Join(folder, newest[i].Name))
		if err := errors.Join(err1, err2, os.WriteFile(whole, append(head, body...), 0o600)); err != nil {
			t.Fatal(err)
		}
		eachMarks(t, whole, func(now []testpattern.Mark) { // a picture may show what is damaged as stopped
			for _, m := range now {
				delete(missing, m.Identity)
			}
		}, image.Pt(0, 180), image.Pt(640, 180))
		if newest[i].Discontinuity {
			break
		}
	}
	for _, id := range missing {
		t.Errorf("the last segments do not show %s", id)
	}
}

// expectPlayable has a foreign player go through the recording by a signed link.
func (s *studio) expectPlayable(folder string, list hls.Playlist) {
	t := s.t
	t.Helper()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	recording, err := filepath.Rel(filepath.Join(s.data, "buckets"), folder)
	if err != nil {
		t.Fatal(err)
	}
	link, err := exec.Command(s.binary, "link", "--data-dir", s.data, "--public-url", s.running.URL, recording).Output()
	if err != nil {
		t.Fatal(err)
	}
	says, err := exec.CommandContext(t.Context(), probe, "-v", "error", "-show_entries", "stream=codec_name,width,height,color_space:format=duration", "-of", "csv=p=0",
		strings.TrimSpace(string(link))).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, says)
	}
	for _, expected := range []string{"h264,1280,720,bt709", "aac"} {
		if !strings.Contains(string(says), expected) {
			t.Errorf("ffprobe finds no %s in\n%s", expected, says)
		}
	}
	fields := strings.Fields(string(says))
	seconds, err := strconv.ParseFloat(strings.Trim(fields[len(fields)-1], ","), 64)
	if told := list.Duration().Seconds(); err != nil || seconds < told-0.5 || seconds > told+0.5 {
		t.Errorf("ffprobe finds %v s, the playlist tells %v: %v", seconds, told, err)
	}
}
