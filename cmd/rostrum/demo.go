package main

import (
	"context"
	"time"

	"rostrum/internal/demo"
)

// demoCommand shows a stage and a composition of it.
type demoCommand struct {
	Listen    string        `default:"127.0.0.1:7080" placeholder:"HOST:PORT" help:"Address to serve at; port 0 takes a free one."`
	MediaPort string        `default:"7081" placeholder:"PORT" help:"The one port of all media; 0 takes a free one."`
	Size      size          `default:"1280x720" help:"Width and height of the test pattern."`
	Duration  time.Duration `help:"Stop after this time."`
}

// Run runs the demo until ctx ends.
func (c *demoCommand) Run(ctx context.Context, out *output) error {
	return demo.Run(ctx, demo.Config{
		Listen: c.Listen, MediaPort: c.MediaPort, Width: c.Size.width, Height: c.Size.height, Duration: c.Duration,
	}, demo.Output{Say: out.print, Log: out.stderr, Terminal: out.isTerminal()})
}
