package server

import (
	"context"
	"fmt"
	"log/slog"
	goruntime "runtime"
	"time"
)

// maxStop is how long a stop may take. Recordings may take most of it for their last uploads; what
// a part leaves undone, the next start does, as after a crash.
const maxStop = 45 * time.Second

// maxStacks bounds what the log says about a stop that takes too long, in bytes.
const maxStacks = 256 << 10

// runWithin runs a server until it returns, but not for longer than a limit after ctx ends. A
// server that takes longer is left where it is: the log says where.
func runWithin(ctx context.Context, limit time.Duration, log *slog.Logger, run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case err := <-ended:
		return err
	case <-over.C:
		stacks := make([]byte, maxStacks)
		log.Error("the server does not stop", "goroutines", string(stacks[:goruntime.Stack(stacks, true)]))
		return fmt.Errorf("the server did not stop within %v; the next start completes what it left", limit)
	}
}
