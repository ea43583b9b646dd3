package recording

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"rostrum/internal/hls"
)

// A sectionReader reads the samples that one initialization section describes.
type sectionReader struct {
	tracks  []*description
	begins  time.Duration // since time 0
	base    time.Duration // its first decoding time
	started bool          // base is known
	shown   map[*description]*shownGroup
}

// A run is samples of one track that follow each other in a segment.
type run struct {
	track   *description
	begins  time.Duration // decoding of the first, since time 0
	samples []*fmp4.Sample
	repeats int   // samples at the beginning that show what was shown before
	held    int64 // ticks that these last
}

func newSectionReader(init []byte, begins time.Duration) (*sectionReader, error) {
	tracks, err := readDescriptions(init)
	shown := map[*description]*shownGroup{}
	for _, t := range tracks {
		shown[t] = &shownGroup{}
	}
	return &sectionReader{tracks: tracks, begins: begins, shown: shown}, err
}

// runs reads the next segment of the section.
func (s *sectionReader) runs(segment []byte) ([]run, error) {
	var parts fmp4.Parts
	if err := parts.Unmarshal(segment); err != nil {
		return nil, err
	}
	var all []run
	for _, p := range parts {
		for _, from := range p.Tracks {
			track := s.track(from.ID)
			if track == nil || len(from.Samples) == 0 {
				return nil, fmt.Errorf("track %d is not described, or has no sample", from.ID)
			}
			at := ticksToTime(int64(from.BaseTime), track.timescale)
			if !s.started {
				s.base, s.started = at, true
			}
			r := run{track: track, begins: s.begins + at - s.base, samples: from.Samples}
			if track.codec.IsVideo() {
				r.repeats, r.held = s.shown[track].add(r.samples)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

func (s *sectionReader) track(id int) *description {
	for _, d := range s.tracks {
		if d.id == id {
			return d
		}
	}
	return nil
}

// readRuns calls fn with the runs of each segment of a playlist. Their times are since zero,
// by the clock of EXT-X-PROGRAM-DATE-TIME. One segment is in memory.
func (r *Recording) readRuns(ctx context.Context, folder string, list hls.Playlist, zero time.Time, fn func(*sectionReader, []run) error) error {
	var current *sectionReader
	for i, g := range list.Segments {
		if i == 0 || g.Discontinuity || g.Init != list.Segments[i-1].Init {
			data, err := r.read(ctx, path.Join(folder, g.Init), maxSegment)
			if err == nil {
				current, err = newSectionReader(data, g.Begins.Sub(zero))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", g.Init, err)
			}
		}
		data, err := r.read(ctx, path.Join(folder, g.Name), maxSegment)
		if err != nil {
			return fmt.Errorf("%s: %w", g.Name, err)
		}
		runs, err := current.runs(data)
		if err == nil {
			err = fn(current, runs)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	return nil
}

func ticksToTime(ticks int64, timescale uint32) time.Duration {
	r := int64(timescale)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r)*time.Second/time.Duration(r)
}

func timeToTicks(d time.Duration, timescale uint32) int64 {
	r := int64(timescale)
	return int64(d/time.Second)*r + int64(d%time.Second)*r/int64(time.Second)
}
