package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// publishCommand sends a file or a test pattern into a stage.
type publishCommand struct {
	participantFlags
	WHIP string `name:"whip" help:"Publish at this WHIP URL instead of where the token says." group:"Other servers" placeholder:"URL"`

	File    string `arg:"" optional:"" type:"existingfile" help:"What to send: MP4, Matroska, WebM, IVF, Ogg or raw H.264. Without it, a moving test pattern with a clock and a tone."`
	Loop    bool   `help:"Repeat the file without end."`
	NoAudio bool   `help:"Send no audio."`
	NoVideo bool   `help:"Send no video."`
	FPS     int    `help:"Frames per second of the pattern, or of raw H.264 that does not say; 30 by default."`

	Size         size          `help:"Width and height of the pattern." placeholder:"1280x720" group:"Pattern"`
	VideoBitrate bitrate       `help:"Bits per second of the pattern's best layer: 2500000, 2500k or 2.5M. 0 sends no more than needed." default:"1.7M" group:"Pattern"`
	Simulcast    bool          `help:"Send the pattern in layers: hi, mid and low. Layers without a viewer are left out." group:"Pattern"`
	Keyframe     time.Duration `help:"Time between keyframes of the pattern." default:"2s" group:"Pattern"`
	Name         string        `help:"Name that is drawn, and that the colours and pitch of the pattern are made from; by default the participant's name and id." group:"Pattern"`

	Duration time.Duration `help:"Stop after this time."`
}

// Run publishes until the file or the time ends, the server ends it, or ctx ends.
func (c *publishCommand) Run(ctx context.Context, out *output) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	timed := ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	err = peer.RunPublisher(timed, cfg, func(r peer.PublishReport) {
		_ = out.print(r, r.Describe) // a terminal that was closed is no reason to stop
	})
	if ctx.Err() != nil {
		return nil
	}
	return denial(err)
}

func (c *publishCommand) config() (peer.PublisherConfig, error) {
	cfg := peer.PublisherConfig{Network: c.Network, Rejoin: c.Rejoin}
	var name string
	if c.WHIP != "" {
		cfg.Endpoint, cfg.ParticipantID = realtime.Endpoint{URL: c.WHIP, Bearer: cmp.Or(c.Bearer, c.Token)}, c.WHIP
	} else {
		var err error
		if name, err = c.useToken(&cfg); err != nil {
			return cfg, err
		}
	}
	var err error
	cfg.Source, err = c.source(cmp.Or(c.Name, cfg.ParticipantID), cmp.Or(c.Name, name, cfg.ParticipantID))
	return cfg, err
}

// useToken publishes where the token says. It returns the participant's name, as the meeting page
// shows it; empty if it has none.
func (c *publishCommand) useToken(cfg *peer.PublisherConfig) (name string, err error) {
	token, err := c.readToken()
	if err != nil {
		return "", err
	}
	if !token.Publish {
		return "", denied{errors.New("the token does not allow to publish")}
	}
	cfg.ParticipantID = token.ParticipantID
	if c.Simulcast && token.EventsURL != "" { // otherwise all layers are sent
		cfg.Token = token
	}
	cfg.Endpoint, err = token.PublishAt()
	return cmp.Or(token.Attributes["name"], token.UserID), err
}

// source is what is published: a file, or a pattern with the name drawn, in colours of identity.
func (c *publishCommand) source(identity, name string) (peer.Source, error) {
	if c.File != "" {
		return realtime.OpenFile(c.File, realtime.FileConfig{NoAudio: c.NoAudio, NoVideo: c.NoVideo, FPS: float64(c.FPS), Loop: c.Loop})
	}
	source, err := peer.NewPatternSource(peer.PatternConfig{
		Simulcast: c.Simulcast, NoAudio: c.NoAudio, NoVideo: c.NoVideo,
		Video: testpattern.VideoConfig{
			Width: c.Size.width, Height: c.Size.height, Bitrate: int(c.VideoBitrate),
			FPS: c.FPS, Keyframe: c.Keyframe, Identity: testpattern.IdentityOf(identity), Name: name,
		},
	})
	if err != nil {
		return nil, misuse(err)
	}
	return source, nil
}
