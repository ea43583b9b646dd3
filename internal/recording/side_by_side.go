package recording

import (
	"context"
	"fmt"
	"io"
	"time"

	"rostrum/internal/layout"
	"rostrum/internal/worker"
)

// SideBySide says how participants are composed into one picture.
type SideBySide struct {
	Width, Height int     // pixels, even
	FrameRate     float64 // pictures a second
	Bitrate       int     // of the video, bits a second
	Layout        layout.Grid
	Worker        worker.Config
	Progress      func(done, total time.Duration) // of the file; called for each frame
}

// Export composes the recordings of the participants of a session into an MP4 file, aligned by
// EXT-X-PROGRAM-DATE-TIME. A participant has a tile from the beginning of the first of its
// recordings to the end of the last. The index of the file comes first. It returns how long the
// file is.
func (s SideBySide) Export(ctx context.Context, to string, all []*Recording) (time.Duration, error) {
	session, err := newSession(ctx, all)
	if err != nil {
		return 0, err
	}
	return session.duration, createFile(to, func(file io.WriteSeeker) error {
		if err := s.compose(ctx, session, file); err != nil {
			return fmt.Errorf("export %d recordings: %w", len(session.recordings), err)
		}
		return nil
	})
}

func (s SideBySide) compose(ctx context.Context, all *session, file io.WriteSeeker) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := newMP4File(file, s.indexSize(all.duration))
	if err != nil {
		return err
	}
	composed := &composedFile{exporter: newExporter(out)}
	composer, err := worker.StartRecordingComposer(ctx, s.Worker, worker.RecordingsJob{
		Width: s.Width, Height: s.Height, FrameRate: s.FrameRate, Bitrate: s.Bitrate, Layout: s.Layout, Duration: all.duration,
	}, composed.write)
	if err != nil {
		return err
	}
	for m, err := range all.messages(ctx) {
		if err == nil {
			err = composer.Write(m)
		}
		if err != nil {
			composer.Abort()
			return err
		}
		s.Progress(max(m.Time, 0), all.duration)
	}
	if err := composer.Close(); err != nil {
		return err
	}
	return out.close()
}

// indexSize is more than the index of a file needs: it has an entry for each picture, each
// packet of audio and each chunk.
func (s SideBySide) indexSize(d time.Duration) int64 {
	const audio, chunks = 4 * 48, 64 // bytes a second
	return 1<<14 + int64((d.Seconds()+1)*(12*s.FrameRate+audio+chunks))
}

// A composedFile takes a fragmented MP4 apart, section and fragments.
type composedFile struct {
	*exporter
	section *sectionReader
}

func (f *composedFile) write(data []byte) (err error) {
	if f.section == nil {
		f.section, err = newSectionReader(data, 0)
		return err
	}
	runs, err := f.section.runs(data)
	if err != nil {
		return err
	}
	return f.exporter.write(f.section, runs)
}
