package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/abema/go-mp4"

	"rostrum/internal/media"
)

// isMP4Box reports whether MP4 and QuickTime files can begin with a box of this type.
func isMP4Box(kind string) bool {
	return slices.Contains([]string{"ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide", "sidx"}, kind)
}

// An mp4Sample is the position of a frame.
type mp4Sample struct {
	track    int
	at       time.Duration
	duration time.Duration
	offset   int64
	size     uint32
}

// An mp4Reader reads MP4 with an index of all samples, 40 bytes each.
type mp4Reader struct {
	f       file
	length  int64
	tracks  []Track
	avc     []avcConfig
	samples []mp4Sample
}

// maxMP4Samples bounds the index: 24 hours of 60 pictures and 50 packets a second.
const maxMP4Samples = 24 * 60 * 60 * 110

var mp4Names = map[string]string{
	"mp4a": "AAC or MP3 (mp4a)", "hvc1": "HEVC (hvc1)", "hev1": "HEVC (hev1)", "ac-3": "AC-3", "ec-3": "E-AC-3", "mp4v": "MPEG-4 Visual (mp4v)",
	"sowt": "PCM (sowt)", "twos": "PCM (twos)", "lpcm": "PCM (lpcm)", "ipcm": "PCM (ipcm)", "fLaC": "FLAC", "alac": "ALAC", "apcn": "ProRes (apcn)", "apch": "ProRes (apch)",
}

var mp4Codecs = map[string]media.Codec{"avc1": media.H264, "avc3": media.H264, "vp08": media.VP8, "vp09": media.VP9, "av01": media.AV1, "Opus": media.Opus}

func newMP4Reader(f file, o Options) (r *mp4Reader, err error) {
	r = &mp4Reader{f: f}
	if r.length, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	if err := checkBoxes(f, r.length); err != nil {
		return nil, err
	}
	traks, err := mp4.ExtractBox(f, nil, mp4.BoxPath{mp4.BoxTypeMoov(), mp4.BoxTypeTrak()})
	if err != nil {
		return nil, fmt.Errorf("MP4: %w", err)
	}
	movieScale := int64(1)
	if header, err := one[*mp4.Mvhd](f, nil, mp4.BoxPath{mp4.BoxTypeMoov(), mp4.BoxTypeMvhd()}); err == nil {
		movieScale = max(int64(header.Timescale), 1)
	}
	var all []trackInfo
	var found []*mp4Track
	for i, trak := range traks {
		t, err := readMP4Track(f, trak, i+1)
		if err != nil {
			return nil, fmt.Errorf("MP4 track %d: %w", i+1, err)
		}
		if t != nil {
			t.readEdits(f, movieScale)
			all, found = append(all, t.trackInfo), append(found, t)
		}
	}
	video, audio, err := choose(all, o)
	if err != nil {
		return nil, err
	}
	var chosen []*mp4Track
	for _, i := range []int{video, audio} {
		if i >= 0 {
			chosen = append(chosen, found[i])
			r.tracks, r.avc = append(r.tracks, found[i].Track), append(r.avc, found[i].avc)
		}
	}
	return r, r.index(chosen)
}

// checkBoxes checks the sizes of the top-level boxes. With a size beyond the end, the
// library that reads them would loop for ever.
func checkBoxes(f io.ReaderAt, length int64) error {
	var h [16]byte
	for at := int64(0); at < length; {
		n, err := f.ReadAt(h[:min(16, length-at)], at)
		if n < 8 {
			return fmt.Errorf("MP4 truncated at %d: %w", at, err)
		}
		size := int64(binary.BigEndian.Uint32(h[:]))
		switch {
		case size == 0:
			return nil // it extends to the end
		case size == 1 && n == 16:
			size = int64(binary.BigEndian.Uint64(h[8:]))
			if size < 16 {
				return fmt.Errorf("MP4 box at %d has size %d", at, size)
			}
		case size < 8:
			return fmt.Errorf("MP4 box at %d has size %d", at, size)
		}
		if size > length-at {
			return fmt.Errorf("MP4 box at %d has %d bytes, the file only %d more", at, size, length-at)
		}
		at += size
	}
	return nil
}

// index lists the samples of the chosen tracks, from sample tables and fragments, in the
// order of their times.
func (r *mp4Reader) index(chosen []*mp4Track) error {
	for i, t := range chosen {
		samples, err := t.tables(r.f, r.length)
		if err != nil {
			return fmt.Errorf("MP4 track %d: %w", t.number, err)
		}
		fragments, err := t.fragments(r.f, maxMP4Samples-len(r.samples)-len(samples))
		if err != nil {
			return fmt.Errorf("MP4 track %d: %w", t.number, err)
		}
		samples = append(samples, fragments...)
		if len(r.samples)+len(samples) > maxMP4Samples {
			return fmt.Errorf("MP4 with more than %d samples", maxMP4Samples)
		}
		for n, s := range samples {
			if t.kind == media.Video && n > 0 && s.at < samples[n-1].at {
				return &Unsupported{problems: []problem{reordered(t.number)}}
			}
			s.track, s.at = i, s.at+t.shift
			r.samples = append(r.samples, s)
		}
	}
	if len(r.samples) == 0 {
		return errors.New("MP4 without samples")
	}
	slices.SortStableFunc(r.samples, func(a, b mp4Sample) int { return int(min(max(a.at-b.at, -1), 1)) })
	first := r.samples[0].at
	for i := range r.samples {
		r.samples[i].at -= first
	}
	return nil
}

func (r *mp4Reader) Tracks() []Track { return r.tracks }

func (r *mp4Reader) Next() (Frame, error) {
	if len(r.samples) == 0 {
		return Frame{}, io.EOF
	}
	s := r.samples[0]
	r.samples = r.samples[1:]
	if s.size > frameBytes || s.offset < 0 || s.offset+int64(s.size) > r.length {
		return Frame{}, io.EOF // the file is truncated, such as one that is being written
	}
	data := make([]byte, s.size)
	if _, err := r.f.ReadAt(data, s.offset); err != nil {
		return Frame{}, endOfFile(err)
	}
	f := Frame{Track: s.track, Time: s.at, Duration: s.duration, Data: data}
	codec := r.tracks[s.track].Codec
	if codec != media.H264 {
		f.Keyframe = isKeyframe(codec, data)
		return f, nil
	}
	var err error
	f.Data, f.Keyframe, err = r.avc[s.track].annexB(data)
	return f, err
}

func (r *mp4Reader) Close() error { return r.f.Close() }
