package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/recording"
	"rostrum/internal/server"
)

// recordingsExportCommand writes recordings into MP4 files.
type recordingsExportCommand struct {
	place
	To         string  `required:"" placeholder:"PATH" help:"The file to write, such as out.mp4; or, for several recordings, a folder."`
	Session    string  `placeholder:"ID" help:"Export the recordings of one stage session alone."`
	SideBySide bool    `help:"Compose the participants of a session into one file, with rostrum-media."`
	Size       size    `placeholder:"1280x720" help:"Width and height of the file." group:"Side by side"`
	Framerate  float64 `default:"30" help:"Pictures a second, 1 to 60." group:"Side by side"`
	Bitrate    bitrate `default:"2500k" help:"Bits a second of the video." group:"Side by side"`
	Tiles      string  `default:"VIDEO" enum:"VIDEO,SQUARE,PORTRAIT,AUTO" help:"Aspect ratio of the tiles, as videoAspectRatio of a grid layout." group:"Side by side"`
}

// An exported recording is a file, as printed.
type exported struct {
	Recording     string `json:"recording"`
	ParticipantID string `json:"participantId,omitempty"`
	File          string `json:"file"`
	OffsetMS      int64  `json:"offsetMs"` // from time 0 of the session's files to its first media
	session       string // a composition is one by itself
}

// Run exports all recordings at the places. The files of a session have one time 0, the
// beginning of the earliest, so that they can be played side by side.
func (c *recordingsExportCommand) Run(ctx context.Context, out *output) error {
	if len(c.Where) == 0 && c.Session == "" {
		return misuse(errors.New("name what to export, such as BUCKET/PREFIX or --session ID: rostrum recordings list shows it"))
	}
	found, err := server.FindRecordings(ctx, &c.Settings, c.Where...)
	if err != nil {
		return err
	}
	if found, err = c.choose(ctx, found); err != nil {
		return err
	}
	if c.SideBySide {
		return c.exportSideBySide(ctx, found, out)
	}
	to, err := c.files(ctx, found)
	if err != nil {
		return err
	}
	zeros, begins, err := earliest(ctx, found, to)
	if err != nil {
		return err
	}
	for i, r := range found {
		e := to[i]
		zero := zeros[e.session]
		if err := r.Export(ctx, e.File, zero); err != nil {
			return err
		}
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

// choose leaves out recordings without media, and those of other sessions.
func (c *recordingsExportCommand) choose(ctx context.Context, found []*recording.Recording) (chosen []*recording.Recording, err error) {
	for _, r := range found {
		if !r.HasMedia() {
			continue
		}
		if c.Session != "" {
			if d, err := r.Describe(ctx); err != nil || d.SessionID != c.Session {
				continue // what can't be described is of no session
			}
		}
		chosen = append(chosen, r)
	}
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case c.Session != "":
		return nil, fmt.Errorf("session %s has no recording with media", c.Session)
	}
	return nil, errors.New("there is no recording with media")
}

// files names the files of recordings.
func (c *recordingsExportCommand) files(ctx context.Context, found []*recording.Recording) ([]exported, error) {
	isFile := strings.EqualFold(filepath.Ext(c.To), ".mp4")
	if isFile && len(found) > 1 {
		return nil, misuse(fmt.Errorf("these are %d recordings: --to must be a folder, or --side-by-side composes them into one file", len(found)))
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
		e := exported{Recording: d.Recording, ParticipantID: d.ParticipantID, File: c.To, session: cmp.Or(d.SessionID, d.Recording)}
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

// earliest returns when each recording begins, and when the first of each session does.
func earliest(ctx context.Context, all []*recording.Recording, to []exported) (zeros map[string]time.Time, begins []time.Time, err error) {
	zeros = map[string]time.Time{}
	for i, r := range all {
		at, err := r.Begins(ctx)
		if err != nil {
			return nil, nil, err
		}
		begins = append(begins, at)
		if zero, known := zeros[to[i].session]; !known || at.Before(zero) {
			zeros[to[i].session] = at
		}
	}
	return zeros, begins, nil
}
