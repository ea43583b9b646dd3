package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/hls"
)

// errNoMedia says that a recording has no segment.
var errNoMedia = errors.New("it has no media")

// Begins is the wall clock time at which the media of a recording begin.
func (r *Recording) Begins(ctx context.Context) (time.Time, error) {
	_, list, err := r.firstRendition(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", r.Name(), err)
	}
	return list.Segments[0].Begins, nil
}

// firstRendition reads the playlist of the first rendition, and returns its folder.
func (r *Recording) firstRendition(ctx context.Context) (folder string, list hls.Playlist, err error) {
	data, err := r.read(ctx, multivariantFile, maxPlaylist)
	if errors.Is(err, errMissing) {
		return "", list, errNoMedia
	}
	if err != nil {
		return "", list, err
	}
	var all playlist.Multivariant
	if err := all.Unmarshal(data); err != nil {
		return "", list, fmt.Errorf("%s: %w", multivariantFile, err)
	}
	if len(all.Variants) == 0 || !isBelow(all.Variants[0].URI) {
		return "", list, errNoMedia
	}
	name := path.Join(hlsFolder, all.Variants[0].URI)
	if data, err = r.read(ctx, name, maxPlaylist); err == nil {
		list, err = hls.Parse(data)
	}
	if err == nil && len(list.Segments) == 0 {
		err = errNoMedia
	}
	if err != nil {
		return "", list, fmt.Errorf("%s: %w", name, err)
	}
	return path.Dir(name), list, nil
}

// Export writes the recording's first rendition into an MP4 file, without coding it again.
// Time 0 of the file is zero, by the clock of EXT-X-PROGRAM-DATE-TIME: recordings with the
// same zero are aligned. Where media are missing, the last picture stays and audio is
// silent.
func (r *Recording) Export(ctx context.Context, to string, zero time.Time) error {
	folder, list, err := r.firstRendition(ctx)
	if err == nil {
		err = createFile(to, func(file io.WriteSeeker) error { return r.export(ctx, file, folder, list, zero) })
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", r.Name(), err)
	}
	return nil
}

func (r *Recording) export(ctx context.Context, file io.WriteSeeker, folder string, list hls.Playlist, zero time.Time) error {
	out, err := newMP4File(file, 0)
	if err != nil {
		return err
	}
	e := newExporter(out)
	if err := r.readRuns(ctx, folder, list, zero, e.write); err != nil {
		return err
	}
	return out.close()
}

// An exporter writes the segments of a playlist, in order, into an MP4 file.
type exporter struct {
	out     *mp4File
	tracks  map[string]*mp4Track // by what their samples have in common
	current *sectionReader
	section map[*description]*exportTrack
}

func newExporter(out *mp4File) *exporter {
	return &exporter{out: out, tracks: map[string]*mp4Track{}}
}

// write writes the runs of a segment.
func (e *exporter) write(s *sectionReader, runs []run) error {
	if s != e.current {
		if err := e.begin(s); err != nil {
			return err
		}
	}
	for _, r := range runs {
		t := e.section[r.track]
		if r.repeats > 0 && t.canExtend(r.held) {
			t.extend(r.held)
			r.begins, r.samples = r.begins+ticksToTime(r.held, t.timescale), r.samples[r.repeats:]
		}
		if err := e.writeRun(t, r.begins, r.samples); err != nil {
			return err
		}
	}
	return nil
}

// An exportTrack is a track of a section.
type exportTrack struct {
	*mp4Track
	codec       codecs.Codec
	description int
	isNew       bool // nothing of the section is written
	silence     []byte
	frame       int64 // ticks of silence
}

func (e *exporter) begin(s *sectionReader) error {
	e.current, e.section = s, map[*description]*exportTrack{}
	for _, d := range s.tracks {
		key := d.key()
		t := e.tracks[key]
		if t == nil {
			t = &mp4Track{handler: d.handler, timescale: d.timescale, mediaTime: d.mediaTime}
			e.tracks[key] = t
		}
		t.width, t.height = max(t.width, d.width), max(t.height, d.height)
		made := &exportTrack{mp4Track: t, codec: d.codec, isNew: true}
		if made.description = slices.IndexFunc(t.descriptions, func(known []byte) bool { return bytes.Equal(known, d.entry) }); made.description < 0 {
			made.description = len(t.descriptions)
			t.descriptions = append(t.descriptions, d.entry)
		}
		if err := made.setSilence(); err != nil {
			return err
		}
		e.section[d] = made
	}
	return nil
}

func (t *exportTrack) setSilence() error {
	switch c := t.codec.(type) {
	case *codecs.Opus:
		t.silence, t.frame = hls.Opus(c.ChannelCount).Silence(), int64(t.timescale)/50
	case *codecs.MPEG4Audio:
		config, err := c.Config.Marshal()
		if err != nil {
			return err
		}
		track, err := hls.AAC(config)
		if err != nil {
			return err
		}
		t.silence, t.frame = track.Silence(), 1024
	}
	return nil
}

// writeRun writes samples that follow each other, the first of which is to be at a time of the
// file.
func (e *exporter) writeRun(t *exportTrack, at time.Duration, samples []*fmp4.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	isFirst := len(t.sizes) == 0
	if isFirst {
		e.out.tracks = append(e.out.tracks, t.mp4Track)
		if t.silence == nil && e.hasAudio() {
			t.starts = max(at, 0)
		}
	}
	if at > maxSession {
		return fmt.Errorf("a segment is %v after time 0 of the file, expected at most %v: is a clock wrong?", at, maxSession)
	}
	gap := timeToTicks(at-t.starts, t.timescale) - t.length
	held := int64(0) // how long the first picture is shown before it was there
	switch {
	case max(gap, -gap) <= timeToTicks(rounding, t.timescale):
		gap = 0
	case t.silence == nil && isFirst:
		held, gap = max(gap, 0), 0
	case t.silence == nil:
		t.extend(gap)
		gap = 0
	}
	for len(samples) > 0 && -gap > int64(samples[0].Duration)/2 { // it is at the time of samples before
		gap += int64(samples[0].Duration)
		samples = samples[1:]
	}
	if len(samples) == 0 {
		return nil
	}
	e.out.beginChunk(t.mp4Track, t.description)
	for ; gap > t.frame/2; gap -= t.frame {
		if err := e.out.write(t.mp4Track, sample{data: t.silence, duration: uint32(t.frame), keyframe: true}); err != nil {
			return err
		}
	}
	for _, s := range samples {
		out := sample{s.Payload, s.Duration, s.PTSOffset, !s.IsNonSyncSample}
		if t.isNew && out.keyframe {
			out.data = withParameterSets(t.codec, out.data)
			t.isNew = false
		}
		if err := e.out.write(t.mp4Track, out); err != nil {
			return err
		}
		if held > 0 {
			t.extend(held)
			held = 0
		}
	}
	return nil
}

// hasAudio reports whether the section has audio. It then begins at time 0 of the file, with
// silence: tools remove an empty edit that all tracks begin with.
func (e *exporter) hasAudio() bool {
	for _, t := range e.section {
		if t.silence != nil {
			return true
		}
	}
	return false
}
