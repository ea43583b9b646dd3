package hls

import (
	"bytes"
	"fmt"
	"math"
)

// LiveName is the name of a live stream's media playlist.
const LiveName = "live.m3u8"

// skipTargets is how many target durations of the playlist's end a delta update has at
// least (RFC 8216bis §4.4.3.8: six).
const skipTargets = 6

// partTargets is for how many target durations before the end the parts are listed
// (RFC 8216bis §6.2.2).
const partTargets = 3

// holdParts is how many parts a player stays behind the end at least.
const holdParts = 3

// playlist writes the media playlist, as a delta update without old segments that the client
// knows. No discontinuity is left out: a player without any segment that follows, as
// after it was offline, could not number the discontinuities.
func (l *Live) playlist(r Reload) []byte {
	listed := l.segments[l.unlisted:]
	age := total(listed) // from the begin of a segment to the end of the playlist
	if l.open != nil {
		age += l.open.duration
	}
	skipped, known := 0, r.known()
	at := age
	for _, s := range listed {
		if at -= s.duration; s.number >= known || s.discontinuity || at < skipTargets*l.target {
			break
		}
		skipped++
	}
	var b bytes.Buffer
	l.writeHeader(&b, listed)
	if skipped > 0 {
		fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skipped)
	}
	var init *initSection
	for i, s := range listed {
		if i >= skipped {
			s.writeTags(&b, init, r.Whole)
			if age <= partTargets*l.target+s.duration {
				s.writeParts(&b)
			}
			fmt.Fprintf(&b, "#EXTINF:%.5f,\n", s.duration.Seconds())
			fmt.Fprintf(&b, r.segmentName()+"\n", s.number)
		}
		age -= s.duration
		init = s.init
	}
	if l.open != nil {
		l.open.writeTags(&b, init, r.Whole)
		l.open.writeParts(&b)
	}
	switch l.state {
	case paused:
		// hls.js 1.7 takes the last line, if it names a segment, for the segment that comes next,
		// and ends with an error once that one is another.
		b.WriteString("# paused\n")
	case running:
		fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part%d.mp4\"\n", l.parts)
	case ended:
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.Bytes()
}

func (l *Live) writeHeader(b *bytes.Buffer, listed []*liveSegment) {
	target := int(l.target.Seconds())
	fmt.Fprintf(b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:%d\n", target)
	fmt.Fprintf(b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=%d,PART-HOLD-BACK=%.3f,CAN-SKIP-UNTIL=%d\n",
		3*target, holdParts*l.part.Seconds(), skipTargets*target)
	fmt.Fprintf(b, "#EXT-X-PART-INF:PART-TARGET=%.3f\n", l.part.Seconds())
	fmt.Fprintf(b, "#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", listed[0].number, l.discontinuities)
	independent := true
	for _, s := range listed {
		independent = independent && s.parts[0].independent
	}
	if independent && (l.open == nil || l.open.parts[0].independent) {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
}

// writeTags writes what precedes a segment whose predecessor has an initialization section.
// Whole segments need none.
func (s *liveSegment) writeTags(b *bytes.Buffer, before *initSection, whole bool) {
	if s.discontinuity {
		b.WriteString("#EXT-X-DISCONTINUITY\n")
	}
	if s.init != before && !whole {
		fmt.Fprintf(b, "#EXT-X-MAP:URI=\"init%d.mp4\"\n", s.init.number)
	}
	fmt.Fprintf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", s.begins.UTC().Format(dateTime))
}

func (s *liveSegment) writeParts(b *bytes.Buffer) {
	for _, p := range s.parts {
		fmt.Fprintf(b, "#EXT-X-PART:DURATION=%.5f,URI=\"part%d.mp4\"", p.duration.Seconds(), p.number)
		if p.independent {
			b.WriteString(",INDEPENDENT=YES")
		}
		b.WriteByte('\n')
	}
}

// multivariant writes the multivariant playlist for an initialization section.
func (s *initSection) multivariant(query string, peak float64) []byte {
	uri := LiveName
	if query != "" {
		uri += "?" + query
	}
	return Multivariant(Rendition{URI: uri, Bandwidth: int(math.Ceil(peak)), Tracks: s.tracks, FrameRate: s.frameRate})
}

// current is the initialization section of the last complete segment, or of the one being
// written, and the peak of its bitrate: of the one before as long as it has none.
func (l *Live) current() (init *initSection, peak float64) {
	init = l.last().init
	peak = init.peak
	if l.open != nil && l.open.init != init {
		init = l.open.init
		peak = max(peak, init.peak)
	}
	return init, peak
}

// last is the last complete segment; there is one.
func (l *Live) last() *liveSegment { return l.segments[len(l.segments)-1] }

// has reports whether the playlist has a segment, or a part of it; part is -1 for all.
func (l *Live) has(number uint64, part int) bool {
	last := l.last()
	if number == last.number {
		// Past a segment's last part the next segment's first is meant.
		return part < len(last.parts) || l.open != nil
	}
	return number < last.number || part >= 0 && l.open != nil && number == l.open.number && part < len(l.open.parts)
}

// isTooFar reports whether a request is for media that can't come soon
// (RFC 8216bis §6.2.5.2; parts last less than a second).
func (l *Live) isTooFar(number uint64, part int) bool {
	const segmentsAhead, secondsAhead = 2, 3
	last := l.last().number
	if number > last+segmentsAhead {
		return true
	}
	existing := 0
	if l.open != nil {
		existing = len(l.open.parts)
	}
	return number == last+1 && part >= existing+int(math.Ceil(secondsAhead/l.part.Seconds()))
}
