package main

import (
	"context"
	"io"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/doctor"
)

// waitCommand waits until a server on this machine is ready.
type waitCommand struct {
	Settings config.Settings `embed:""`

	Timeout time.Duration `default:"1m" help:"How long to wait."`
}

// Run returns when the server is ready, and with an error when the time is over.
func (c *waitCommand) Run(ctx context.Context, out *output) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := doctor.AwaitReady(ctx, &c.Settings); err != nil {
		return err
	}
	return out.print(map[string]bool{"ready": true}, func(io.Writer) {}) // the exit code is enough for a shell
}
