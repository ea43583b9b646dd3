package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/abema/go-mp4"

	"rostrum/internal/media"
)

// addEdits gives the first track of a fragmented MP4 an edit list.
func addEdits(t *testing.T, path string, edits *mp4.Elst) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parents, err := mp4.ExtractBoxes(bytes.NewReader(data), nil, []mp4.BoxPath{{mp4.BoxTypeMoov()}, {mp4.BoxTypeMoov(), mp4.BoxTypeTrak()}})
	if err != nil || len(parents) < 2 {
		t.Fatalf("%d boxes, %v", len(parents), err)
	}
	edits.EntryCount = uint32(len(edits.Entries))
	var body bytes.Buffer
	if _, err := mp4.Marshal(&body, edits, mp4.Context{}); err != nil {
		t.Fatal(err)
	}
	elst := box("elst", body.Bytes())
	edts := box("edts", elst)
	for _, b := range parents[:2] { // moov and the first trak
		size := data[b.Offset:]
		binary.BigEndian.PutUint32(size, binary.BigEndian.Uint32(size)+uint32(len(edts)))
	}
	at := parents[1].Offset + parents[1].HeaderSize
	data = append(data[:at:at], append(edts, data[at:]...)...)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func box(kind string, body []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

func TestMP4Reader_FollowsEditLists(t *testing.T) {
	const empty = -1
	v0 := func(all ...mp4.ElstEntry) *mp4.Elst { return &mp4.Elst{Entries: all} }
	v1 := func(all ...mp4.ElstEntry) *mp4.Elst { return &mp4.Elst{FullBox: mp4.FullBox{Version: 1}, Entries: all} }
	for name, c := range map[string]struct {
		edits        *mp4.Elst
		video, audio time.Duration // where they begin
	}{
		"none":                     {nil, 0, 0},
		"from the beginning":       {v0(mp4.ElstEntry{}), 0, 0},
		"video is later":           {v0(mp4.ElstEntry{SegmentDurationV0: 500, MediaTimeV0: empty}, mp4.ElstEntry{}), 500 * time.Millisecond, 0},
		"in 64 bits":               {v1(mp4.ElstEntry{SegmentDurationV1: 500, MediaTimeV1: empty}, mp4.ElstEntry{}), 500 * time.Millisecond, 0},
		"video is cut":             {v0(mp4.ElstEntry{MediaTimeV0: 9000}), 0, 100 * time.Millisecond},
		"in 64 bits, cut":          {v1(mp4.ElstEntry{MediaTimeV1: 9000}), 0, 100 * time.Millisecond},
		"video is later, and cut":  {v0(mp4.ElstEntry{SegmentDurationV0: 500, MediaTimeV0: empty}, mp4.ElstEntry{MediaTimeV0: 9000}), 400 * time.Millisecond, 0},
		"what follows is ignored":  {v0(mp4.ElstEntry{MediaTimeV0: 9000}, mp4.ElstEntry{MediaTimeV0: 90_000}), 0, 100 * time.Millisecond},
		"as late as 64 bits allow": {v1(mp4.ElstEntry{SegmentDurationV1: ^uint64(0), MediaTimeV1: empty}), 1 << 30 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.mp4")
			w, err := Create(path, []Track{{Codec: media.VP9, Width: 160, Height: 120}, {Codec: media.Opus, Channels: 2}})
			if err != nil {
				t.Fatal(err)
			}
			for at := time.Duration(0); at < time.Second; at += 20 * time.Millisecond {
				for track := range 2 {
					if err := w.Write(Frame{Track: track, Time: at, Duration: 20 * time.Millisecond, Keyframe: true, Data: []byte{0x80}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if c.edits != nil {
				addEdits(t, path, c.edits)
			}
			_, frames := readAll(t, path, Options{})
			for track, want := range []time.Duration{c.video, c.audio} {
				all := only(frames, track)
				if len(all) != 50 || all[0].Time != want || all[49].Time != want+980*time.Millisecond {
					t.Errorf("track %d: %d frames, the first at %v, want it at %v", track, len(all), all[0].Time, want)
				}
			}
		})
	}
}

// Slices may refer to any PPS of a stream.
func TestWriters_DescribeAllPictureParameterSets(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("there is no ffmpeg")
	}
	folder := t.TempDir()
	raw := filepath.Join(folder, "one.h264")
	// ffmpeg's x264 writes one PPS, with id 0; the second has id 1.
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10", "-frames:v", "30", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-profile:v", "baseline", "-g", "10", raw).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	second := []byte{0x68, 0x53, 0x8f, 0x20}
	for _, name := range []string{"two.mp4", "two.mkv"} {
		for _, more := range []int{0, 1} {
			path := filepath.Join(folder, name)
			writeWithSets(t, raw, path, bytes.Repeat(append(bytes.Clone(startCode), second...), more))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			described := append(binary.BigEndian.AppendUint16(nil, uint16(len(second))), second...)
			if n, want := bytes.Count(data, described), 4*more; n != want { // in the description and three keyframes
				t.Errorf("%s has the second PPS %d times, want %d", name, n, want)
			}
			if out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ffmpeg on %s with %d more PPS: %v %s", name, more, err, out)
			}
			r, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Tracks(); len(got) != 2 || got[0].Codec != media.H264 || got[0].Width != 320 {
				t.Errorf("%s with %d more PPS has the tracks %+v", name, more, got)
			}
			_ = r.Close()
		}
	}
}

// writeWithSets writes a file of H.264 and Opus; keyframes get more parameter sets.
func writeWithSets(t *testing.T, from, to string, more []byte) {
	t.Helper()
	r, err := Open(from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := Create(to, []Track{{Codec: media.Opus, Channels: 2}, r.Tracks()[0]})
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Track = 1
		if i := bytes.Index(f.Data, []byte{0, 0, 1, 0x68}); f.Keyframe && i > 0 { // before the encoder's PPS
			f.Data = slices.Concat(f.Data[:i], more, f.Data[i:])
		}
		for _, out := range []Frame{f, {Track: 0, Time: f.Time, Data: []byte{0xfc, 0xff, 0xfe}, Keyframe: true}} {
			if err := w.Write(out); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
