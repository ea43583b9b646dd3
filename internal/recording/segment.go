package recording

import (
	"encoding/binary"
	"fmt"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/hls"
)

// measured is what the segments of a rendition have.
type measured struct {
	duration time.Duration // of the playlist
	bytes    int64
	peak     int // bits a second, of a segment
	pictures int
	codecs   []string
	sizes    []string // of video
}

// A section is what is read of segments with one initialization section.
type section struct {
	init    string
	tracks  map[int]*trackTime // by ID
	lead    int                // ID of the track whose keyframes begin segments
	measure *measured
}

// trackTime is where the samples of a track begin and end, in ticks.
type trackTime struct {
	*fmp4.InitTrack
	begin, end int64
	isBegun    bool
	shown      shownGroup // of video
}

func (t *trackTime) seconds(ticks int64) time.Duration {
	return time.Duration(float64(ticks) / float64(t.TimeScale) * float64(time.Second))
}

const (
	// maxTrackDifference is how far audio and video may be apart at the ends of a section:
	// the longest packet of Opus has 120 ms.
	maxTrackDifference = 150 * time.Millisecond
	rounding           = time.Millisecond
)

// rendition checks a media playlist with all that it refers to.
func (v *verifier) rendition(uri string, ended bool) *measured {
	name := path.Join(hlsFolder, uri)
	list, ok := v.mediaPlaylist(name, ended)
	if !ok {
		return nil
	}
	v.clock(name, list)
	m := &measured{duration: list.Duration()}
	var s *section
	for i, g := range list.Segments {
		if g.Discontinuity || i == 0 || g.Init != list.Segments[i-1].Init {
			if i > 0 && !g.Discontinuity {
				v.problem(name, "%s has another EXT-X-MAP, without a discontinuity", g.Name)
			}
			v.endSection(s)
			s = v.beginSection(path.Join(path.Dir(name), g.Init), m)
		}
		if s != nil {
			v.segment(path.Join(path.Dir(name), g.Name), g, s)
		}
	}
	v.endSection(s)
	v.allowNext(path.Dir(name), list)
	v.report.Segments += len(list.Segments)
	return m
}

// allowNext allows the segment that would be listed next: a process can be killed after it has
// written one. It also allows initialization sections of sections that got no segment.
func (v *verifier) allowNext(folder string, list hls.Playlist) {
	v.known[path.Join(folder, fmt.Sprintf("%d.mp4", len(list.Segments)))] = true
	for name := range v.recording.files {
		if path.Dir(name) == folder && initName.MatchString(path.Base(name)) {
			v.known[name] = true
		}
	}
}

var initName = regexp.MustCompile(`^init-\d+\.mp4$`)

// beginSection reads an initialization section.
func (v *verifier) beginSection(name string, m *measured) *section {
	data, ok := v.read(name, maxSegment)
	if !ok {
		return nil
	}
	v.report.Sections++
	init, err := hls.ReadInit(data)
	if err != nil || len(init.Tracks) == 0 {
		v.problem(name, "it is no initialization section: %v, %d tracks", err, len(init.Tracks))
		return nil
	}
	s := &section{init: name, tracks: map[int]*trackTime{}, lead: init.Tracks[0].ID, measure: m}
	for _, t := range init.Tracks {
		s.tracks[t.ID] = &trackTime{InitTrack: t}
		codec, size, err := codecName(t.Codec)
		if err != nil || t.TimeScale == 0 {
			v.problem(name, "track %d: %v, time scale %d", t.ID, err, t.TimeScale)
			return nil
		}
		if !slices.Contains(m.codecs, codec) {
			m.codecs = append(m.codecs, codec)
		}
		if size != "" && !slices.Contains(m.sizes, size) {
			m.sizes = append(m.sizes, size)
		}
	}
	return s
}

// codecName is a codec as in CODECS, and the size of video. A name that ends with a dot is
// incomplete.
func codecName(c codecs.Codec) (name, size string, err error) {
	switch c := c.(type) {
	case *codecs.H264:
		t, err := hls.H264(c.SPS, c.PPS)
		return t.Name, fmt.Sprintf("%dx%d", t.Width, t.Height), err
	case *codecs.VP9:
		return fmt.Sprintf("vp09.%02d.", c.Profile), fmt.Sprintf("%dx%d", c.Width, c.Height), nil
	case *codecs.AV1:
		var h av1.SequenceHeader
		err := h.Unmarshal(c.SequenceHeader)
		return fmt.Sprintf("av01.%d.", h.SeqProfile), fmt.Sprintf("%dx%d", h.Width(), h.Height()), err
	case *codecs.Opus:
		return "opus", "", nil
	case *codecs.MPEG4Audio:
		kind := c.Config.Type
		if c.Config.ExtensionType != 0 {
			kind = c.Config.ExtensionType
		}
		return fmt.Sprintf("mp4a.40.%d", kind), "", nil
	}
	return "", "", fmt.Errorf("its codec, %T, is none of recordings", c)
}

// segment checks a segment against its entry in the playlist, and against those before it.
func (v *verifier) segment(name string, g hls.Segment, s *section) {
	data, ok := v.read(name, maxSegment)
	if !ok {
		return
	}
	s.measure.bytes += int64(len(data))
	if g.Duration > 0 {
		s.measure.peak = max(s.measure.peak, int(float64(len(data))*8/g.Duration.Seconds()))
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data); err != nil {
		v.problem(name, "it is no fragmented MP4: %v", err)
		return
	}
	lead := s.tracks[s.lead]
	from, continues, isFirst := lead.end, lead.isBegun, true
	for _, p := range parts {
		for _, t := range p.Tracks {
			at := s.tracks[t.ID]
			if at == nil {
				v.problem(name, "it has track %d, which %s does not describe", t.ID, path.Base(s.init))
				continue
			}
			v.samples(name, at, t, s)
			if at != lead || len(t.Samples) == 0 {
				continue
			}
			if isFirst && t.Samples[0].IsNonSyncSample {
				v.problem(name, "it does not begin with a keyframe")
			}
			isFirst = false
		}
	}
	if !continues {
		from = lead.begin
	}
	if d := lead.seconds(lead.end - from); (d - g.Duration).Abs() > rounding {
		v.problem(name, "its samples last %v, EXTINF is %v", d, g.Duration)
	}
}

// samples checks one track of a segment, which continues where it ended.
func (v *verifier) samples(name string, at *trackTime, t *fmp4.PartTrack, s *section) {
	begin := int64(t.BaseTime)
	if !at.isBegun {
		at.begin, at.end, at.isBegun = begin, begin, true
	}
	if gap := at.seconds(begin - at.end); gap.Abs() > rounding {
		v.problem(name, "track %d begins %v after it ended in the segment before (tfdt)", t.ID, gap)
	}
	at.end = begin
	if at.Codec.IsVideo() {
		repeats, _ := at.shown.add(t.Samples)
		s.measure.pictures += len(t.Samples) - repeats
	}
	for i, sample := range t.Samples {
		at.end += int64(sample.Duration)
		if sample.Duration == 0 {
			v.problem(name, "sample %d of track %d has no duration", i, t.ID)
		}
		if _, ok := at.Codec.(*codecs.H264); ok {
			if err := checkAVC(sample.Payload, !sample.IsNonSyncSample); err != nil {
				v.problem(name, "picture %d: %v", i, err)
			}
		}
	}
}

// checkAVC checks a picture of H.264 without decoding it.
func checkAVC(data []byte, keyframe bool) error {
	isIDR := false
	for len(data) > 0 {
		if len(data) < 5 {
			return fmt.Errorf("it ends with %d bytes of a NAL unit", len(data))
		}
		size := binary.BigEndian.Uint32(data)
		if size == 0 || uint64(size) > uint64(len(data)-4) {
			return fmt.Errorf("a NAL unit of %d bytes, of which it has %d", size, len(data)-4)
		}
		isIDR = isIDR || h264.NALUType(data[4]&0x1f) == h264.NALUTypeIDR
		data = data[4+size:]
	}
	if isIDR != keyframe {
		return fmt.Errorf("it is an IDR picture: %t, and marked as a keyframe: %t", isIDR, keyframe)
	}
	return nil
}

// endSection checks that the tracks of a section are equally long.
func (v *verifier) endSection(s *section) {
	if s == nil {
		return
	}
	lead := s.tracks[s.lead]
	if !lead.isBegun {
		return
	}
	for id, t := range s.tracks {
		if !t.isBegun && lead.seconds(lead.end-lead.begin) <= maxTrackDifference {
			continue // it ended before a packet of audio was complete
		}
		if !t.isBegun {
			v.problem(s.init, "no segment has a sample of its track %d", id)
			continue
		}
		if d := t.seconds(t.begin) - lead.seconds(lead.begin); d.Abs() > maxTrackDifference {
			v.problem(s.init, "track %d begins %v after the first", id, d)
		}
		if d := t.seconds(t.end) - lead.seconds(lead.end); d.Abs() > maxTrackDifference {
			v.problem(s.init, "track %d ends %v after the first", id, d)
		}
	}
}
