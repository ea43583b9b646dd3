package realtime

import (
	"context"
	"fmt"
	"io"
	"time"

	"rostrum/internal/container"
)

// FileConfig says what of a file is played.
type FileConfig struct {
	NoAudio, NoVideo bool    // leave a medium out
	FPS              float64 // of raw H.264, which has no times; 0 is 30
	Loop             bool    // again and again
}

// A File is the media of a file, for tracks that are published.
type File struct {
	path   string
	cfg    FileConfig
	tracks []*LocalTrack
	began  time.Time // when it was first run
}

// OpenFile reads which media a file has: MP4, Matroska, WebM, IVF, Ogg or raw H.264 with the
// codecs of a stage, without B-frames. The error of another file says how to convert it.
func OpenFile(path string, cfg FileConfig) (*File, error) {
	f := &File{path: path, cfg: cfg}
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, t := range r.Tracks() {
		f.tracks = append(f.tracks, NewTrack(t.Codec))
	}
	return f, nil
}

func (f *File) open() (container.Reader, error) {
	return container.Open(f.path, container.Options{NoAudio: f.cfg.NoAudio, NoVideo: f.cfg.NoVideo, FPS: f.cfg.FPS})
}

// Tracks are the tracks to publish: one for each medium of the file.
func (f *File) Tracks() []*LocalTrack { return f.tracks }

// Run plays the file from its beginning, each sample at its time, and returns nil when the
// file or ctx has ended. It may be called again then, but not at the same time.
func (f *File) Run(ctx context.Context) error {
	if f.began.IsZero() {
		f.began = time.Now()
	}
	offset := time.Since(f.began) // the times of tracks only grow
	for {
		length, err := f.play(ctx, offset)
		if err != nil || !f.cfg.Loop || ctx.Err() != nil {
			return err
		}
		if length <= 0 {
			return fmt.Errorf("%s: nothing to repeat", f.path)
		}
		offset += length
	}
}

// play sends the file once, from offset on, and returns its length.
func (f *File) play(ctx context.Context, offset time.Duration) (length time.Duration, err error) {
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	last := make([]time.Duration, len(f.tracks)) // to estimate the duration of the last picture
	for {
		s, err := r.Next()
		if err == io.EOF {
			return length, nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f.path, err)
		}
		duration := s.Duration
		if duration == 0 {
			duration = s.Time - last[s.Track]
		}
		last[s.Track] = s.Time
		length = max(length, s.Time+duration)
		at := s.Time + offset
		if !sleepUntil(ctx, f.began.Add(at)) {
			return length, nil
		}
		if err := f.tracks[s.Track].WriteSample(0, Sample{Time: at, Duration: s.Duration, Keyframe: s.Keyframe, Data: s.Data}); err != nil {
			return 0, err
		}
	}
}

// sleepUntil returns false if ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
