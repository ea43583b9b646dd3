package hls

import "encoding/binary"

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

// Flags of a run of samples (ISO 14496-12 §8.8.8).
const (
	runHasDataOffset = 0x1
	runHasDurations  = 0x100
	runHasSizes      = 0x200
	runHasFlags      = 0x400
	runHasOffsets    = 0x800

	isNoKeyframe = 0x10000 // of a sample
)

// A sampleRun is the samples of one track in a fragment.
type sampleRun struct {
	track   int // index
	samples []*Sample
	flags   uint32
	bytes   int
}

func runOf(track int, samples []Sample) sampleRun {
	r := sampleRun{track: track, flags: runHasDataOffset | runHasDurations | runHasSizes}
	for i := range samples {
		s := &samples[i]
		if s.Track != track {
			continue
		}
		r.samples = append(r.samples, s)
		r.bytes += len(s.Data)
		if !s.Keyframe {
			r.flags |= runHasFlags
		}
		if s.Offset != 0 {
			r.flags |= runHasOffsets
		}
	}
	return r
}

// size is that of the track's traf box.
func (r sampleRun) size() int { return 8 + 16 + 20 + r.runSize() }

func (r sampleRun) runSize() int {
	entry := 8
	for _, f := range []uint32{runHasFlags, runHasOffsets} {
		if r.flags&f != 0 {
			entry += 4
		}
	}
	return 20 + entry*len(r.samples)
}

// appendTo appends the track's traf box. Its samples begin so many bytes after the moof box does.
func (r sampleRun) appendTo(b []byte, offset int) []byte {
	b = appendBox(b, r.size(), "traf")
	b = appendBox(b, 16, "tfhd")
	b = appendInts(b, 0x02_0000, uint32(r.track+1)) // offsets are from moof
	b = appendBox(b, 20, "tfdt")
	b = appendInts(b, 1<<24) // version
	b = binary.BigEndian.AppendUint64(b, uint64(r.samples[0].Time))
	b = appendBox(b, r.runSize(), "trun")
	b = appendInts(b, 1<<24|r.flags, uint32(len(r.samples)), uint32(offset))
	for _, s := range r.samples {
		b = appendInts(b, uint32(s.Duration), uint32(len(s.Data)))
		if r.flags&runHasFlags != 0 {
			flags := uint32(0)
			if !s.Keyframe {
				flags = isNoKeyframe
			}
			b = appendInts(b, flags)
		}
		if r.flags&runHasOffsets != 0 {
			b = appendInts(b, uint32(int32(s.Offset)))
		}
	}
	return b
}

func appendBox(b []byte, size int, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), kind...)
}

func appendInts(b []byte, all ...uint32) []byte {
	for _, n := range all {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// Fragment is a movie fragment of samples, in order on each track. Fragments are numbered
// from 1. It is written into memory once: a segment has megabytes.
func Fragment(number uint32, tracks []Track, samples []Sample) []byte {
	var runs []sampleRun
	moof, mdat := 8+16, 8
	for i := range tracks {
		if r := runOf(i, samples); len(r.samples) > 0 {
			runs = append(runs, r)
			moof += r.size()
			mdat += r.bytes
		}
	}
	b := appendBox(make([]byte, 0, moof+mdat), moof, "moof")
	b = appendBox(b, 16, "mfhd")
	b = appendInts(b, 0, number)
	offset := moof + 8
	for _, r := range runs {
		b = r.appendTo(b, offset)
		offset += r.bytes
	}
	b = appendBox(b, mdat, "mdat")
	for _, r := range runs {
		for _, s := range r.samples {
			b = append(b, s.Data...)
		}
	}
	return b
}
