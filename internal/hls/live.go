package hls

import (
	"bytes"
	"math"
	"slices"
	"sync"
	"time"
)

// A Live is a live stream in memory, as low-latency HLS (RFC 8216bis): the segments and
// parts that a [Muxer] writes and viewers request. It outlives the muxer, so that viewers
// continue when an encoder comes back. It is safe for concurrent use.
type Live struct {
	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed, and replaced, when viewers get more than before
	state   liveState

	target, part time.Duration // TARGETDURATION and PART-TARGET; 0 before the first segment

	segments []*liveSegment // complete ones, oldest first
	unlisted int            // segments at the front that no playlist names any more
	open     *liveSegment   // the one being written; nil for none
	bytes    int            // of all segments

	sequence        uint64 // media sequence number of the next segment
	parts           uint64 // number of the next part
	discontinuities uint64 // discontinuity sequence number of the playlist

	end     time.Duration // media time where the stream ends
	endWall time.Time     // PROGRAM-DATE-TIME there
}

// A liveState is what viewers may expect.
type liveState int

const (
	paused liveState = iota // no encoder; one may come
	running
	ended // ENDLIST
)

type liveSegment struct {
	number        uint64
	begins        time.Time
	duration      time.Duration
	init          *initSection
	discontinuity bool // before it
	parts         []livePart
	data          []byte // all parts, once the segment is complete
	whole         []byte // data after its initialization section
}

type livePart struct {
	number      uint64
	duration    time.Duration
	independent bool // it begins with a keyframe
	data        []byte
}

// An initSection is an initialization section with what the multivariant playlist says
// about its tracks.
type initSection struct {
	number    uint64 // of the first segment that it is for
	data      []byte
	tracks    []Track
	frameRate float64
	peak      float64 // bits a second of the largest segment so far
}

const (
	// minListed is the least duration of the segments in a playlist: video.js 8.24 continues
	// only if one that it knows is there, and may have been offline for 20 s. Of long ones there
	// are listedTargets.
	minListed     = 36 * time.Second
	listedTargets = 4
	// maxLiveBytes bounds the segments of a stream.
	maxLiveBytes = 64 << 20
)

// epoch is when the numbers of segments and media time are 0, and numberRate how many
// segments are counted a second since. They last longer, so a stream that begins anew,
// after a crash of the process, too, has larger numbers and times than before.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	numberRate      = 2
	partsPerSegment = 10 // likewise for numbers of parts
	// discontinuityInterval is likewise for discontinuities. Their number must be small:
	// hls.js 1.7 has an array that is so long, and loops over it.
	discontinuityInterval = 24 * time.Hour
)

// NewLive begins a live stream.
func NewLive() *Live {
	since := max(time.Second, time.Since(epoch).Truncate(time.Millisecond))
	n := uint64(since.Seconds() * numberRate)
	return &Live{
		changed: make(chan struct{}), sequence: n, parts: n * partsPerSegment,
		discontinuities: uint64(since / discontinuityInterval), end: since,
	}
}

// notify wakes who waits for a change. The mutex is held, as in all that follows.
func (l *Live) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// configure sets the durations of segments and parts, once.
func (l *Live) configure(target, part time.Duration) {
	if l.target == 0 {
		l.target, l.part = target, part
	}
}

// begin opens a segment, unless one is open.
func (l *Live) begin(init *initSection, begins time.Time) {
	if l.open != nil {
		return
	}
	before := init
	if n := len(l.segments); n > 0 {
		before = l.segments[n-1].init
	}
	if init.number == 0 {
		init.number = l.sequence
	}
	if before != init {
		l.parts++ // the hinted part never comes: players would decode it with the old section
	}
	l.open = &liveSegment{number: l.sequence, begins: begins, init: init, discontinuity: before != init}
	l.sequence++
}

// addPart adds a part to the open segment.
func (l *Live) addPart(duration time.Duration, independent bool, data []byte) {
	l.open.parts = append(l.open.parts, livePart{number: l.parts, duration: duration, independent: independent, data: data})
	l.open.duration += duration
	l.parts++
	l.end += duration
	l.endWall = l.open.begins.Add(l.open.duration)
	l.notify()
}

// complete ends the open segment.
func (l *Live) complete() {
	s := l.open
	if s == nil {
		return
	}
	l.open = nil
	var all bytes.Buffer
	all.Write(s.init.data)
	for _, p := range s.parts {
		all.Write(p.data)
	}
	s.whole = all.Bytes()
	s.data = s.whole[len(s.init.data):]
	from := 0
	for i, p := range s.parts {
		s.parts[i].data = s.data[from : from+len(p.data) : from+len(p.data)]
		from += len(p.data)
	}
	l.segments = append(l.segments, s)
	l.bytes += len(s.whole)
	// Of short ones at a discontinuity the rate says nothing (RFC 8216bis §1.1).
	if s.duration >= min(l.target/2, minSegment)-rounding || s.init.peak == 0 {
		s.init.peak = max(s.init.peak, float64(len(s.data)*8)/s.duration.Seconds())
	}
	l.evict()
	l.notify()
}

// evict takes old segments out of the playlist. They remain for as long as a playlist
// lasts, for who has read one that names them (RFC 8216bis §6.2.2), if there is memory.
func (l *Live) evict() {
	window := max(minListed, listedTargets*l.target)
	listed := total(l.segments[l.unlisted:])
	for listed-l.segments[l.unlisted].duration >= window {
		listed -= l.segments[l.unlisted].duration
		l.unlist()
	}
	kept := total(l.segments[:l.unlisted])
	for len(l.segments) > 1 && (kept > window || l.bytes > maxLiveBytes) {
		if l.unlisted == 0 {
			l.unlist()
		}
		kept -= l.segments[0].duration
		l.bytes -= len(l.segments[0].whole)
		l.segments = slices.Delete(l.segments, 0, 1)
		l.unlisted--
	}
}

// unlist takes the oldest listed segment out of the playlist.
func (l *Live) unlist() {
	if l.segments[l.unlisted].discontinuity {
		l.discontinuities++
	}
	l.unlisted++
}

func total(segments []*liveSegment) (d time.Duration) {
	for _, s := range segments {
		d += s.duration
	}
	return d
}

// setState changes what viewers may expect.
func (l *Live) setState(state liveState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != state {
		l.state = state
		l.notify()
	}
}

// End ends the stream: viewers are told that nothing follows. A new muxer continues it
// nevertheless.
func (l *Live) End() { l.setState(ended) }

// IsEmpty reports whether there is nothing to watch yet.
func (l *Live) IsEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.segments) == 0
}

// targetDuration is TARGETDURATION for segments up to a length: no segment, rounded to whole
// seconds, exceeds it.
func targetDuration(longest time.Duration) time.Duration {
	seconds := math.Ceil((longest - segmentTolerance).Seconds())
	return time.Duration(max(minTarget.Seconds(), seconds)) * time.Second
}
