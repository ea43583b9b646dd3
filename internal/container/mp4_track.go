package container

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/abema/go-mp4"

	"rostrum/internal/media"
)

// An mp4Track is a trak box: its description, and how to find its samples.
type mp4Track struct {
	Track
	trackInfo
	avc       avcConfig
	box       *mp4.BoxInfo
	id        uint32
	timescale int64
	shift     time.Duration // from the track's times to those of the movie
}

// readMP4Track reads a track's description. It returns nil for a track that is neither
// video nor audio.
func readMP4Track(f io.ReadSeeker, trak *mp4.BoxInfo, number int) (*mp4Track, error) {
	t := &mp4Track{box: trak, trackInfo: trackInfo{number: number}}
	handler, err := one[*mp4.Hdlr](f, trak, mp4.BoxPath{mp4.BoxTypeMdia(), mp4.BoxTypeHdlr()})
	if err != nil {
		return nil, err
	}
	switch string(handler.HandlerType[:]) {
	case "vide":
		t.kind = media.Video
	case "soun":
		t.kind = media.Audio
	default:
		return nil, nil
	}
	header, err := one[*mp4.Mdhd](f, trak, mp4.BoxPath{mp4.BoxTypeMdia(), mp4.BoxTypeMdhd()})
	if err != nil {
		return nil, err
	}
	if t.timescale = int64(header.Timescale); t.timescale == 0 {
		return nil, errors.New("its time scale is 0")
	}
	tkhd, err := one[*mp4.Tkhd](f, trak, mp4.BoxPath{mp4.BoxTypeTkhd()})
	if err != nil {
		return nil, err
	}
	t.id = tkhd.TrackID
	return t, t.describe(f)
}

// readEdits reads where the edit list has the track begin: after an empty edit, which is in
// ticks of the movie, and at a time of the media. Samples before that time are kept, because
// decoders need them. The edits after these two are ignored.
func (t *mp4Track) readEdits(f io.ReadSeeker, movieScale int64) {
	edits, err := one[*mp4.Elst](f, t.box, mp4.BoxPath{mp4.BoxTypeEdts(), mp4.BoxTypeElst()})
	if err != nil {
		return // without one, the track begins with the movie
	}
	for i := range min(len(edits.Entries), 2) {
		if at := edits.GetMediaTime(i); at >= 0 {
			t.shift -= t.time(min(at, t.timescale<<30)) // 34 years: no overflow
			return
		}
		t.shift += ticksTime(int64(min(edits.GetSegmentDuration(i), uint64(movieScale)<<30)), movieScale)
	}
}

// describe reads the first sample entry.
func (t *mp4Track) describe(f io.ReadSeeker) error {
	stsd := mp4.BoxPath{mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl(), mp4.BoxTypeStsd()}
	entries, err := mp4.ExtractBox(f, t.box, append(stsd, mp4.BoxTypeAny()))
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return errors.New("it has no description")
	}
	kind := entries[0].Type.String()
	t.trackInfo.codec = mp4Codecs[kind]
	t.Codec = t.trackInfo.codec
	if t.name = mp4Names[kind]; t.name == "" {
		t.name = fmt.Sprintf("%q", kind)
	}
	if entry, err := one[*mp4.VisualSampleEntry](f, t.box, append(stsd, entries[0].Type)); err == nil {
		t.Width, t.Height = int(entry.Width), int(entry.Height)
	} else if entry, err := one[*mp4.AudioSampleEntry](f, t.box, append(stsd, entries[0].Type)); err == nil {
		t.Channels = int(entry.ChannelCount)
	}
	if t.Codec != media.H264 {
		return nil
	}
	boxes, err := mp4.ExtractBox(f, t.box, append(stsd, entries[0].Type, mp4.BoxTypeAvcC()))
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return errors.New("it has no H.264 configuration")
	}
	size := boxes[0].Size - boxes[0].HeaderSize
	if _, err := boxes[0].SeekToPayload(f); err != nil {
		return err
	}
	body, err := readBody(f, size, 1<<16)
	if err != nil {
		return err
	}
	t.avc, err = parseAVCConfig(body)
	return err
}

// one returns the first box at a path below parent.
func one[T mp4.IBox](f io.ReadSeeker, parent *mp4.BoxInfo, path mp4.BoxPath) (T, error) {
	var none T
	boxes, err := mp4.ExtractBoxWithPayload(f, parent, path)
	if err != nil {
		return none, err
	}
	if len(boxes) == 0 {
		return none, fmt.Errorf("it has no box %s", path[len(path)-1])
	}
	box, ok := boxes[0].Payload.(T)
	if !ok {
		return none, fmt.Errorf("box %s is %T", path[len(path)-1], boxes[0].Payload)
	}
	return box, nil
}

// time converts ticks of the track to time.
func (t *mp4Track) time(ticks int64) time.Duration { return ticksTime(ticks, t.timescale) }

// ticksTime converts ticks, of which a second has scale, to time without overflow.
func ticksTime(ticks, scale int64) time.Duration {
	return time.Duration(ticks/scale)*time.Second + time.Duration(ticks%scale)*time.Second/time.Duration(scale)
}

// tables reads the samples of an unfragmented file (ISO 14496-12 §8.6 and §8.7).
func (t *mp4Track) tables(f io.ReadSeeker, length int64) ([]mp4Sample, error) {
	stbl := mp4.BoxPath{mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl()}
	sizes, err := one[*mp4.Stsz](f, t.box, append(stbl, mp4.BoxTypeStsz()))
	if err != nil {
		return nil, err
	}
	if int64(sizes.SampleCount) > min(maxMP4Samples, length) || sizes.SampleSize == 0 && int(sizes.SampleCount) > len(sizes.EntrySize) {
		return nil, fmt.Errorf("%d samples", sizes.SampleCount)
	}
	samples := make([]mp4Sample, sizes.SampleCount)
	if len(samples) == 0 {
		return nil, nil
	}
	for i := range samples {
		if samples[i].size = sizes.SampleSize; samples[i].size == 0 {
			samples[i].size = sizes.EntrySize[i]
		}
	}
	if err := t.timing(f, stbl, samples); err != nil {
		return nil, err
	}
	return samples, t.positions(f, stbl, samples)
}

// timing sets decoding times, durations and composition offsets.
func (t *mp4Track) timing(f io.ReadSeeker, stbl mp4.BoxPath, samples []mp4Sample) error {
	stts, err := one[*mp4.Stts](f, t.box, append(stbl, mp4.BoxTypeStts()))
	if err != nil {
		return err
	}
	ticks := make([]int64, 0, len(samples))
	now := int64(0)
	for _, e := range stts.Entries {
		for range min(int(e.SampleCount), len(samples)-len(ticks)) {
			samples[len(ticks)].duration = t.time(int64(e.SampleDelta))
			ticks = append(ticks, now)
			now += int64(e.SampleDelta)
		}
	}
	if len(ticks) < len(samples) {
		return errors.New("it has fewer times than samples")
	}
	if ctts, err := one[*mp4.Ctts](f, t.box, append(stbl, mp4.BoxTypeCtts())); err == nil {
		n := 0
		for i, e := range ctts.Entries {
			for range min(int(e.SampleCount), len(ticks)-n) {
				ticks[n] += ctts.GetSampleOffset(i)
				n++
			}
		}
	}
	for i := range samples {
		samples[i].at = t.time(ticks[i])
	}
	return nil
}

// positions sets the position of each sample.
func (t *mp4Track) positions(f io.ReadSeeker, stbl mp4.BoxPath, samples []mp4Sample) error {
	var chunks []uint64
	if stco, err := one[*mp4.Stco](f, t.box, append(stbl, mp4.BoxTypeStco())); err == nil {
		for _, o := range stco.ChunkOffset {
			chunks = append(chunks, uint64(o))
		}
	} else {
		co64, err := one[*mp4.Co64](f, t.box, append(stbl, mp4.BoxTypeCo64()))
		if err != nil {
			return err
		}
		chunks = co64.ChunkOffset
	}
	stsc, err := one[*mp4.Stsc](f, t.box, append(stbl, mp4.BoxTypeStsc()))
	if err != nil {
		return err
	}
	n, entry := 0, 0
	for i, offset := range chunks {
		for entry+1 < len(stsc.Entries) && uint32(i+1) >= stsc.Entries[entry+1].FirstChunk {
			entry++
		}
		if entry >= len(stsc.Entries) {
			break
		}
		for range stsc.Entries[entry].SamplesPerChunk {
			if n == len(samples) {
				return nil
			}
			samples[n].offset = int64(offset)
			offset += uint64(samples[n].size)
			n++
		}
	}
	if n < len(samples) {
		return errors.New("it has fewer positions than samples")
	}
	return nil
}

// fragments reads the samples of a fragmented file (ISO 14496-12 §8.8). More than limit is
// an error.
func (t *mp4Track) fragments(f io.ReadSeeker, limit int) ([]mp4Sample, error) {
	moofs, err := mp4.ExtractBox(f, nil, mp4.BoxPath{mp4.BoxTypeMoof()})
	if err != nil || len(moofs) == 0 {
		return nil, err
	}
	defaults := &mp4.Trex{}
	all, err := mp4.ExtractBoxWithPayload(f, nil, mp4.BoxPath{mp4.BoxTypeMoov(), mp4.BoxTypeMvex(), mp4.BoxTypeTrex()})
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if trex, ok := b.Payload.(*mp4.Trex); ok && trex.TrackID == t.id {
			defaults = trex
		}
	}
	var samples []mp4Sample
	now := int64(0)
	for _, moof := range moofs {
		trafs, err := mp4.ExtractBox(f, moof, mp4.BoxPath{mp4.BoxTypeTraf()})
		if err != nil {
			return nil, err
		}
		for _, traf := range trafs {
			got, end, err := t.fragment(f, moof, traf, defaults, now)
			if err != nil {
				return nil, err
			}
			if samples, now = append(samples, got...), end; len(samples) > limit {
				return nil, fmt.Errorf("more than %d samples", limit)
			}
		}
	}
	return samples, nil
}

// fragment reads one traf, if it is of this track; now is the end of the last one.
func (t *mp4Track) fragment(f io.ReadSeeker, moof, traf *mp4.BoxInfo, trex *mp4.Trex, now int64) ([]mp4Sample, int64, error) {
	head, err := one[*mp4.Tfhd](f, traf, mp4.BoxPath{mp4.BoxTypeTfhd()})
	if err != nil || head.TrackID != t.id {
		return nil, now, err
	}
	if tfdt, err := one[*mp4.Tfdt](f, traf, mp4.BoxPath{mp4.BoxTypeTfdt()}); err == nil {
		now = int64(min(tfdt.GetBaseMediaDecodeTime(), 1<<60))
	}
	duration, size, base := trex.DefaultSampleDuration, trex.DefaultSampleSize, int64(moof.Offset)
	if head.CheckFlag(0x08) {
		duration = head.DefaultSampleDuration
	}
	if head.CheckFlag(0x10) {
		size = head.DefaultSampleSize
	}
	if head.CheckFlag(0x01) {
		base = int64(head.BaseDataOffset)
	}
	runs, err := mp4.ExtractBoxWithPayload(f, traf, mp4.BoxPath{mp4.BoxTypeTrun()})
	if err != nil {
		return nil, now, err
	}
	var samples []mp4Sample
	offset := base
	for _, b := range runs {
		run, ok := b.Payload.(*mp4.Trun)
		if !ok {
			continue
		}
		if run.CheckFlag(0x01) {
			offset = base + int64(run.DataOffset)
		}
		for i, e := range run.Entries {
			s, d := mp4Sample{offset: offset, size: size}, int64(duration)
			if run.CheckFlag(0x100) {
				d = int64(e.SampleDuration)
			}
			if run.CheckFlag(0x200) {
				s.size = e.SampleSize
			}
			s.at, s.duration = t.time(now), t.time(d)
			if run.CheckFlag(0x800) {
				s.at = t.time(now + run.GetSampleCompositionTimeOffset(i))
			}
			samples = append(samples, s)
			now += d
			offset += int64(s.size)
		}
	}
	return samples, now, nil
}
