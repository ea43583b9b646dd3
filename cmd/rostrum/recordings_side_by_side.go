package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/layout"
	"rostrum/internal/recording"
	"rostrum/internal/server"
	"rostrum/internal/worker"
)

// exportSideBySide composes recordings into one file.
func (c *recordingsExportCommand) exportSideBySide(ctx context.Context, found []*recording.Recording, out *output) error {
	if !strings.EqualFold(filepath.Ext(c.To), ".mp4") {
		return misuse(errors.New("--to must be a file, such as out.mp4"))
	}
	if c.Size == (size{}) {
		c.Size = size{1280, 720}
	}
	if err := c.checkFormat(); err != nil {
		return misuse(err)
	}
	tiles := layout.DefaultGrid()
	tiles.VideoAspectRatio = layout.AspectRatio(c.Tiles)
	progress := &exportProgress{out: out.stderr, rewrite: isTerminal(out.stderr)}
	began := time.Now()
	length, err := recording.SideBySide{
		Width: c.Size.width, Height: c.Size.height, FrameRate: c.Framerate, Bitrate: int(c.Bitrate), Layout: tiles,
		Worker: server.RecordingComposer(&c.Settings, out.stderr), Progress: progress.show,
	}.Export(ctx, c.To, found)
	progress.end()
	switch {
	case errors.Is(err, worker.ErrNoProgram):
		return fmt.Errorf("%w: it belongs beside rostrum, or in PATH", err)
	case ctx.Err() != nil:
		return errors.New("interrupted: nothing was written")
	case err != nil:
		return err
	}
	done := struct {
		File       string `json:"file"`
		DurationMS int64  `json:"durationMs"`
		TookMS     int64  `json:"tookMs"`
	}{c.To, length.Milliseconds(), time.Since(began).Milliseconds()}
	return out.print(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %v, in %v\n", c.To, length.Round(time.Second/10), time.Since(began).Round(time.Second/10))
	})
}

// checkFormat holds what a composition may have, too (EncoderConfiguration).
func (c *recordingsExportCommand) checkFormat() error {
	switch w, h := c.Size.width, c.Size.height; {
	case w%2 != 0 || h%2 != 0 || min(w, h) < 2 || max(w, h) > 1920 || w*h > 1920*1080:
		return fmt.Errorf("--size %dx%d: must be even numbers up to 1920x1080", w, h)
	case c.Framerate < 1 || c.Framerate > 60:
		return fmt.Errorf("--framerate %g: must be 1 to 60", c.Framerate)
	case c.Bitrate < 100_000 || c.Bitrate > 8_500_000:
		return errors.New("--bitrate must be 100k to 8.5M")
	}
	return nil
}

// An exportProgress shows how far an export is: once a second on a terminal, else every ten.
type exportProgress struct {
	out     io.Writer
	rewrite bool // the line, on a terminal
	shown   time.Time
}

func (p *exportProgress) show(done, total time.Duration) {
	interval := 10 * time.Second
	if p.rewrite {
		interval = time.Second
	}
	if p.shown.IsZero() {
		p.shown = time.Now()
	}
	if time.Since(p.shown) < interval {
		return
	}
	p.shown = time.Now()
	line := fmt.Sprintf("%v of %v (%.0f %%)", done.Round(time.Second), total.Round(time.Second), 100*done.Seconds()/max(total.Seconds(), 1e-3))
	if p.rewrite {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

// end removes the line.
func (p *exportProgress) end() {
	if p.rewrite {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
