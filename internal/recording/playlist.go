package recording

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"rostrum/internal/hls"
)

// A variant is one entry of the multivariant playlist.
type variant struct {
	uri        string
	codecs     []string
	resolution string
	bandwidth  int
	average    int     // 0 where it is not said
	frameRate  float64 // 0 where it is not said
}

// multivariant reads the multivariant playlist.
func (v *verifier) multivariant() []variant {
	data, ok := v.read(multivariantFile, maxPlaylist)
	if !ok {
		return nil
	}
	var list playlist.Multivariant
	if err := list.Unmarshal(data); err != nil {
		v.problem(multivariantFile, "it is no multivariant playlist: %v", err)
		return nil
	}
	var all []variant
	for _, e := range list.Variants {
		n := variant{uri: e.URI, codecs: e.Codecs, resolution: e.Resolution, bandwidth: e.Bandwidth}
		if e.AverageBandwidth != nil {
			n.average = *e.AverageBandwidth
		}
		if e.FrameRate != nil {
			n.frameRate = *e.FrameRate
		}
		if !isBelow(n.uri) {
			v.problem(multivariantFile, "it refers to %q, which is outside of the recording", n.uri)
			continue
		}
		all = append(all, n)
	}
	return all
}

// isBelow reports whether a URI is a relative path of a file below the playlist's folder.
func isBelow(uri string) bool {
	return uri != "" && uri == path.Clean(uri) && !path.IsAbs(uri) && uri != ".." && !strings.HasPrefix(uri, "../") && !strings.ContainsAny(uri, ":?#\\")
}

// mediaPlaylist reads a media playlist, and checks it alone.
func (v *verifier) mediaPlaylist(name string, ended bool) (hls.Playlist, bool) {
	data, ok := v.read(name, maxPlaylist)
	if !ok {
		return hls.Playlist{}, false
	}
	var list playlist.Media
	if err := list.Unmarshal(data); err != nil {
		v.problem(name, "it is no media playlist: %v", err)
		return hls.Playlist{}, false
	}
	segments, err := hls.Parse(data)
	if err != nil || len(segments.Segments) != len(list.Segments) {
		v.problem(name, "it can't be read: %v, %d and %d segments", err, len(segments.Segments), len(list.Segments))
		return hls.Playlist{}, false
	}
	if list.Version < 6 { // EXT-X-MAP in a playlist of segments (RFC 8216 §7)
		v.problem(name, "its EXT-X-VERSION is %d", list.Version)
	}
	isVOD := list.PlaylistType != nil && *list.PlaylistType == playlist.MediaPlaylistTypeVOD
	if list.Endlist != ended || isVOD != ended {
		v.problem(name, "EXT-X-ENDLIST is there: %t, of type VOD: %t; the recording has ended: %t", list.Endlist, isVOD, ended)
	}
	for i, s := range list.Segments {
		v.entry(name, i, s, segments.Segments[i])
		if round := int(math.Round(s.Duration.Seconds())); round > list.TargetDuration {
			v.problem(name, "%s lasts %v, EXT-X-TARGETDURATION is %d", s.URI, s.Duration, list.TargetDuration)
		}
	}
	return segments, true
}

// entry checks one entry of a media playlist, which two parsers read.
func (v *verifier) entry(name string, i int, s *playlist.MediaSegment, g hls.Segment) {
	if g.Name != s.URI || g.Discontinuity != s.Discontinuity || (g.Duration-s.Duration).Abs() > time.Microsecond {
		v.problem(name, "entry %d is read as %+v and as %s, %v", i, g, s.URI, s.Duration)
	}
	if s.URI != fmt.Sprintf("%d.mp4", i) {
		v.problem(name, "entry %d is %s, expected %d.mp4", i, s.URI, i)
	}
	if (i == 0 || s.Discontinuity) && s.DateTime == nil {
		v.problem(name, "%s has no EXT-X-PROGRAM-DATE-TIME", s.URI)
	}
	if g.Init == "" || !isBelow(g.Init) {
		v.problem(name, "%s has the EXT-X-MAP %q", s.URI, g.Init)
	}
}

const (
	// maxOverlap is how much earlier than the end of a section the next one may begin:
	// the last picture's duration is an estimate.
	maxOverlap = 100 * time.Millisecond
	// maxClockDifference is allowed between EXT-X-PROGRAM-DATE-TIME, which is written in
	// milliseconds, and the durations before it.
	maxClockDifference = 5 * time.Millisecond
)

// clock checks the wall clock times of a media playlist.
func (v *verifier) clock(name string, list hls.Playlist) {
	var end time.Time
	for i, g := range list.Segments {
		if i > 0 {
			switch gap := g.Begins.Sub(end); {
			case g.Discontinuity && gap < -maxOverlap:
				v.problem(name, "%s begins %v before the segment before it ends (EXT-X-PROGRAM-DATE-TIME)", g.Name, -gap)
			case !g.Discontinuity && gap.Abs() > maxClockDifference:
				v.problem(name, "%s begins %v after the segment before it ends (EXT-X-PROGRAM-DATE-TIME), without a discontinuity", g.Name, gap)
			case g.Discontinuity && gap > 0:
				v.report.GapsMS += gap.Milliseconds()
			}
		}
		end = g.Begins.Add(g.Duration)
	}
}

// Of what a multivariant playlist says. It is written again when it is more than a tenth
// wrong; the averages are those of the beginning if the process was killed.
const (
	bandwidthTolerance = 1.15
	rateTolerance      = 0.5
)

// variant checks what the multivariant playlist says of a rendition.
func (v *verifier) variant(l variant, m *measured, ended bool) {
	for _, codec := range l.codecs {
		if !slices.ContainsFunc(m.codecs, func(c string) bool { return isCodec(c, codec) }) {
			v.problem(multivariantFile, "CODECS has %s, the media %s", codec, strings.Join(m.codecs, ","))
		}
	}
	for _, c := range m.codecs {
		if !slices.ContainsFunc(l.codecs, func(codec string) bool { return kind(c) == kind(codec) }) {
			v.problem(multivariantFile, "the media have %s, CODECS %s", c, strings.Join(l.codecs, ","))
		}
	}
	if len(m.sizes) > 0 && !slices.Contains(m.sizes, l.resolution) {
		v.problem(multivariantFile, "RESOLUTION is %q, that of the media %s", l.resolution, strings.Join(m.sizes, ", "))
	}
	if !ended || m.duration == 0 {
		return // it is written again while the recording grows
	}
	if float64(m.peak) > float64(l.bandwidth)*bandwidthTolerance {
		v.problem(multivariantFile, "BANDWIDTH is %d, a segment has %d bits a second", l.bandwidth, m.peak)
	}
	if average := float64(m.bytes) * 8 / m.duration.Seconds(); l.average > 0 && math.Abs(average-float64(l.average)) > average*rateTolerance {
		v.problem(multivariantFile, "AVERAGE-BANDWIDTH is %d, the segments have %.0f bits a second", l.average, average)
	}
	if rate := float64(m.pictures) / m.duration.Seconds(); l.frameRate > 0 && rate > l.frameRate*(1+rateTolerance)+1 {
		v.problem(multivariantFile, "FRAME-RATE is %.3f, the media have %.3f", l.frameRate, rate)
	}
}

// kind is the first element of a name in CODECS.
func kind(codec string) string {
	first, _, _ := strings.Cut(codec, ".")
	return strings.ToLower(first)
}

// isCodec reports whether a name in CODECS describes a codec; what codecName leaves out of a
// name may be anything.
func isCodec(codec, name string) bool {
	return strings.EqualFold(codec, name) || strings.HasSuffix(codec, ".") && strings.HasPrefix(name, codec)
}
