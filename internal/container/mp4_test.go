package container

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
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
