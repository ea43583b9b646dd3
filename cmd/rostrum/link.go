package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/server"
	"rostrum/internal/store"
)

// linkCommand creates a link with which a browser plays a recording.
type linkCommand struct {
	Settings config.Settings `embed:""`

	Recording string        `arg:"" placeholder:"BUCKET/PREFIX" help:"The recording: its bucket and its prefix there."`
	For       time.Duration `name:"for" default:"24h" placeholder:"TIME" help:"How long the link is valid."`
}

// A link is a URL that needs no credentials.
type link struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// Run prints the URL of the recording's playlist, or of its thumbnails where it has none. It opens all files of the recording and
// no others.
func (c *linkCommand) Run(ctx context.Context, out *output) error {
	s := &c.Settings
	name, prefix, _ := strings.Cut(strings.TrimSuffix(c.Recording, "/"), "/")
	switch {
	case name == "" || prefix == "" || prefix != path.Clean(prefix):
		return misuse(fmt.Errorf("%q is not BUCKET/PREFIX of a recording", c.Recording))
	case c.For < time.Second:
		return misuse(errors.New("--for: a link must be valid for at least a second"))
	}
	return s.WithStore(ctx, func(st *store.Store) error {
		endpoint, err := s.Endpoint(string(s.Listen))
		if err != nil {
			return err
		}
		found, err := server.FindRecording(ctx, s, name, prefix)
		if err != nil {
			return err
		}
		l := link{Expires: time.Now().Add(c.For).UTC().Truncate(time.Second)}
		if l.URL, err = found.URL(ctx, s, st, endpoint, l.Expires); err != nil {
			return err
		}
		return out.print(l, func(w io.Writer) { fmt.Fprintln(w, l.URL) })
	})
}
