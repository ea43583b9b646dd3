package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/realtime"
)

// subscribeCommand receives one publisher of a stage, or all: into a file, or to measure
// how well it is received.
type subscribeCommand struct {
	participantFlags
	WHEP string `name:"whep" help:"Subscribe at this WHEP URL instead of where the token says." group:"Other servers" placeholder:"URL"`

	Participant string        `arg:"" optional:"" help:"The participant to receive; by default the first who publishes."`
	All         bool          `help:"Receive every publisher, as they come and go."`
	Out         string        `short:"o" help:"Write into a file: .mkv, .mp4, .webm, .h264, .ivf or .ogg." placeholder:"FILE"`
	AudioOnly   bool          `help:"Receive no video."`
	Layer       string        `help:"Ask for a layer by its label; auto lets the server choose." placeholder:"LABEL"`
	Duration    time.Duration `help:"Stop after this time."`
}

// Run receives until the time or the publisher ends, or ctx does.
func (c *subscribeCommand) Run(ctx context.Context, out *output) error {
	if c.All && (c.Participant != "" || c.Out != "" || c.WHEP != "") {
		return misuse(errors.New("--all goes with neither a participant nor --out nor --whep"))
	}
	if c.Out != "" && !container.Supports(c.Out, media.Opus) && !container.Supports(c.Out, media.H264) && !container.Supports(c.Out, media.VP8) {
		return misuse(fmt.Errorf("--out %s: want a name ending in .mkv, .mp4, .webm, .h264, .ivf or .ogg", c.Out))
	}
	cfg := peer.ViewerConfig{
		Participant: c.Participant, All: c.All, File: c.Out, AudioOnly: c.AudioOnly, Layer: c.Layer,
		Network: c.Network, Duration: c.Duration, Rejoin: c.Rejoin,
	}
	if c.WHEP != "" {
		cfg.Endpoint = realtime.Endpoint{URL: c.WHEP, Bearer: cmp.Or(c.Bearer, c.Token)}
	} else {
		var err error
		if cfg.Token, err = c.readToken(); err != nil {
			return err
		}
		if !cfg.Token.Subscribe {
			return denied{errors.New("the token does not allow to subscribe")}
		}
	}
	return denial(peer.RunViewer(ctx, cfg, func(r peer.ViewReport) {
		_ = out.print(r, r.Describe) // a terminal that was closed is no reason to stop
	}))
}
