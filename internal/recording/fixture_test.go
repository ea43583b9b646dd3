package recording_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"maps"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/hls"
	"rostrum/internal/recording"
)

// Parameter sets of 640x360; the slices are not decoded here.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48}
	pps = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

const (
	prefix  = "AbCdEfGhIjKl/st-AbCdEfGhIjKlMnOpQrStUv/ZyXwVuTsRqPo/2026-01-02T03-04-05Z"
	high    = "media/hls/high/"
	fps     = 30
	target  = 2 * time.Second
	missing = time.Second // between the two sections
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)

// files are those of a recording, by name below its prefix.
type files map[string][]byte

func (f files) Put(name string, data []byte) error {
	f[path.Join("media/hls", name)] = data
	return nil
}

// record returns a participant's recording of two sections: of 6 s and of 4 s.
func record(t *testing.T) files {
	t.Helper()
	f := files{}
	video, err := hls.H264(sps, pps)
	check(t, err)
	tracks := []hls.Track{video, hls.Opus(2)}
	s, err := hls.NewSegmenter(f, hls.Config{Folder: "high", Target: target, Begins: began}, tracks...)
	check(t, err)
	write(t, s, 6)
	check(t, s.Next(began.Add(6*time.Second+missing), tracks...))
	write(t, s, 4)
	check(t, s.Close())
	check(t, f.Put("multivariant.m3u8", hls.Multivariant(hls.Rendition{URI: "high/playlist.m3u8", Bandwidth: 20_000, Tracks: tracks, FrameRate: fps})))
	var picture bytes.Buffer
	check(t, jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 36)), nil))
	f["media/thumbnails/high/1.jpg"] = picture.Bytes()
	f["media/latest_thumbnail/high/thumb.jpg"] = picture.Bytes()
	f.metadata(t, "recording-started", map[string]any{"recording_status": "RECORDING_STARTED"})
	f.metadata(t, "recording-ended", map[string]any{"recording_status": "RECORDING_ENDED", "recording_ended_at": "2026-01-02T03:04:16Z"})
	return f
}

// write writes seconds of video and audio.
func write(t *testing.T, s *hls.Segmenter, seconds int) {
	t.Helper()
	for i := range seconds * fps {
		picture := hls.AVC([][]byte{{0x41, 1, 2, 3}})
		if i%(2*fps) == 0 {
			picture = hls.AVC([][]byte{sps, pps, {0x65, 1, 2, 3}})
		}
		check(t, s.Write(hls.Sample{Time: int64(i) * 90_000 / fps, Duration: 90_000 / fps, Keyframe: i%(2*fps) == 0, Data: picture}))
		for k := (i*50 + fps - 1) / fps; k < ((i+1)*50+fps-1)/fps; k++ {
			check(t, s.Write(hls.Sample{Track: 1, Time: int64(k) * 960, Duration: 960, Keyframe: true, Data: []byte{0xf8, 0xff, 0xfe}}))
		}
	}
}

// metadata writes a file under events/.
func (f files) metadata(t *testing.T, name string, other map[string]any) {
	t.Helper()
	duration := map[string]any{"path": "media/hls", "playlist": "multivariant.m3u8", "renditions": []any{map[string]any{"path": "high", "playlist": "playlist.m3u8"}}}
	if name != "recording-started" {
		duration["duration_ms"] = 10_000
	}
	images := func(folder string) any {
		return map[string]any{"path": folder, "renditions": []any{map[string]any{"path": "high"}}}
	}
	content := map[string]any{
		"version": "v1", "stage_arn": "arn:aws:ivs:us-east-1:123456789012:stage/AbCdEfGhIjKl", "session_id": "st-AbCdEfGhIjKlMnOpQrStUv",
		"participant_id": "ZyXwVuTsRqPo", "recording_started_at": "2026-01-02T03:04:05Z",
		"media": map[string]any{"hls": duration, "thumbnails": images("media/thumbnails"), "latest_thumbnail": images("media/latest_thumbnail")},
	}
	maps.Copy(content, other)
	data, err := json.Marshal(content)
	check(t, err)
	f["events/"+name+".json"] = data
}

// open stores the files in a folder and finds the recording there.
func (f files) open(t *testing.T) *recording.Recording {
	t.Helper()
	root := t.TempDir()
	for name, data := range f {
		file := filepath.Join(root, filepath.FromSlash(path.Join(prefix, name)))
		check(t, os.MkdirAll(filepath.Dir(file), 0o750))
		check(t, os.WriteFile(file, data, 0o600))
	}
	found, err := recording.Find(t.Context(), bucket.OpenFolder(root), "recordings", "")
	check(t, err)
	if len(found) != 1 || found[0].Prefix != prefix || found[0].Name() != "recordings/"+prefix {
		t.Fatalf("found %+v", found)
	}
	return found[0]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
