package hls

import (
	"errors"
	"fmt"
	"math"
	"path"
	"time"
)

// A Store keeps files by name; the names have slashes. A file that is put again
// replaces the old one at once, for whoever reads it.
type Store interface {
	Put(name string, data []byte) error
}

// A Config says how a stream is cut.
type Config struct {
	Folder string        // of the rendition, in the store
	Target time.Duration // of a segment; 0 is 6 s. Segments end at the next keyframe
	// Keyframes is how far they are apart at most, where that is known: segments then
	// end at one before Target where the next would come after it.
	Keyframes time.Duration
	Begins    time.Time // wall clock of the samples' time 0; what players align by
	After     Playlist  // of the same folder, to go on with; none begins anew
}

const (
	// maxSkew is how far tracks may be apart: a segment waits so long for the slower.
	maxSkew = time.Second
	// maxSegment bounds a segment without a keyframe.
	maxSegment = 64 << 20
)

// A Segmenter cuts samples into segments and puts them in the store, each with the
// playlist that lists it. The first track leads: its keyframes are where segments
// begin. It is for one goroutine.
type Segmenter struct {
	store   Store
	config  Config
	tracks  []Track
	list    Playlist
	init    string
	inits   int
	broken  bool // the next segment follows a discontinuity
	pending []Sample
	bytes   int
	begin   int64 // of the segment in hand, on the first track; -1 before
	cut     int64 // where it ends, once known; else -1
	reached []int64
	before  time.Duration // of segments whose samples had another time 0
}

// NewSegmenter begins a stream of some tracks, the one that leads first.
func NewSegmenter(store Store, config Config, tracks ...Track) (*Segmenter, error) {
	if config.Target == 0 {
		config.Target = 6 * time.Second
	}
	s := &Segmenter{store: store, config: config, list: Playlist{Target: config.Target, Segments: config.After.Segments}}
	last := ""
	for _, g := range s.list.Segments {
		if g.Init != last {
			last = g.Init
			s.inits++
		}
	}
	s.broken = s.inits > 0
	if err := s.start(tracks); err != nil {
		return nil, err
	}
	return s, nil
}

// start writes the header of the tracks.
func (s *Segmenter) start(tracks []Track) error {
	if len(tracks) == 0 {
		return errors.New("segments without tracks")
	}
	s.tracks, s.reached, s.begin, s.cut = tracks, make([]int64, len(tracks)), -1, -1
	s.before = s.list.Duration()
	data, err := Init(tracks)
	if err != nil {
		return err
	}
	s.init = fmt.Sprintf("init-%d.mp4", s.inits)
	s.inits++
	return s.store.Put(path.Join(s.config.Folder, s.init), data)
}

// Restart goes on with other tracks or another time: after a gap, or when a codec
// changed. begins is the wall clock of the new samples' time 0.
func (s *Segmenter) Restart(begins time.Time, tracks ...Track) error {
	if err := s.flush(); err != nil {
		return err
	}
	s.broken, s.config.Begins = len(s.list.Segments) > 0, begins
	return s.start(tracks)
}

// Write takes the next sample of any track. Samples before the first keyframe of the
// leading track are left out.
func (s *Segmenter) Write(sample Sample) error {
	if s.begin < 0 {
		if sample.Track != 0 || !sample.Keyframe {
			return nil
		}
		s.begin = sample.Time
	}
	if sample.Track == 0 && sample.Keyframe && s.cut < 0 && s.long(s.since(sample.Time)) {
		s.cut = sample.Time
	}
	if s.bytes += len(sample.Data); s.bytes > maxSegment {
		return fmt.Errorf("segment of more than %d MiB: no keyframe came", maxSegment>>20)
	}
	s.pending = append(s.pending, sample)
	s.reached[sample.Track] = max(s.reached[sample.Track], sample.end())
	if s.cut >= 0 && s.ready() {
		return s.close(s.cut)
	}
	return nil
}

// long tells that a segment is to end at a keyframe: the target is reached, or would
// be exceeded at the next one. What a clock's rounding makes of the target is the target.
func (s *Segmenter) long(d time.Duration) bool {
	const rounding = time.Millisecond
	return d >= s.config.Target-rounding || d > 0 && d+s.config.Keyframes > s.config.Target+rounding
}

func span(ticks int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r)*time.Second/time.Duration(r)
}

func (s *Segmenter) since(at int64) time.Duration { return span(at-s.begin, s.tracks[0].Rate) }

// ready tells whether every track has reached the cut, or is too late for it.
func (s *Segmenter) ready() bool {
	cut := span(s.cut, s.tracks[0].Rate)
	if span(s.reached[0], s.tracks[0].Rate)-cut > maxSkew {
		return true
	}
	for i, t := range s.tracks {
		if span(s.reached[i], t.Rate) < cut {
			return false
		}
	}
	return true
}

// close writes what is before the cut as a segment.
func (s *Segmenter) close(cut int64) error {
	at := span(cut, s.tracks[0].Rate)
	var now, later []Sample
	s.bytes = 0
	for _, p := range s.pending {
		if rate := s.tracks[p.Track].Rate; span(p.Time, rate) < at {
			// Times go on across a discontinuity, for players that pass over the tag.
			p.Time += int64(math.Round(s.before.Seconds() * float64(rate)))
			now = append(now, p)
			continue
		}
		later = append(later, p)
		s.bytes += len(p.Data)
	}
	n := len(s.list.Segments)
	data, err := Fragment(uint32(n+1), s.tracks, now)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d.mp4", n)
	if err := s.store.Put(path.Join(s.config.Folder, name), data); err != nil {
		return err
	}
	s.list.Segments = append(s.list.Segments, Segment{
		Name: name, Duration: s.since(cut), Begins: s.config.Begins.Add(span(s.begin, s.tracks[0].Rate)),
		Init: s.init, Discontinuity: s.broken,
	})
	s.pending, s.begin, s.cut, s.broken = later, cut, -1, false
	return s.publish()
}

func (s *Segmenter) publish() error {
	return s.store.Put(path.Join(s.config.Folder, "playlist.m3u8"), s.list.Marshal())
}

// flush writes what there is, up to the end of the leading track.
func (s *Segmenter) flush() error {
	if s.begin < 0 || s.reached[0] <= s.begin {
		return nil
	}
	if s.cut >= 0 {
		if err := s.close(s.cut); err != nil {
			return err
		}
	}
	if s.reached[0] <= s.begin {
		return nil
	}
	err := s.close(s.reached[0])
	s.pending = nil
	return err
}

// Duration is how long all segments are.
func (s *Segmenter) Duration() time.Duration { return s.list.Duration() }

// Tracks are those of now.
func (s *Segmenter) Tracks() []Track { return s.tracks }

// Close writes the last segment and turns the playlist into a VOD one.
func (s *Segmenter) Close() error {
	err := s.flush()
	s.list.Ended = true
	return errors.Join(err, s.publish())
}
