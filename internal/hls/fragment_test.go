package hls

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// referenceFragment is the fragment that mediacommon writes.
func referenceFragment(t *testing.T, number uint32, tracks int, samples []Sample) []byte {
	t.Helper()
	part := fmp4.Part{SequenceNumber: number}
	for i := range tracks {
		var track *fmp4.PartTrack
		for _, s := range samples {
			if s.Track != i {
				continue
			}
			if track == nil {
				track = &fmp4.PartTrack{ID: i + 1, BaseTime: uint64(s.Time)}
				part.Tracks = append(part.Tracks, track)
			}
			track.Samples = append(track.Samples, &fmp4.Sample{Duration: uint32(s.Duration), PTSOffset: int32(s.Offset), IsNonSyncSample: !s.Keyframe, Payload: s.Data})
		}
	}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFragment_EqualsThatOfAnotherWriter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := func() []byte { return bytes.Repeat([]byte{byte(random.Uint32())}, random.IntN(300)) }
	for _, c := range []struct {
		name     string
		tracks   int
		describe func(n int, s *Sample)
	}{
		{"keyframes alone", 1, func(_ int, s *Sample) { s.Keyframe = true }},
		{"pictures", 1, func(n int, s *Sample) { s.Keyframe = n == 0 }},
		{"pictures in another order", 1, func(n int, s *Sample) { s.Keyframe, s.Offset = n == 0, int64(n%3-1)*3000 }},
		{"pictures and audio", 2, func(n int, s *Sample) { s.Track, s.Keyframe = n%2, n%2 == 1 || n == 0 }},
		{"audio of a track without pictures", 2, func(_ int, s *Sample) { s.Track, s.Keyframe = 1, true }},
		{"late times", 2, func(n int, s *Sample) { s.Track, s.Time, s.Keyframe = n%2, s.Time+1<<40, n < 2 }},
	} {
		var samples []Sample
		for n := range 50 {
			s := Sample{Time: int64(n) * 3000, Duration: 3000, Data: data()}
			c.describe(n, &s)
			samples = append(samples, s)
		}
		if !bytes.Equal(Fragment(7, make([]Track, c.tracks), samples), referenceFragment(t, 7, c.tracks, samples)) {
			t.Errorf("%s: the fragment is another", c.name)
		}
	}
	if !bytes.Equal(Fragment(1, make([]Track, 2), nil), referenceFragment(t, 1, 2, nil)) {
		t.Error("the fragment without samples is another")
	}
}

// A segment is megabytes, of which every recording has one at a time.
func TestFragment_IsInMemoryOnce(t *testing.T) {
	samples := make([]Sample, 60)
	for i := range samples {
		samples[i] = Sample{Time: int64(i) * 3000, Duration: 3000, Data: make([]byte, 10_000)}
	}
	if f := Fragment(1, make([]Track, 1), samples); cap(f) > len(f)+len(f)/20 { // of rounding
		t.Errorf("a fragment of %d bytes took %d", len(f), cap(f))
	}
}
