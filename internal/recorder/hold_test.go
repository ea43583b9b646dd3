package recorder

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/testpattern"
)

// A decodedPicture is one that FFmpeg decodes of a recording.
type decodedPicture struct {
	at   string // milliseconds
	hash string
}

// decode returns all pictures of a playlist that FFmpeg reads.
func decode(t *testing.T, playlist string) (all []decodedPicture) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-i", playlist, "-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "framemd5", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ","); !strings.HasPrefix(line, "#") && len(fields) == 6 {
			all = append(all, decodedPicture{strings.TrimSpace(fields[2]), fields[5]})
		}
	}
	return all
}

// Whoever plays a segment of the pause alone sees what was shown before it, as does who played that.
func TestMediaWriter_ShowsTheLastPictureInEverySegmentOfAPause(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("FFmpeg is not installed")
	}
	video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 180, FPS: 25, Keyframe: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	k := newTake(t)
	const before, after = 30, 5 // pictures
	for n := range uint32(before + after) {
		at := time.Duration(n) * 40 * time.Millisecond
		if n >= before {
			at += 9 * time.Second
		}
		if n == before {
			k.stop(at-9*time.Second, at)
		}
		data, keyframe := video.Frame(n, testBegin.Add(at), false)
		if ok, err := k.w.writeVideo(testBegin.Add(at), data, keyframe); !ok || err != nil {
			t.Fatalf("picture %d was not recorded: %v", n, err)
		}
	}
	list := k.finish(11 * time.Second)
	folder := filepath.Join(string(k.w.spool.spool), hlsFolder, participantRendition)
	all := decode(t, filepath.Join(folder, "playlist.m3u8"))
	held := (len(list.Segments) - 1) * before
	if len(list.Segments) < 4 || len(all) != before+held+after {
		t.Fatalf("%d pictures are decoded of %d segments", len(all), len(list.Segments))
	}
	last := all[before-1]
	for n, p := range all[before : before+held] {
		if n%before == before-1 && p.hash != last.hash {
			t.Errorf("the picture held at %s is another", p.at)
		}
	}
	seen := map[string]bool{}
	for _, p := range all[before-1:][held:] {
		seen[p.hash] = true
	}
	if len(seen) != after+1 {
		t.Errorf("after the pause %d different pictures are decoded", len(seen))
	}
	for i, g := range list.Segments[1 : len(list.Segments)-1] {
		alone := hls.Playlist{Target: k.w.target, Segments: []hls.Segment{g}, Ended: true}
		name := filepath.Join(folder, fmt.Sprintf("alone-%d.m3u8", i))
		if err := os.WriteFile(name, alone.Marshal(), 0o600); err != nil {
			t.Fatal(err)
		}
		if pictures := decode(t, name); len(pictures) != before || pictures[before-1].hash != last.hash {
			t.Errorf("%s alone has %d pictures, and does not end with the last", g.Name, len(pictures))
		}
	}
}
