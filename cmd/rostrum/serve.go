package main

import (
	"context"

	"rostrum/internal/config"
	"rostrum/internal/server"
)

// serveCommand runs a server until told to stop.
type serveCommand struct {
	Settings config.Settings `embed:""`
}

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, out *output) (err error) {
	c.Settings.Version = readBuild().Version
	return server.Run(ctx, &c.Settings, out.stderr, func(b *server.Banner) error { return out.print(b, b.Describe) })
}
