// Package demo runs a server, publishes two test participants to a stage of it, records
// each, composes them into a channel and a recording, and shows what a viewer receives. It reaches the
// server as an application would: by the SDK, and as participants.
package demo

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/peer"
	"rostrum/internal/server"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// A Config is a demo.
type Config struct {
	Listen    string // HOST:PORT of the API; port 0 takes a free one
	MediaPort string
	Width     int // of the test pattern
	Height    int
	Duration  time.Duration // 0 has no end
}

// An Output prints to people or to programs.
type Output struct {
	// Say prints v as JSON for programs, or what forPeople writes.
	Say      func(v any, forPeople func(io.Writer)) error
	Log      io.Writer
	Terminal bool // lines can be overwritten in place
}

// participants are the names of the test participants, from which their colours and
// pitches are made.
var participants = []string{"Ada", "Alan"}

// Of the test participants, as rostrum publish has them by default.
const (
	patternBitrate  = 1_700_000
	patternKeyframe = 2 * time.Second
	rejoinTimeout   = time.Minute
)

// Run serves, publishes, records, composes and watches until ctx or the duration ends, and then
// deletes all data.
func Run(ctx context.Context, c Config, out Output) (err error) {
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	folder, err := os.MkdirTemp("", "rostrum-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	settings, err := config.Parse("--data-dir", folder, "--log-level", "error",
		"--listen", c.Listen, "--media-port", c.MediaPort, "--rtmp-listen", "127.0.0.1:0",
		// Firefox does not pair its addresses with loopback, where the page is.
		"--media-listen", "0.0.0.0")
	if err != nil {
		return err
	}
	// The server outlives the participants, so that they can leave in good order.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	ready, served := make(chan *server.Banner, 1), make(chan error, 1)
	go func() {
		err := server.Run(serving, settings, out.Log, func(b *server.Banner) error { ready <- b; return nil })
		stopPlaying()
		served <- err
	}()
	select {
	case banner := <-ready:
		err = play(playing, c, newBoard(out), settings, banner)
		stopServing()
		return errors.Join(err, <-served)
	case err := <-served:
		return err
	}
}

// play creates the stage and connects all participants to it.
func play(ctx context.Context, c Config, b *board, s *config.Settings, banner *server.Banner) error {
	u, err := newSetup(ctx, s, banner)
	if err != nil {
		return err
	}
	leaving, leave := context.WithCancel(ctx)
	defer leave()
	u.leave = leave
	var parts []func(context.Context) error
	for i, token := range u.publishing {
		parts = append(parts, func(ctx context.Context) error {
			publishing, stop := context.WithCancel(ctx)
			defer context.AfterFunc(leaving, stop)()
			if err := unlessEnded(publishing, publish(publishing, c, participants[i], token)); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
	}
	parts = append(parts,
		func(ctx context.Context) error { return unlessEnded(ctx, watch(ctx, b, u)) },
		func(ctx context.Context) error { return u.show(ctx, b) },
	)
	return server.RunGroup(ctx, parts...)
}

// unlessEnded is err, unless it came because ctx ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// publish publishes the test pattern of a name.
func publish(ctx context.Context, c Config, name string, token realtime.Token) error {
	source, err := peer.NewPatternSource(peer.PatternConfig{
		Simulcast: true,
		Video: testpattern.VideoConfig{
			Width: c.Width, Height: c.Height, Bitrate: patternBitrate, Keyframe: patternKeyframe,
			Identity: testpattern.IdentityOf(name), Name: name,
		},
	})
	if err != nil {
		return err
	}
	return peer.RunPublisher(ctx, peer.PublisherConfig{
		Token: token, Source: source, ParticipantID: token.ParticipantID, Rejoin: rejoinTimeout,
	}, func(peer.PublishReport) {})
}

// watch subscribes to all and shows what is received, until ctx ends or it cannot be shown.
func watch(ctx context.Context, b *board, u *setup) error {
	viewing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := peer.RunViewer(viewing, peer.ViewerConfig{Token: u.watching, All: true, Rejoin: rejoinTimeout}, func(r peer.ViewReport) {
		if r.Kind != "video" || viewing.Err() != nil {
			return
		}
		if err := b.show(view{u.names[r.ParticipantID], r}); err != nil {
			stop(err)
		}
	})
	if viewing.Err() != nil && ctx.Err() == nil {
		return context.Cause(viewing)
	}
	return err
}
