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
	"rostrum/internal/web"
)

// linkVerb makes a link under which a browser plays a recording.
type linkVerb struct {
	Settings config.Settings `embed:""`

	Recording string        `arg:"" placeholder:"BUCKET/PREFIX" help:"The recording: its bucket and its prefix there."`
	For       time.Duration `name:"for" default:"24h" placeholder:"TIME" help:"How long the link is good."`
}

// A link is an address that anybody who has it can open.
type link struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// Run prints the address of the recording's playlist. It opens all files of the
// recording and no other.
func (v *linkVerb) Run(ctx context.Context, out *output) error {
	s := &v.Settings
	name, prefix, _ := strings.Cut(strings.TrimSuffix(v.Recording, "/"), "/")
	switch {
	case s.S3Endpoint != "":
		return errors.New("buckets are in S3: presign with its tools")
	case name == "" || prefix == "" || prefix != path.Clean(prefix):
		return misuse(fmt.Errorf("%q is no BUCKET/PREFIX of a recording", v.Recording))
	case v.For < time.Second:
		return misuse(errors.New("a link must be good for a second at least"))
	}
	return s.WithStore(ctx, func(st *store.Store) error {
		endpoint, err := s.Endpoint(string(s.Listen))
		if err != nil {
			return err
		}
		links, err := server.OpenLinks(ctx, st)
		if err != nil {
			return err
		}
		l := link{Expires: time.Now().Add(v.For).UTC().Truncate(time.Second)}
		l.URL = endpoint + web.RecordingsPath + name + "/" + prefix + "/media/hls/multivariant.m3u8?" + links.Sign(name, prefix, l.Expires).Encode()
		return out.say(l, func(w io.Writer) { fmt.Fprintln(w, l.URL) })
	})
}
