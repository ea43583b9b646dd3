package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"rostrum/internal/server"
)

// demoVerb shows a stage at work, and a composition of it: it does what a user
// would do with the other verbs and an SDK, each part by the same way.
type demoVerb struct {
	Listen    string        `default:"127.0.0.1:7080" placeholder:"HOST:PORT" help:"Where to serve; port 0 takes a free one."`
	MediaPort string        `default:"7081" placeholder:"PORT" help:"The one port of all media; 0 takes a free one."`
	Size      string        `default:"1280x720" help:"Width and height of the test pictures."`
	Duration  time.Duration `help:"Stop after this time."`
}

// performers are the test participants. Their names give them colours and pitches
// that are easily told apart.
var performers = []string{"Ada", "Alan"}

// Run serves, publishes, composes and watches until told to stop, and leaves nothing
// behind.
func (v *demoVerb) Run(ctx context.Context, out *output) (err error) {
	if v.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Duration)
		defer cancel()
	}
	folder, err := os.MkdirTemp("", "rostrum-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	// The server outlives the others, so that they can leave in good order.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	greetings, words := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := perform(serving, words, "serve", "--data-dir", folder, "--json", "--log-level", "warn",
			"--listen", v.Listen, "--media-port", v.MediaPort, "--rtmp-listen", "127.0.0.1:0",
			// Firefox doesn't pair its addresses with loopback, where the page is.
			"--media-listen", "0.0.0.0")
		words.Close()
		stopPlaying()
		served <- err
	}()
	var hello server.Banner
	if json.NewDecoder(greetings).Decode(&hello) == nil { // else the server tells why not
		err = v.play(playing, newBoard(out), hello)
	}
	stopServing()
	return errors.Join(err, <-served)
}

// perform carries out another verb, as its command line would. What it complains
// of is told only if it fails.
func perform(ctx context.Context, words io.Writer, args ...string) error {
	var complaints strings.Builder
	if run(ctx, args, words, &complaints) != exitOK && ctx.Err() == nil {
		return errors.New(strings.TrimPrefix(strings.TrimSpace(complaints.String()), "rostrum: "))
	}
	return nil
}

// ask carries out a verb that answers with one document.
func ask[T any](ctx context.Context, args ...string) (answer T, err error) {
	var words strings.Builder
	if err := perform(ctx, &words, append(args, "--json")...); err != nil {
		return answer, err
	}
	return answer, json.Unmarshal([]byte(words.String()), &answer)
}

// play sets the scene and has everybody take part in it.
func (v *demoVerb) play(ctx context.Context, b *board, hello server.Banner) error {
	s, err := setScene(ctx, hello)
	if err != nil {
		return err
	}
	var parts []func(context.Context) error
	for i, token := range s.publishing {
		parts = append(parts, func(ctx context.Context) error {
			return perform(ctx, io.Discard, "publish", "--simulcast", "--size", v.Size, "--name", performers[i], "--token", token)
		})
	}
	figures, lines := io.Pipe()
	parts = append(parts,
		func(ctx context.Context) error {
			defer lines.Close()
			return perform(ctx, lines, "subscribe", "--all", "--json", "--token", s.watching)
		},
		func(ctx context.Context) error { return b.figures(ctx.Done(), figures, s.names) },
		func(ctx context.Context) error { return s.show(ctx, b) },
	)
	return server.RunGroup(ctx, parts...)
}
