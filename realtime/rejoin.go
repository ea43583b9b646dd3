package realtime

import (
	"context"
	"errors"
	"time"
)

const (
	// defaultRejoin is how long a lost connection is tried again, as in the service's web SDK.
	defaultRejoin = 30 * time.Second
	// NoRejoin as the time to rejoin ends a connection when it is lost.
	NoRejoin time.Duration = -1

	// rejoinResets is how long a connection must last to start the backoff anew.
	rejoinResets = 10 * time.Second
)

// rejoinLimit returns how long to try for a configured time, of which 0 is the default.
func rejoinLimit(configured time.Duration) time.Duration {
	if configured == 0 {
		return defaultRejoin
	}
	return max(0, configured)
}

// rejoin calls connect until the connection is closed on our side, until another attempt
// cannot help, or until attempts have failed for limit. connect returns once its connection
// has ended, with whether it was connected at all, and why it ended or was not. A first
// attempt that fails is not repeated. rejoin calls interrupted after each connection that
// was lost.
func rejoin(ctx context.Context, limit time.Duration, interrupted func(error), connect func(context.Context) (connected bool, err error)) error {
	var retry backoff
	var lost time.Time  // when the last connection ended
	serverGone := false // the server may take a while to come back, and other participants after it
	for first := true; ; first = false {
		began := time.Now()
		connected, err := connect(ctx)
		refused, answered := errors.AsType[*Problem](err)
		if !first && !connected && !answered { // a server that stops may still have answered the end of the connection
			serverGone = true
		}
		switch {
		case ctx.Err() != nil && !first:
			return nil
		case err == nil || ctx.Err() != nil || limit == 0:
			return err
		case !connected && (first || answered && !mayPass(refused, serverGone)):
			return err
		case errors.Is(err, ErrClosed) || errors.Is(err, TokenReused):
			return err
		case connected:
			lost, serverGone = time.Now(), errors.Is(err, ErrLost)
			if lost.Sub(began) > rejoinResets {
				retry.reset()
			}
			interrupted(err)
		case time.Since(lost) > limit:
			return err
		}
		if !retry.wait(ctx, refused) {
			return nil
		}
	}
}

// mayPass reports whether what a server refuses it may accept later: it is full or starting,
// or, where it was gone, the publisher has yet to reconnect.
func mayPass(refused *Problem, serverGone bool) bool {
	return refused.passes() || serverGone && refused.Code == PublisherNotFound
}
