package stage

import (
	"slices"
	"sync"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

const (
	// sourceSilence is how long the active source may send no video, or no audio, while
	// another sends both.
	sourceSilence = 600 * time.Millisecond

	// silentFrames is how many frames the other must have sent in that time: if both are
	// slow, neither is lost.
	silentFrames = 3

	// sourceClockGain is the weight of one picture in the relation between a source's clock
	// and ours.
	sourceClockGain = 1.0 / 64

	// catchUpStep is between the timestamps of pictures that are older than what viewers
	// have seen. They are passed on only because newer ones refer to them.
	catchUpStep = 500 * time.Microsecond

	// Bounds of what is kept of a source whose keyframes are far apart.
	maxGroupFrames = 600
	maxGroupBytes  = 16 << 20
)

// A failover passes on the frames of one of several sources that send the same program, and
// switches to another when that one is lost. It keeps the latest group of pictures of each, so
// that a switch need not wait for a keyframe, which an encoder can't be asked for.
type failover struct {
	write    func(...sfu.LocalFrame)
	switched func(to string) // by name, "" for none; it must not block

	mu      sync.Mutex // guards what follows
	began   time.Time  // of the time that frames arrive at
	sources []*failoverSource
	active  *failoverSource // nil while none has a keyframe
	lag     time.Duration   // from what was passed on to its arrival, when a source was active last
	started bool
	last    map[layerKey]time.Duration // the timestamp passed on last
}

// A layerKey is one layer of the video, or the audio.
type layerKey struct {
	kind  media.Kind
	layer int
}

// A failoverSource is the state of one source.
type failoverSource struct {
	name      string
	groups    map[int]*pictureGroup // by layer
	clocked   bool
	lag       time.Duration // from a frame's timestamp to its arrival, smoothed
	shift     time.Duration // what is added to its timestamps while it is active
	seen      [2]bool       // by media.Kind
	lastFrame [2]time.Duration
	ahead     [2]int       // frames since the active source's last
	passing   map[int]bool // layers of which a keyframe was passed on since it is active
}

// A pictureGroup is what a source sent since its last keyframe; empty without one, or if that
// is too much.
type pictureGroup struct {
	frames []sfu.LocalFrame
	bytes  int
}

func newFailover(write func(...sfu.LocalFrame), switched func(to string)) *failover {
	return &failover{write: write, switched: switched, began: time.Now(), last: map[layerKey]time.Duration{}}
}

func (f *failover) addSource(name string) *failoverSource {
	s := &failoverSource{name: name, groups: map[int]*pictureGroup{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources = append(f.sources, s)
	return s
}

// removeSource switches to another source if the active one has ended.
func (f *failover) removeSource(s *failoverSource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.Index(f.sources, s)
	if at < 0 {
		return
	}
	f.sources = slices.Delete(f.sources, at, at+1)
	if f.active != s {
		return
	}
	var next *failoverSource
	for _, other := range f.sources {
		if other.canBegin() && (next == nil || other.lastFrame[media.Video] > next.lastFrame[media.Video]) {
			next = other
		}
	}
	f.switchTo(next)
}

// writeFrame takes a frame of a source. That of one that was removed is ignored.
func (f *failover) writeFrame(s *failoverSource, frame sfu.LocalFrame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.sources, s) {
		return
	}
	now := time.Since(f.began)
	s.record(frame, now)
	if s == f.active {
		for _, other := range f.sources {
			other.ahead[frame.Kind] = 0
		}
		f.pass(s, frame)
		return
	}
	if frame.Layer == 0 {
		s.ahead[frame.Kind]++
	}
	if s.canBegin() && (f.active == nil || f.active.lost(s, now)) {
		f.switchTo(s)
	}
}

// switchTo makes a source the active one, or none, and passes on what it sent since its last
// keyframe. Timestamps continue as if one source had sent all.
func (f *failover) switchTo(s *failoverSource) {
	if f.active != nil {
		f.lag = f.active.lag - f.active.shift
	}
	f.active = s
	if s == nil {
		f.switched("")
		return
	}
	f.switched(s.name)
	if !f.started {
		f.started, f.lag = true, s.lag
	}
	s.shift, s.passing = s.lag-f.lag, map[int]bool{}
	for _, other := range f.sources {
		other.ahead = [2]int{}
	}
	var frames []sfu.LocalFrame
	for layer, g := range s.groups {
		for _, frame := range g.frames {
			s.passing[layer] = true
			frame.Time, _ = f.continueTime(frame, s.shift)
			frames = append(frames, frame)
		}
	}
	f.write(frames...)
}

// pass passes on a frame of the active source.
func (f *failover) pass(s *failoverSource, frame sfu.LocalFrame) {
	if frame.Kind == media.Video && !s.passing[frame.Layer] {
		if !isKeyframe(frame) {
			return
		}
		s.passing[frame.Layer] = true
	}
	ok := false
	if frame.Time, ok = f.continueTime(frame, s.shift); ok {
		f.write(frame)
	}
}

// continueTime returns the timestamp of a frame, which is later than that of the frame before.
// It reports false for audio that must be left out for it.
func (f *failover) continueTime(frame sfu.LocalFrame, shift time.Duration) (at time.Duration, ok bool) {
	key := layerKey{frame.Kind, frame.Layer}
	at = frame.Time + shift
	if last, began := f.last[key]; began && at <= last {
		if frame.Kind == media.Audio {
			return 0, false
		}
		at = last + catchUpStep
	}
	f.last[key] = at
	return at, true
}

// record updates the state of a source with one of its frames.
func (s *failoverSource) record(frame sfu.LocalFrame, now time.Duration) {
	s.seen[frame.Kind], s.lastFrame[frame.Kind] = true, now
	if frame.Kind != media.Video {
		return
	}
	if !s.clocked {
		s.clocked, s.lag = true, now-frame.Time
	}
	s.lag += time.Duration(float64(now-frame.Time-s.lag) * sourceClockGain)
	g := s.groups[frame.Layer]
	if g == nil {
		g = &pictureGroup{}
		s.groups[frame.Layer] = g
	}
	g.add(frame)
}

// canBegin reports whether viewers can see the source now.
func (s *failoverSource) canBegin() bool {
	for _, g := range s.groups {
		if len(g.frames) > 0 {
			return true
		}
	}
	return false
}

// lost reports whether the active source is silent while another is not.
func (s *failoverSource) lost(other *failoverSource, now time.Duration) bool {
	silent := false
	for kind := range s.seen {
		if s.seen[kind] && now-s.lastFrame[kind] >= sourceSilence && other.ahead[kind] >= silentFrames {
			silent = true
		}
		if s.seen[kind] && now-other.lastFrame[kind] >= sourceSilence {
			return false
		}
	}
	return silent
}

func (g *pictureGroup) add(frame sfu.LocalFrame) {
	if isKeyframe(frame) {
		*g = pictureGroup{}
	} else if len(g.frames) == 0 {
		return
	}
	g.frames = append(g.frames, frame)
	for _, u := range frame.Units {
		g.bytes += len(u)
	}
	if len(g.frames) > maxGroupFrames || g.bytes > maxGroupBytes {
		*g = pictureGroup{}
	}
}

func isKeyframe(frame sfu.LocalFrame) bool {
	return slices.ContainsFunc(frame.Units, func(unit []byte) bool { return media.Inspect(media.H264, unit).Keyframe })
}
