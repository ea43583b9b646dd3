package recording

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/hls"
	"rostrum/internal/media"
)

// A Frame is one picture or packet of audio of a recording, in the form that decoders take:
// H.264 is in Annex B form, with the parameter sets in the first keyframe of a section.
type Frame struct {
	Codec         media.Codec
	Time          time.Time     // of decoding, by the clock of EXT-X-PROGRAM-DATE-TIME
	Offset        time.Duration // from decoding to presentation
	Keyframe      bool
	Width, Height int // of the section's pictures
	Data          []byte
}

// errStopped says that no more frames are wanted.
var errStopped = errors.New("stopped")

// Frames are those of the recording's first rendition, in the order of their times, without the
// pictures that are there again where video has stopped. Those of one segment are in memory. An error is the last element.
func (r *Recording) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		folder, list, err := r.firstRendition(ctx)
		if err == nil {
			f := frameReader{zero: list.Segments[0].Begins, yield: func(f Frame) bool { return yield(f, nil) }}
			err = r.readRuns(ctx, folder, list, f.zero, f.segment)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Frame{}, fmt.Errorf("%s: %w", r.Name(), err))
		}
	}
}

// A frameReader turns segments into frames.
type frameReader struct {
	zero    time.Time
	yield   func(Frame) bool
	section *sectionReader
	begun   bool // a keyframe of the section came
}

// segment yields the frames of a segment.
func (f *frameReader) segment(s *sectionReader, runs []run) error {
	if s != f.section {
		f.section, f.begun = s, false
	}
	var all []Frame
	for _, r := range runs {
		var err error
		if all, err = f.append(all, r); err != nil {
			return err
		}
	}
	slices.SortStableFunc(all, func(a, b Frame) int { return a.Time.Compare(b.Time) })
	for _, frame := range all {
		if !f.yield(frame) {
			return errStopped
		}
	}
	return nil
}

// append appends the frames of a run.
func (f *frameReader) append(all []Frame, r run) ([]Frame, error) {
	codec, err := r.track.mediaCodec()
	if err != nil {
		return nil, err
	}
	inTime := func(ticks int64) time.Duration { return ticksToTime(ticks, r.track.timescale) }
	at := r.held
	for _, s := range r.samples[r.repeats:] {
		data := s.Payload
		if codec == media.H264 {
			if !f.begun && !s.IsNonSyncSample {
				data, f.begun = withParameterSets(r.track.codec, data), true
			}
			if data, err = annexB(data); err != nil {
				return nil, err
			}
		}
		all = append(all, Frame{
			Codec: codec, Time: f.zero.Add(r.begins + inTime(at)), Offset: inTime(int64(s.PTSOffset) - r.track.mediaTime),
			Keyframe: !s.IsNonSyncSample, Width: int(r.track.width), Height: int(r.track.height), Data: data,
		})
		at += int64(s.Duration)
	}
	return all, nil
}

// mediaCodec is the codec of a track, if participants have it.
func (d *description) mediaCodec() (media.Codec, error) {
	switch d.codec.(type) {
	case *codecs.H264:
		return media.H264, nil
	case *codecs.VP9:
		return media.VP9, nil
	case *codecs.AV1:
		return media.AV1, nil
	case *codecs.Opus:
		return media.Opus, nil
	}
	return media.NoCodec, fmt.Errorf("track %d has a codec that participants do not send", d.id)
}

// annexB replaces the sizes of NAL units by start codes.
func annexB(sample []byte) ([]byte, error) {
	var units h264.AVCC
	if err := units.Unmarshal(sample); err != nil {
		return nil, err
	}
	return h264.AnnexB(units).Marshal()
}

// span is when the media of the first rendition begin, and end.
func (r *Recording) span(ctx context.Context) (begins, ends time.Time, err error) {
	var list hls.Playlist
	if _, list, err = r.firstRendition(ctx); err != nil {
		return begins, ends, fmt.Errorf("%s: %w", r.Name(), err)
	}
	last := list.Segments[len(list.Segments)-1]
	return list.Segments[0].Begins, last.Begins.Add(last.Duration), nil
}
