package recording

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// An mp4File is an MP4 file that is not fragmented (ISO 14496-12): the media come first,
// and their index last, or before them where space is reserved for it and suffices. Its sizes
// and times have 64 bits.
type mp4File struct {
	file     io.WriteSeeker
	reserved int64 // bytes before the box of media
	begins   int64 // of the box of media
	at       int64 // where the next media go
	tracks   []*mp4Track
}

// An mp4Track is the index of one track. Times are in ticks of its time scale.
type mp4Track struct {
	handler       string // vide or soun
	timescale     uint32
	width, height uint16
	mediaTime     int64         // presentation begins there: pre-skip of Opus
	starts        time.Duration // in the movie
	descriptions  [][]byte      // sample entries

	length  int64 // sum of the durations
	times   []mp4.SttsEntry
	offsets []mp4.CttsEntry // from decoding to presentation
	shifts  bool            // an offset is not 0
	sizes   []uint32
	sync    []uint32 // numbers of keyframes, from 1
	chunks  []uint64
	runs    []mp4.StscEntry
}

const (
	movieTimescale = 90_000
	boxHeader      = 8 // bytes
)

// newMP4File reserves space for the index, in bytes; 0 for an index at the end.
func newMP4File(to io.WriteSeeker, reserved int64) (*mp4File, error) {
	brands := []mp4.CompatibleBrandElem{{CompatibleBrand: [4]byte{'i', 's', 'o', 'm'}}, {CompatibleBrand: [4]byte{'i', 's', 'o', '2'}}, {CompatibleBrand: [4]byte{'m', 'p', '4', '1'}}}
	var b boxes
	b.box(&mp4.Ftyp{MajorBrand: brands[0].CompatibleBrand, MinorVersion: 512, CompatibleBrands: brands}, nil)
	if reserved > 0 {
		b.free(reserved)
	}
	// The size of mdat is known last; 1 says that 64 bits follow.
	if b.err == nil {
		_, b.err = b.buffer.Write(append([]byte{0, 0, 0, 1, 'm', 'd', 'a', 't'}, make([]byte, 8)...))
	}
	if b.err != nil {
		return nil, b.err
	}
	n, err := to.Write(b.buffer.Bytes())
	return &mp4File{file: to, reserved: reserved, begins: int64(n) - 16, at: int64(n)}, err
}

// beginChunk says that the next samples of a track follow in the file.
func (f *mp4File) beginChunk(t *mp4Track, description int) {
	t.chunks = append(t.chunks, uint64(f.at))
	t.runs = append(t.runs, mp4.StscEntry{FirstChunk: uint32(len(t.chunks)), SampleDescriptionIndex: uint32(description + 1)})
}

// A sample is one of a track, in decoding order.
type sample struct {
	data     []byte
	duration uint32
	offset   int32
	keyframe bool
}

// write writes a sample into the current chunk of a track.
func (f *mp4File) write(t *mp4Track, s sample) error {
	n, err := f.file.Write(s.data)
	f.at += int64(n)
	if err != nil {
		return err
	}
	t.runs[len(t.runs)-1].SamplesPerChunk++
	t.sizes = append(t.sizes, uint32(len(s.data)))
	if s.keyframe {
		t.sync = append(t.sync, uint32(len(t.sizes)))
	}
	t.addDuration(s.duration)
	if k := len(t.offsets); k > 0 && t.offsets[k-1].SampleOffsetV1 == s.offset {
		t.offsets[k-1].SampleCount++
	} else {
		t.offsets = append(t.offsets, mp4.CttsEntry{SampleCount: 1, SampleOffsetV1: s.offset})
	}
	t.shifts = t.shifts || s.offset != 0
	return nil
}

func (t *mp4Track) addDuration(d uint32) {
	t.length += int64(d)
	if k := len(t.times); k > 0 && t.times[k-1].SampleDelta == d {
		t.times[k-1].SampleCount++
		return
	}
	t.times = append(t.times, mp4.SttsEntry{SampleCount: 1, SampleDelta: d})
}

// canExtend reports whether the last sample can be as much longer: its duration has 32 bits.
func (t *mp4Track) canExtend(by int64) bool {
	k := len(t.times) - 1
	return k >= 0 && int64(t.times[k].SampleDelta)+by <= int64(^uint32(0))
}

// extend makes the last sample longer, or shorter by up to its duration.
func (t *mp4Track) extend(by int64) {
	k := len(t.times) - 1
	if k < 0 {
		return
	}
	last := t.times[k].SampleDelta
	by = min(max(by, 1-int64(last)), int64(^uint32(0)-last))
	if t.times[k].SampleCount--; t.times[k].SampleCount == 0 {
		t.times = t.times[:k]
	}
	t.length -= int64(last)
	t.addDuration(uint32(int64(last) + by))
}

// close writes the index.
func (f *mp4File) close() error {
	var b boxes
	b.movie(f.tracks)
	at := f.at
	if free := f.reserved - int64(len(b.buffer.Bytes())); free >= boxHeader {
		b.free(free)
		at = f.begins - f.reserved
	}
	if b.err != nil {
		return b.err
	}
	_, err := f.file.Seek(at, io.SeekStart)
	if err == nil {
		_, err = f.file.Write(b.buffer.Bytes())
	}
	if err != nil {
		return err
	}
	_, err = f.file.Seek(f.begins+8, io.SeekStart)
	return errors.Join(err, binary.Write(f.file, binary.BigEndian, uint64(f.at-f.begins)))
}

// boxes marshals boxes in memory. After an error it does nothing.
type boxes struct {
	buffer seekablebuffer.Buffer
	err    error
}

// box writes a box with what inside writes in it; nil for nothing.
func (b *boxes) box(box mp4.IImmutableBox, inside func()) {
	if b.err != nil {
		return
	}
	w := mp4.NewWriter(&b.buffer)
	if _, b.err = w.StartBox(&mp4.BoxInfo{Type: box.GetType()}); b.err != nil {
		return
	}
	if _, b.err = mp4.Marshal(w, box, mp4.Context{}); b.err != nil {
		return
	}
	if inside != nil {
		inside()
	}
	if b.err == nil {
		_, b.err = w.EndBox()
	}
}

// free writes a box without meaning, of a size.
func (b *boxes) free(size int64) {
	b.box(&mp4.Free{Data: make([]byte, size-boxHeader)}, nil)
}

var (
	unitMatrix = [9]int32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000}
	version1   = mp4.FullBox{Version: 1}
)

func movieTime(d time.Duration) uint64 {
	return uint64(d/time.Second)*movieTimescale + uint64(d%time.Second)*movieTimescale/uint64(time.Second)
}

// duration is how long a track is presented, in ticks of the movie.
func (t *mp4Track) duration() uint64 {
	ticks := uint64(max(t.length-t.mediaTime, 0))
	scale := uint64(t.timescale)
	return ticks/scale*movieTimescale + ticks%scale*movieTimescale/scale
}

func (b *boxes) movie(tracks []*mp4Track) {
	longest := uint64(0)
	for _, t := range tracks {
		longest = max(longest, movieTime(t.starts)+t.duration())
	}
	b.box(&mp4.Moov{}, func() {
		b.box(&mp4.Mvhd{FullBox: version1, Timescale: movieTimescale, DurationV1: longest, Rate: 0x10000, Volume: 0x100, Matrix: unitMatrix, NextTrackID: uint32(len(tracks) + 1)}, nil)
		for i, t := range tracks {
			b.track(uint32(i+1), t)
		}
	})
}

func (b *boxes) track(id uint32, t *mp4Track) {
	header := mp4.Tkhd{FullBox: mp4.FullBox{Version: 1, Flags: [3]byte{0, 0, 3}}, TrackID: id, DurationV1: movieTime(t.starts) + t.duration(), Matrix: unitMatrix}
	if t.handler == "vide" {
		header.Width, header.Height = uint32(t.width)<<16, uint32(t.height)<<16
	} else {
		header.Volume, header.AlternateGroup = 0x100, 1
	}
	edits := mp4.Elst{FullBox: version1}
	if t.starts > 0 {
		edits.Entries = append(edits.Entries, mp4.ElstEntry{SegmentDurationV1: movieTime(t.starts), MediaTimeV1: -1, MediaRateInteger: 1})
	}
	edits.Entries = append(edits.Entries, mp4.ElstEntry{SegmentDurationV1: t.duration(), MediaTimeV1: t.mediaTime, MediaRateInteger: 1})
	edits.EntryCount = uint32(len(edits.Entries))
	b.box(&mp4.Trak{}, func() {
		b.box(&header, nil)
		b.box(&mp4.Edts{}, func() { b.box(&edits, nil) })
		b.box(&mp4.Mdia{}, func() {
			b.box(&mp4.Mdhd{FullBox: version1, Timescale: t.timescale, DurationV1: uint64(t.length), Language: [3]byte{'u', 'n', 'd'}}, nil)
			b.box(&mp4.Hdlr{HandlerType: [4]byte([]byte(t.handler)), Name: map[string]string{"vide": "VideoHandler", "soun": "SoundHandler"}[t.handler]}, nil)
			b.box(&mp4.Minf{}, func() { b.mediaInformation(t) })
		})
	})
}

func (b *boxes) mediaInformation(t *mp4Track) {
	if t.handler == "vide" {
		b.box(&mp4.Vmhd{FullBox: mp4.FullBox{Flags: [3]byte{0, 0, 1}}}, nil)
	} else {
		b.box(&mp4.Smhd{}, nil)
	}
	b.box(&mp4.Dinf{}, func() {
		b.box(&mp4.Dref{EntryCount: 1}, func() {
			b.box(&mp4.Url{FullBox: mp4.FullBox{Flags: [3]byte{0, 0, mp4.UrlSelfContained}}}, nil)
		})
	})
	b.box(&mp4.Stbl{}, func() {
		b.box(&mp4.Stsd{EntryCount: uint32(len(t.descriptions))}, func() {
			for _, d := range t.descriptions {
				if b.err == nil {
					_, b.err = b.buffer.Write(d)
				}
			}
		})
		b.box(&mp4.Stts{EntryCount: uint32(len(t.times)), Entries: t.times}, nil)
		if t.shifts {
			b.box(&mp4.Ctts{FullBox: version1, EntryCount: uint32(len(t.offsets)), Entries: t.offsets}, nil)
		}
		if len(t.sync) < len(t.sizes) {
			b.box(&mp4.Stss{EntryCount: uint32(len(t.sync)), SampleNumber: t.sync}, nil)
		}
		b.box(&mp4.Stsc{EntryCount: uint32(len(t.runs)), Entries: t.runs}, nil)
		b.box(&mp4.Stsz{SampleCount: uint32(len(t.sizes)), EntrySize: t.sizes}, nil)
		b.box(&mp4.Co64{EntryCount: uint32(len(t.chunks)), ChunkOffset: t.chunks}, nil)
	})
}

// createFile calls fn with a file that gets its name once fn has succeeded.
func createFile(name string, fn func(io.WriteSeeker) error) error {
	// Another process may write a file of the same name: the last to finish has it.
	file, err := os.OpenFile(name+"."+rand.Text()+".part", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(fn(file), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
