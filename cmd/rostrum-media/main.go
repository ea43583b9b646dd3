//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"rostrum/internal/mediajob"
)

type commands struct {
	Compose           composeCommand           `cmd:"" help:"Compose the participants of a stage into one video and audio stream, until standard input ends."`
	Transcode         transcodeCommand         `cmd:"" help:"Turn the AAC of encoders into Opus, until standard input ends."`
	TranscodeVideo    transcodeVideoCommand    `cmd:"" help:"Turn the VP8 of participants into H.264, until standard input ends."`
	Thumbnails        thumbnailsCommand        `cmd:"" help:"Turn pictures of participants into JPEG, until standard input ends."`
	ComposeRecordings composeRecordingsCommand `cmd:"" help:"Compose recordings into one video and audio stream, until standard input ends."`
	Encoders          encodersCommand          `cmd:"" help:"Try the video encoders on this machine."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The reader of our output may be killed; recordings are still completed then.
	signal.Ignore(syscall.SIGPIPE)
	parsed := kong.Parse(&commands{}, kong.Name("rostrum-media"),
		kong.Description("Runs what needs native codecs: compositions, thumbnails, and transcoding."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	parsed.FatalIfErrorf(parsed.Run())
}

type composeCommand struct {
	Output string `short:"o" placeholder:"FILE" help:"Write a fragmented MP4, and take a token instead of a job."`
	Token  string `env:"ROSTRUM_TOKEN" help:"With -o: the participant token; read from standard input if not set."`
}

// Run does one job.
func (c *composeCommand) Run(ctx context.Context) error {
	if c.Output == "" {
		return mediajob.Compose(ctx, os.Stdin, os.Stdout)
	}
	token := c.Token
	if token == "" {
		read, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<16))
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		token = strings.TrimSpace(string(read))
	}
	return mediajob.ComposeFile(ctx, token, c.Output, os.Stdout)
}

type transcodeCommand struct{}

// Run transcodes for the server.
func (transcodeCommand) Run(ctx context.Context) error {
	return mediajob.Transcode(ctx, os.Stdin, os.Stdout)
}

type transcodeVideoCommand struct{}

// Run transcodes for the recorder of the server.
func (transcodeVideoCommand) Run(ctx context.Context) error {
	return mediajob.TranscodeVideo(ctx, os.Stdin, os.Stdout)
}

type composeRecordingsCommand struct{}

// Run composes for rostrum recordings export.
func (composeRecordingsCommand) Run(ctx context.Context) error {
	return mediajob.ComposeRecordings(ctx, os.Stdin, os.Stdout)
}

type thumbnailsCommand struct{}

// Run makes thumbnails for the server.
func (thumbnailsCommand) Run(ctx context.Context) error {
	return mediajob.Thumbnails(ctx, os.Stdin, os.Stdout)
}

type encodersCommand struct{}

// Run lists the encoders.
func (encodersCommand) Run() error { return mediajob.ListEncoders(os.Stdout) }
