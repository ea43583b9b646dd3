package hls

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// A dayStore counts what a day of segments puts.
type dayStore struct {
	segments, playlists int64 // bytes
	last                string
}

func (s *dayStore) Put(name string, data []byte) error {
	if strings.HasSuffix(name, ".m3u8") {
		s.playlists += int64(len(data))
		s.last = string(data)
	} else {
		s.segments += int64(len(data))
	}
	return nil
}

// A recording of 24 hours has 4,320 segments of 20 s, and lists them in each of as many playlists.
func TestSegmenter_RecordsADay(t *testing.T) {
	video, _ := tracks(t)
	store := &dayStore{}
	s, err := NewSegmenter(store, Config{Folder: "high", Target: 20 * time.Second}, video)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	began := time.Now()
	const count = 4_320
	for n := range int64(count) {
		if err := s.Write(Sample{Time: n * 1_800_000, Duration: 1_800_000, Keyframe: true, Data: []byte{0, 0, 0, 1, 0x65}}); err != nil {
			t.Fatal(err)
		}
	}
	took, held := time.Since(began), heap()-before
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := Parse([]byte(store.last))
	if err != nil || len(list.Segments) != count || list.Duration() != 24*time.Hour || !list.Ended {
		t.Errorf("the playlist has %d segments of %v: %v", len(list.Segments), list.Duration(), err)
	}
	t.Logf("%v for a day; %d MB of playlists, the last of %d kB; %d kB in memory", took.Round(time.Millisecond), store.playlists>>20, len(store.last)>>10, held>>10)
	if held > 100*count { // with what the store has
		t.Errorf("a day's segmenter has %d bytes in memory", held)
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
