//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"rostrum/internal/codec"
)

type verbs struct {
	Compose  composeVerb  `cmd:"" help:"Compose a stage into one picture and sound, until standard input ends."`
	Encoders encodersVerb `cmd:"" help:"Try the encoders of pictures on this machine."`
}

// streams are the process's, so that tests can give their own.
type streams struct {
	in  io.Reader
	out io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Who hears us may be killed: what is recorded is then still brought to its end.
	signal.Ignore(syscall.SIGPIPE)
	parsed := kong.Parse(&verbs{}, kong.Name("rostrum-media"),
		kong.Description("What needs native codecs: compositions."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&streams{os.Stdin, os.Stdout}))
	parsed.FatalIfErrorf(parsed.Run())
}

type encodersVerb struct{}

// Run tries to open each encoder that a composition may name.
func (encodersVerb) Run(s *streams) error {
	for _, name := range []string{"libx264", "h264_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox", "libopenh264"} {
		says := "works"
		e, err := codec.NewVideoEncoder(codec.VideoConfig{Encoder: name, Width: 1280, Height: 720, FrameRate: 30, Bitrate: 2_500_000, KeyframeTicks: 60})
		if err != nil {
			says = err.Error()
		} else {
			e.Close()
		}
		if _, err := fmt.Fprintf(s.out, "%-18s %s\n", name, says); err != nil {
			return err
		}
	}
	return nil
}
