package main

import (
	"context"

	"rostrum/internal/config"
	"rostrum/internal/server"
)

// serveVerb runs a server until told to stop.
type serveVerb struct {
	Settings config.Settings `embed:""`
}

// Run serves until the context ends.
func (v *serveVerb) Run(ctx context.Context, out *output) (err error) {
	return server.Run(ctx, &v.Settings, out.log, func(b *server.Banner) error { return out.say(b, b.Describe) })
}
