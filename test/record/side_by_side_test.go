package record

import (
	"bytes"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/layout"
	"rostrum/internal/media"
	"rostrum/internal/testpattern"
)

// A performance is when a participant of a synthetic session sends the test pattern, in which
// size. Times are since the session began.
type performance struct {
	name  string
	parts []performancePart
}

type performancePart struct {
	from, to      time.Duration
	width, height int
	newRecording  bool // it left before, and came back
}

const patternRate = 30

var sessionBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (p performance) identity() uint16 { return testpattern.IdentityOf(p.name) }

// A folderStore is a recording's media/hls.
type folderStore string

func (f folderStore) Put(name string, data []byte) error {
	file := filepath.Join(string(f), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// record writes the recordings of a performance below a folder.
func (p performance) record(t *testing.T, root string) {
	t.Helper()
	var s *hls.Segmenter
	for i, part := range p.parts {
		began := sessionBegan.Add(part.from)
		video, err := testpattern.NewVideo(testpattern.VideoConfig{Width: part.width, Height: part.height, FPS: patternRate, Identity: p.identity(), Name: p.name})
		noError(t, err)
		unit, _ := video.Frame(0, began, true)
		sps, pps := hls.ParameterSets(media.SplitAnnexB(unit))
		track, err := hls.H264(sps, pps...)
		noError(t, err)
		tracks := []hls.Track{track, hls.Opus(2)}
		if i == 0 || part.newRecording {
			if s != nil {
				noError(t, s.Close())
			}
			folder := filepath.Join(root, p.name, began.Format("15-04-05.000"))
			store := folderStore(filepath.Join(folder, "media", "hls"))
			started := fmt.Sprintf(`{"version":"v1","session_id":"st-1","participant_id":%q,"recording_status":"RECORDING_STARTED","recording_started_at":%q}`, p.name, began.Format(time.RFC3339))
			noError(t, folderStore(folder).Put("events/recording-started.json", []byte(started)))
			noError(t, store.Put("multivariant.m3u8", hls.Multivariant(hls.Rendition{URI: "high/playlist.m3u8", Bandwidth: 2_000_000, Tracks: tracks})))
			s, err = hls.NewSegmenter(store, hls.Config{Folder: "high", Target: 2 * time.Second, Begins: began}, tracks...)
			noError(t, err)
		} else {
			noError(t, s.Next(began, tracks...))
		}
		part.write(t, s, p.identity(), video, unit)
	}
	noError(t, s.Close())
}

// write writes the pattern, whose first picture was drawn. Packets of audio are early by what
// the edit list of the track skips.
func (part performancePart) write(t *testing.T, s *hls.Segmenter, identity uint16, video *testpattern.Video, unit []byte) {
	t.Helper()
	tone, err := testpattern.NewTone(identity)
	noError(t, err)
	key, packets := true, uint32(0)
	for n := range uint32((part.to - part.from).Seconds() * patternRate) {
		at := time.Duration(n) * time.Second / patternRate
		if n > 0 {
			unit, key = video.Frame(n, sessionBegan.Add(part.from+at), false)
		}
		noError(t, s.Write(hls.Sample{Time: int64(n) * 90_000 / patternRate, Duration: 90_000 / patternRate, Keyframe: key, Data: hls.AVC(media.SplitAnnexB(unit))}))
		for ; time.Duration(packets)*testpattern.PacketTime < at+time.Second/patternRate; packets++ {
			noError(t, s.Write(hls.Sample{Track: 1, Time: int64(packets) * 960, Duration: 960, Keyframe: true, Data: tone.Packet(packets)}))
		}
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// active is the part of a performance at a time; nil if there is none.
func (p performance) active(at time.Duration) *performancePart {
	for i, part := range p.parts {
		if at >= part.from && at < part.to {
			return &p.parts[i]
		}
	}
	return nil
}

func (p performance) hasTile(at time.Duration) bool {
	return at >= p.parts[0].from && at < p.parts[len(p.parts)-1].to
}

// exportSideBySide exports the recordings below a folder, and returns the file.
func exportSideBySide(t *testing.T, root string, args ...string) (file string) {
	t.Helper()
	program, err := withMedia()
	if err != nil {
		t.Skip(err)
	}
	file = filepath.Join(t.TempDir(), "out.mp4")
	out, err := exec.CommandContext(t.Context(), program, append([]string{"recordings", "export", root, "--side-by-side", "--to", file}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("export: %v\n%s", err, out)
	}
	return file
}

// pictures calls fn with the luma of each picture of a file, scaled to nothing.
func pictures(t *testing.T, file string, size image.Point, fn func(n int, luma *image.YCbCr)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-an", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	out, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	img := &image.YCbCr{Y: make([]byte, size.X*size.Y), YStride: size.X, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rectangle{Max: size}}
	for n := 0; ; n++ {
		if _, err := io.ReadFull(out, img.Y); err != nil {
			break
		}
		fn(n, img)
	}
	noError(t, cmd.Wait())
}

// part is a rectangle of the luma of a picture.
func part(img *image.YCbCr, r layout.Rect) *image.YCbCr {
	return &image.YCbCr{Y: img.Y[r.Y*img.YStride+r.X:], YStride: img.YStride, SubsampleRatio: img.SubsampleRatio, Rect: image.Rect(0, 0, r.Width, r.Height)}
}

// beeps are when beeps begin in a file, in seconds.
func beeps(t *testing.T, file string) (all []float64) {
	t.Helper()
	var samples bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-vn", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	cmd.Stdout = &samples
	noError(t, cmd.Run())
	const block = 48 // a millisecond
	quiet, data := 1000, samples.Bytes()
	for i := 0; i+2*block <= len(data); i += 2 * block {
		loudest := 0.0
		for k := range block {
			loudest = max(loudest, math.Abs(float64(int16(uint16(data[i+2*k])|uint16(data[i+2*k+1])<<8))))
		}
		if loudest < 8000 {
			quiet++
			continue
		}
		if quiet > 100 {
			all = append(all, float64(i/2)/48_000)
		}
		quiet = 0
	}
	return all
}

// Two participants begin apart, one changes its size after a gap, the other leaves and comes
// back. In the file each picture is where its time says, and each beep is with its flash.
func TestExport_AlignsParticipantsSideBySide(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	all := []performance{
		{"alice", []performancePart{{0, ms(3000), 640, 360, false}, {ms(4000), ms(10000), 960, 540, false}}},
		{"bob", []performancePart{{ms(1500), ms(3000), 640, 360, false}, {ms(8500), ms(10000), 640, 360, true}}},
	}
	root := t.TempDir()
	for _, p := range all {
		p.record(t, root)
	}
	size := image.Pt(640, 360)
	file := exportSideBySide(t, root, "--size", "640x360")
	if data, err := os.ReadFile(file); err != nil || bytes.Index(data, []byte("moov")) > bytes.Index(data, []byte("mdat")) {
		t.Errorf("the index does not come first: %v", err)
	}
	grid, count := layout.DefaultGrid(), 0
	flashes := map[string][]float64{}
	lit := map[string]bool{}
	pictures(t, file, size, func(n int, img *image.YCbCr) {
		count++
		at := time.Duration(n) * time.Second / patternRate
		var shown []layout.Participant
		for _, p := range all {
			if p.hasTile(at) {
				shown = append(shown, layout.Participant{ID: p.name, Picture: layout.Size{Width: 640, Height: 360}})
			}
		}
		for _, tile := range grid.Arrange(layout.Size{Width: size.X, Height: size.Y}, shown) {
			p := all[0]
			if tile.ID == all[1].name {
				p = all[1]
			}
			checkTile(t, p, part(img, tile.Rect), at)
			lamp := testpattern.Lamp(640, 360)
			now := img.Y[(tile.Y+lamp.Y*tile.Height/360)*img.YStride+tile.X+lamp.X*tile.Width/640] > 150 && p.active(at) != nil
			if now && !lit[p.name] {
				flashes[p.name] = append(flashes[p.name], at.Seconds())
			}
			lit[p.name] = now
		}
	})
	if count != 10*patternRate {
		t.Errorf("the file has %d pictures, expected %d", count, 10*patternRate)
	}
	heard := beeps(t, file)
	near := func(a, b float64) bool { return math.Abs(a-b) <= 0.04 }
	for name, want := range map[string][]float64{"alice": {0, 1, 2, 4, 5, 6, 7, 8, 9}, "bob": {1.5, 2.5, 8.5, 9.5}} {
		if !slices.EqualFunc(flashes[name], want, near) {
			t.Errorf("%s flashes at %.3f, expected %v", name, flashes[name], want)
		}
	}
	// Decoders need a moment at the beginning of a recording, whose first beep is not looked at.
	for _, flash := range []float64{1, 2, 2.5, 5, 6, 7, 8, 9, 9.5} {
		if !slices.ContainsFunc(heard, func(beep float64) bool { return near(beep, flash) }) {
			t.Errorf("the flash at %.3f s has no beep: they are at %.3f", flash, heard)
		}
	}
}

// checkTile checks what a tile shows at a time. About where something begins or ends it may be
// either.
func checkTile(t *testing.T, p performance, tile *image.YCbCr, at time.Duration) {
	t.Helper()
	const tolerance = 40 * time.Millisecond
	scale := float64(tile.Rect.Dx()) / 640
	mark, ok := testpattern.Read(tile, 16*scale, sessionBegan.Add(at))
	before, now, after := p.active(at-tolerance), p.active(at), p.active(at+tolerance)
	switch {
	case before != now || now != after:
	case now != nil && !ok:
		t.Errorf("%s has no mark at %v", p.name, at)
	case now != nil && mark.Identity != p.identity():
		t.Errorf("the tile of %s shows another participant at %v", p.name, at)
	case now != nil:
		if late := sessionBegan.Add(at).Sub(mark.Sent); late.Abs() > tolerance {
			t.Errorf("the picture of %s at %v is %v late", p.name, at, late)
		}
	case ok && p.idle(at) > 5*time.Second+tolerance:
		t.Errorf("%s has a picture at %v, %v after its last", p.name, at, p.idle(at))
	case !ok && p.idle(at) < 5*time.Second-tolerance:
		t.Errorf("%s has no picture at %v, %v after its last", p.name, at, p.idle(at))
	}
}

// idle is how long ago the last picture was.
func (p performance) idle(at time.Duration) (idle time.Duration) {
	for _, part := range p.parts {
		if part.to <= at {
			idle = at - part.to
		}
	}
	return idle
}

func TestExport_SideBySideRefusesWhatItCannotCompose(t *testing.T) {
	t.Parallel()
	program, err := withMedia()
	if err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	performance{"alice", []performancePart{{0, time.Second, 640, 360, false}}}.record(t, filepath.Join(root, "one"))
	performance{"bob", []performancePart{{0, time.Second, 640, 360, false}}}.record(t, filepath.Join(root, "two"))
	other := filepath.Join(root, "two", "bob", sessionBegan.Format("15-04-05.000"), "events", "recording-started.json")
	data, err := os.ReadFile(other)
	noError(t, err)
	noError(t, os.WriteFile(other, bytes.ReplaceAll(data, []byte("st-1"), []byte("st-2")), 0o600))
	damaged := filepath.Join(root, "three")
	performance{"carol", []performancePart{{0, 3 * time.Second, 640, 360, false}}}.record(t, damaged)
	noError(t, os.Remove(filepath.Join(damaged, "carol", sessionBegan.Format("15-04-05.000"), "media", "hls", "high", "1.mp4")))
	empty := t.TempDir()
	for _, c := range []struct {
		program  string
		args     []string
		expected string
	}{
		{program, []string{root}, "the recordings are of several sessions"},
		{program, []string{root, "--session", "st-3"}, "session st-3 has no recording with media"},
		{program, []string{empty}, "there is no recording with media"},
		{program, []string{damaged}, "1.mp4: there is no such file"},
		{program, []string{filepath.Join(root, "one"), "--size", "641x360"}, "--size 641x360: must be even"},
		{binary, []string{filepath.Join(root, "one")}, "rostrum-media is not installed"},
	} {
		to := t.TempDir()
		cmd := exec.CommandContext(t.Context(), c.program, append([]string{"recordings", "export", "--side-by-side", "--to", filepath.Join(to, "out.mp4")}, c.args...)...)
		cmd.Env = append(os.Environ(), "PATH=")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.expected) {
			t.Errorf("%v: expected %q, saw %v: %s", c.args, c.expected, err, out)
		}
		if left, _ := os.ReadDir(to); len(left) > 0 {
			t.Errorf("%v leaves %v", c.args, left)
		}
	}
}
