package hls

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dateTime is how PROGRAM-DATE-TIME is written.
const dateTime = "2006-01-02T15:04:05.000Z07:00"

// A Segment is one entry of a media playlist.
type Segment struct {
	Name          string
	Duration      time.Duration
	Begins        time.Time // wall clock; written for the first segment and after a discontinuity
	Init          string    // file name; written where it differs from the segment before
	Discontinuity bool      // it does not continue the segment before
}

// A Playlist lists the segments of one rendition (RFC 8216 §4.3.3).
type Playlist struct {
	Target   time.Duration // duration of a segment
	Segments []Segment
	Ended    bool
}

// Marshal writes the playlist: of type EVENT, or VOD once it has ended.
func (p Playlist) Marshal() []byte {
	t := newPlaylistText(p)
	return t.marshal(p.Ended)
}

// A playlistText is a playlist of which only the text is in memory: in a day it lists 43,200
// segments of 2 s.
type playlistText struct {
	target   time.Duration // the longest duration
	duration time.Duration // of all segments
	count    int
	init     string // of the last segment
	entries  []byte
}

func newPlaylistText(p Playlist) playlistText {
	t := playlistText{target: p.Target}
	for _, s := range p.Segments {
		t.add(s)
	}
	return t
}

func (t *playlistText) add(s Segment) {
	if s.Discontinuity {
		t.entries = append(t.entries, "#EXT-X-DISCONTINUITY\n"...)
	}
	if s.Init != t.init {
		t.init = s.Init
		t.entries = fmt.Appendf(t.entries, "#EXT-X-MAP:URI=%q\n", s.Init)
	}
	if t.count == 0 || s.Discontinuity {
		t.entries = fmt.Appendf(t.entries, "#EXT-X-PROGRAM-DATE-TIME:%s\n", s.Begins.UTC().Format(dateTime))
	}
	t.entries = fmt.Appendf(t.entries, "#EXTINF:%.5f,\n%s\n", s.Duration.Seconds(), s.Name)
	t.target, t.duration = max(t.target, s.Duration), t.duration+s.Duration
	t.count++
}

func (t *playlistText) marshal(ended bool) []byte {
	kind, end := "EVENT", ""
	if ended {
		kind, end = "VOD", "#EXT-X-ENDLIST\n"
	}
	// Durations, rounded to whole seconds, must not exceed the target (RFC 8216 §4.3.3.1).
	header := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:%s\n#EXT-X-INDEPENDENT-SEGMENTS\n",
		max(1, int(math.Round(t.target.Seconds()))), kind)
	return slices.Concat([]byte(header), t.entries, []byte(end))
}

// Unended is a playlist that Marshal wrote as one that continues.
func Unended(list []byte) []byte {
	list = bytes.TrimSuffix(list, []byte("#EXT-X-ENDLIST\n"))
	return bytes.Replace(list, []byte("TYPE:VOD\n"), []byte("TYPE:EVENT\n"), 1)
}

// Parse reads a playlist that Marshal wrote. Its Target is not read.
func Parse(data []byte) (Playlist, error) {
	var p Playlist
	var next Segment
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-DISCONTINUITY":
			next.Discontinuity = true
		case "#EXT-X-MAP":
			next.Init = strings.Trim(strings.TrimPrefix(value, "URI="), `"`)
		case "#EXT-X-PROGRAM-DATE-TIME":
			begins, err := time.Parse(dateTime, value)
			if err != nil {
				return Playlist{}, fmt.Errorf("read playlist: %w", err)
			}
			next.Begins = begins
		case "#EXTINF":
			seconds, err := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			if err != nil || !(seconds >= 0 && seconds < 86_400) {
				return Playlist{}, fmt.Errorf("read playlist: a segment of %q seconds", value)
			}
			next.Duration = time.Duration(math.Round(seconds * float64(time.Second)))
		case "#EXT-X-ENDLIST":
			p.Ended = true
		}
		if line == "" || line[0] == '#' {
			continue
		}
		next.Name = line
		p.Segments = append(p.Segments, next)
		next = Segment{Init: next.Init, Begins: next.Begins.Add(next.Duration)}
	}
	return p, nil
}

// Duration is that of all segments.
func (p Playlist) Duration() (d time.Duration) {
	for _, s := range p.Segments {
		d += s.Duration
	}
	return d
}

// A Rendition is one entry of a multivariant playlist.
type Rendition struct {
	URI       string
	Bandwidth int     // bits a second, maximum
	Average   int     // bits a second; 0 omits it
	Tracks    []Track // of all its sections
	FrameRate float64 // of video; 0 omits it
}

// Multivariant writes the playlist that lists the renditions (RFC 8216 §4.3.4).
func Multivariant(renditions ...Rendition) []byte {
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	for _, r := range renditions {
		var names []string
		var largest Track
		for _, t := range r.Tracks {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
			if t.Video() && t.Width*t.Height > largest.Width*largest.Height {
				largest = t
			}
		}
		size := ""
		if largest.Width > 0 {
			size = fmt.Sprintf(",RESOLUTION=%dx%d", largest.Width, largest.Height)
		}
		average := ""
		if r.Average > 0 {
			average = fmt.Sprintf("AVERAGE-BANDWIDTH=%d,", r.Average)
		}
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,%sCODECS=%q%s", r.Bandwidth, average, strings.Join(names, ","), size)
		if r.FrameRate > 0 {
			fmt.Fprintf(&b, ",FRAME-RATE=%.3f", r.FrameRate)
		}
		fmt.Fprintf(&b, "\n%s\n", r.URI)
	}
	return b.Bytes()
}
