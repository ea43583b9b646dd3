package hls

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// A Sample is one picture or packet of audio. Times are in ticks of its track, in decoding
// order.
type Sample struct {
	Track          int // index
	Time, Duration int64
	Offset         int64 // from decoding to presentation
	Keyframe       bool  // decoding can begin here; true for all audio
	// Data is a frame of audio or, of H.264, NAL units with a length of four bytes
	// before each (ISO 14496-15).
	Data []byte
}

// end is when the sample ends.
func (s Sample) end() int64 { return s.Time + s.Duration }

// AVC joins NAL units to a Sample's Data.
func AVC(units [][]byte) []byte {
	size := 0
	for _, u := range units {
		size += 4 + len(u)
	}
	data := make([]byte, 0, size)
	for _, u := range units {
		data = binary.BigEndian.AppendUint32(data, uint32(len(u)))
		data = append(data, u...)
	}
	return data
}

// Fragment is a movie fragment of samples, in order on each track. Fragments are numbered
// from 1.
func Fragment(number uint32, tracks []Track, samples []Sample) ([]byte, error) {
	part := fmp4.Part{SequenceNumber: number}
	for i := range tracks {
		var t *fmp4.PartTrack
		for _, s := range samples {
			if s.Track != i {
				continue
			}
			if t == nil {
				t = &fmp4.PartTrack{ID: i + 1, BaseTime: uint64(s.Time)}
				part.Tracks = append(part.Tracks, t)
			}
			t.Samples = append(t.Samples, &fmp4.Sample{Duration: uint32(s.Duration), PTSOffset: int32(s.Offset), IsNonSyncSample: !s.Keyframe, Payload: s.Data})
		}
	}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write MP4 fragment: %w", err)
	}
	return slices.Clone(b.Bytes()), nil
}
