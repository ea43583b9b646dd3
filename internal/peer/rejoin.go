package peer

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// rejoinResets is how long a connection must last to start the backoff anew.
const rejoinResets = 10 * time.Second

const codePublisherNotFound = "PUBLISHER_NOT_FOUND"

// rejoin calls connect until the connection is closed on our side, until another attempt
// cannot help, or until attempts have failed for limit. connect returns once its
// connection has ended, with the reason, or with the error that prevented it. A first
// attempt that fails is not repeated. rejoin calls interrupted after each connection that
// was lost.
func rejoin(ctx context.Context, limit time.Duration, interrupted func(error), connect func(context.Context) (Ending, error)) error {
	var backoff Backoff
	var lost time.Time  // when the last connection ended
	serverGone := false // the server may take a while to come back, and other participants after it
	for first := true; ; first = false {
		began := time.Now()
		ending, err := connect(ctx)
		refused, answered := errors.AsType[*Problem](err)
		if !first && ending == "" && !answered { // a server that stops may still have answered the end of the connection
			serverGone = true
		}
		switch {
		case ctx.Err() != nil && !first:
			return nil
		case err == nil || ctx.Err() != nil || limit == 0:
			return err
		case ending == "" && (first || answered && !mayPass(refused, serverGone)):
			return err
		case ending == ClosedByUs || ending == TakenOver:
			return err
		case ending != "": // it was connected
			lost, serverGone = time.Now(), ending == Lost
			if lost.Sub(began) > rejoinResets {
				backoff.Reset()
			}
			interrupted(err)
		case time.Since(lost) > limit:
			return err
		}
		if !backoff.Wait(ctx) {
			return nil
		}
	}
}

// mayPass reports whether what a server refuses it may accept later: it is full or starting,
// or, where it was gone, the publisher has yet to reconnect.
func mayPass(refused *Problem, serverGone bool) bool {
	return refused.Status >= 500 || refused.Status == http.StatusTooManyRequests || serverGone && refused.Code == codePublisherNotFound
}
