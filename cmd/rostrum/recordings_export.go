package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rostrum/internal/recording"
	"rostrum/internal/server"
)

// recordingsExportCommand writes recordings into MP4 files.
type recordingsExportCommand struct {
	place
	To string `required:"" placeholder:"PATH" help:"The file to write, such as out.mp4; or, for several recordings, a folder."`
}

// An exported recording is a file, as printed.
type exported struct {
	Recording     string `json:"recording"`
	ParticipantID string `json:"participantId,omitempty"`
	File          string `json:"file"`
	OffsetMS      int64  `json:"offsetMs"` // from time 0 of the files to its first media
}

// Run exports all recordings at the places. Their files have one time 0, the beginning of
// the earliest, so that they can be played side by side.
func (c *recordingsExportCommand) Run(ctx context.Context, out *output) error {
	if len(c.Where) == 0 {
		return misuse(errors.New("name what to export, such as BUCKET/PREFIX: rostrum recordings list shows it"))
	}
	found, err := server.FindRecordings(ctx, &c.Settings, c.Where...)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(r *recording.Recording) bool { return !r.HasMedia() })
	if len(found) == 0 {
		return errors.New("there is no recording with media")
	}
	to, err := c.files(ctx, found)
	if err != nil {
		return err
	}
	zero, begins, err := earliest(ctx, found)
	if err != nil {
		return err
	}
	for i, r := range found {
		if err := r.Export(ctx, to[i].File, zero); err != nil {
			return err
		}
		e := to[i]
		e.OffsetMS = begins[i].Sub(zero).Milliseconds()
		err := out.print(e, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s, from %v on\n", e.Recording, e.File, time.Duration(e.OffsetMS)*time.Millisecond)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// files names the files of recordings.
func (c *recordingsExportCommand) files(ctx context.Context, found []*recording.Recording) ([]exported, error) {
	isFile := strings.EqualFold(filepath.Ext(c.To), ".mp4")
	if isFile && len(found) > 1 {
		return nil, misuse(fmt.Errorf("these are %d recordings: --to must be a folder", len(found)))
	}
	if !isFile {
		if err := os.MkdirAll(c.To, 0o750); err != nil {
			return nil, err
		}
	}
	all := make([]exported, 0, len(found))
	taken := map[string]bool{}
	for i, r := range found {
		d, err := r.Describe(ctx)
		if err != nil {
			return nil, err
		}
		e := exported{Recording: d.Recording, ParticipantID: d.ParticipantID, File: c.To}
		if !isFile {
			name := fileName(d)
			if taken[name] {
				name = fmt.Sprintf("%s-%d", name, i+1)
			}
			taken[name] = true
			e.File = filepath.Join(c.To, name+".mp4")
		}
		all = append(all, e)
	}
	return all, nil
}

// fileName is the participant, or the end of a composition's prefix, and when it started. What
// a recording says of itself must not lead out of the folder.
func fileName(d recording.Description) string {
	of := d.ParticipantID
	if of == "" {
		of = "composition"
	}
	return strings.Map(func(r rune) rune {
		if r == ':' || r == '/' || r == '\\' || r == '.' || r < ' ' {
			return '-'
		}
		return r
	}, of+"-"+d.Started)
}

// earliest returns when each recording begins, and when the first of them does.
func earliest(ctx context.Context, all []*recording.Recording) (zero time.Time, begins []time.Time, err error) {
	for _, r := range all {
		at, err := r.Begins(ctx)
		if err != nil {
			return zero, nil, err
		}
		if begins = append(begins, at); zero.IsZero() || at.Before(zero) {
			zero = at
		}
	}
	return zero, begins, nil
}
