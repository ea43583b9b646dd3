package hls

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"time"
)

// A Store stores files by name; names have slashes. A file that is put again replaces the
// old one atomically.
type Store interface {
	Put(name string, data []byte) error
}

// A Config says how a stream is segmented.
type Config struct {
	Folder string        // of the rendition, in the store
	Target time.Duration // of a segment; 0 is 6 s. Segments end at the next keyframe
	// Keyframes is their largest distance, where that is known. A segment then ends at a
	// keyframe before Target if the next one would exceed it.
	Keyframes time.Duration
	Begins    time.Time // wall clock of the samples' time 0
	After     Playlist  // of the same folder, which is continued; optional
}

const (
	// maxSkew is how long a segment waits for a track that is behind the first.
	maxSkew = time.Second
	// maxEarly bounds the samples of other tracks that wait for the first of the first track.
	maxEarly = 1 << 20
	// maxSegment bounds a segment without a keyframe.
	maxSegment = 64 << 20
)

// A Segmenter cuts samples into segments and puts them into the store, each with the
// playlist that lists it. Segments begin at keyframes of the first track. It is for one
// goroutine.
type Segmenter struct {
	store  Store
	config Config
	tracks []Track

	list          playlistText
	ended         bool
	init          string        // name of the current initialization section
	inits         int           // how many were written
	discontinuity bool          // before the next segment
	offset        time.Duration // duration of the segments of former processes, whose samples had another time 0

	pending []Sample
	bytes   int     // of pending
	begin   int64   // of the current segment, on the first track; -1 before the first
	cut     int64   // where the current segment ends; -1 while unknown
	reached []int64 // the end of each track's samples
}

// NewSegmenter begins a stream of tracks; the first one, usually video, decides about cuts.
func NewSegmenter(store Store, config Config, tracks ...Track) (*Segmenter, error) {
	if config.Target == 0 {
		config.Target = 6 * time.Second
	}
	after := Playlist{Target: config.Target, Segments: config.After.Segments}
	config.After = Playlist{}
	s := &Segmenter{store: store, config: config, list: newPlaylistText(after)}
	last := ""
	for _, g := range after.Segments {
		if g.Init != last {
			last = g.Init
			s.inits++
		}
	}
	s.discontinuity = s.inits > 0
	if err := s.start(tracks); err != nil {
		return nil, err
	}
	return s, nil
}

// start writes the initialization section of the tracks.
func (s *Segmenter) start(tracks []Track) error {
	if len(tracks) == 0 {
		return errors.New("segments without tracks")
	}
	s.tracks, s.reached, s.begin, s.cut = tracks, make([]int64, len(tracks)), -1, -1
	s.offset = s.list.duration
	data, err := Init(tracks)
	if err != nil {
		return err
	}
	s.init = fmt.Sprintf("init-%d.mp4", s.inits)
	s.inits++
	return s.store.Put(path.Join(s.config.Folder, s.init), data)
}

// Next ends the current segment and goes on, after a discontinuity, with samples whose time 0
// is at a wall clock time. The tracks may be others.
func (s *Segmenter) Next(begins time.Time, tracks ...Track) error {
	if err := s.Flush(); err != nil {
		return err
	}
	s.pending, s.bytes = nil, 0
	s.config.Begins, s.discontinuity = begins, s.list.count > 0
	return s.start(tracks)
}

// Write takes the next sample of any track. Samples from before the first keyframe of the first
// track are dropped.
func (s *Segmenter) Write(sample Sample) error {
	if s.begin < 0 {
		switch {
		case sample.Track == 0 && sample.Keyframe:
			s.beginAt(sample.Time)
		case sample.Track == 0 || s.bytes > maxEarly:
			return nil
		}
	}
	if sample.Track == 0 && sample.Keyframe && s.EndsAt(sample.Time) {
		s.cut = sample.Time
	}
	if s.bytes += len(sample.Data); s.bytes > maxSegment {
		return fmt.Errorf("segment of more than %d MiB: without a keyframe", maxSegment>>20)
	}
	s.pending = append(s.pending, sample)
	s.reached[sample.Track] = max(s.reached[sample.Track], sample.end())
	if s.cut >= 0 && s.isComplete() {
		return s.close(s.cut)
	}
	return nil
}

// beginAt begins the first segment of a section.
func (s *Segmenter) beginAt(begin int64) {
	s.begin = begin
	at := duration(begin, s.tracks[0].Rate)
	s.pending = slices.DeleteFunc(s.pending, func(p Sample) bool { return duration(p.Time, s.tracks[p.Track].Rate) < at })
}

// EndsAt reports whether a keyframe of the first track at a time would end the current segment.
func (s *Segmenter) EndsAt(at int64) bool {
	return s.begin >= 0 && s.cut < 0 && s.isLong(s.since(at))
}

// isLong reports whether a segment is to end at a keyframe: the target is reached, or would
// be exceeded at the next one. It allows for rounding, and for the jitter of publishers: a
// keyframe that is a little early ends the segment, for the next one may be a second later.
func (s *Segmenter) isLong(d time.Duration) bool {
	const (
		rounding = time.Millisecond
		jitter   = 100 * time.Millisecond
	)
	return d >= s.config.Target-jitter || d > 0 && d+s.config.Keyframes > s.config.Target+rounding
}

func duration(ticks int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r)*time.Second/time.Duration(r)
}

func (s *Segmenter) since(at int64) time.Duration { return duration(at-s.begin, s.tracks[0].Rate) }

// isComplete reports whether every track has reached the cut, or is too late for it.
func (s *Segmenter) isComplete() bool {
	cut := duration(s.cut, s.tracks[0].Rate)
	if duration(s.reached[0], s.tracks[0].Rate)-cut > maxSkew {
		return true
	}
	for i, t := range s.tracks {
		if duration(s.reached[i], t.Rate) < cut {
			return false
		}
	}
	return true
}

// close writes the samples before the cut as a segment.
func (s *Segmenter) close(cut int64) error {
	at := duration(cut, s.tracks[0].Rate)
	var current, later []Sample
	s.bytes = 0
	for _, p := range s.pending {
		if rate := s.tracks[p.Track].Rate; duration(p.Time, rate) < at {
			// Times continue across a discontinuity, for players that ignore the tag.
			p.Time += int64(math.Round(s.offset.Seconds() * float64(rate)))
			current = append(current, p)
			continue
		}
		later = append(later, p)
		s.bytes += len(p.Data)
	}
	n := s.list.count
	name := fmt.Sprintf("%d.mp4", n)
	if err := s.store.Put(path.Join(s.config.Folder, name), Fragment(uint32(n+1), s.tracks, current)); err != nil {
		return err
	}
	s.list.add(Segment{
		Name: name, Duration: s.since(cut), Begins: s.config.Begins.Add(duration(s.begin, s.tracks[0].Rate)),
		Init: s.init, Discontinuity: s.discontinuity,
	})
	s.pending, s.begin, s.cut, s.discontinuity = later, cut, -1, false
	return s.publish()
}

func (s *Segmenter) publish() error {
	return s.store.Put(path.Join(s.config.Folder, "playlist.m3u8"), s.list.marshal(s.ended))
}

// Flush ends the current segment: it writes all samples, up to the end of the first track. Next
// or Close follow.
func (s *Segmenter) Flush() error {
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

// Duration is that of all segments.
func (s *Segmenter) Duration() time.Duration { return s.list.duration }

// Close writes the last segment and makes the playlist one of type VOD.
func (s *Segmenter) Close() error {
	err := s.Flush()
	s.ended = true
	return errors.Join(err, s.publish())
}
