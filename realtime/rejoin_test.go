package realtime

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRejoin_ReconnectsWhereThatMayHelp(t *testing.T) {
	type attempt struct {
		connected bool
		err       error
	}
	away := errors.New("connection refused")
	full := &Problem{Status: 503}
	missing := &Problem{Status: 404, Code: PublisherNotFound}
	kicked := &Problem{Status: 403}
	reused := fmt.Errorf("%w: %w", ErrEnded, TokenReused)
	well := attempt{true, ErrClosed}
	for name, c := range map[string]struct {
		attempts    []attempt
		last        error // that is returned
		interrupted int
	}{
		"closed by us":                   {[]attempt{well}, ErrClosed, 0},
		"the first attempt fails":        {[]attempt{{false, away}}, away, 0},
		"the server restarts":            {[]attempt{{true, ErrLost}, {false, away}, {false, full}, well}, ErrClosed, 1},
		"the publisher comes back later": {[]attempt{{true, ErrLost}, {false, missing}, {false, missing}, well}, ErrClosed, 1},
		"the server stops in good order": {[]attempt{{true, ErrEnded}, {false, away}, {false, missing}, well}, ErrClosed, 1},
		"it was kicked":                  {[]attempt{{true, ErrEnded}, {false, kicked}}, kicked, 1},
		"the publisher stopped":          {[]attempt{{true, ErrEnded}, {false, missing}}, missing, 1},
		"another client has the token":   {[]attempt{{true, reused}}, reused, 0},
		"it reconnects twice":            {[]attempt{{true, ErrLost}, {true, ErrLost}, well}, ErrClosed, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, interrupted := 0, 0
				err := rejoin(t.Context(), time.Minute, func(error) { interrupted++ }, func(context.Context) (bool, error) {
					made++
					a := c.attempts[made-1]
					return a.connected, a.err
				})
				if err != c.last || made != len(c.attempts) || interrupted != c.interrupted {
					t.Errorf("ended with %v after %d attempts and %d interruptions reported, want %v, %d and %d", err, made, interrupted, c.last, len(c.attempts), c.interrupted)
				}
			})
		})
	}
}

func TestRejoin_TriesUntilItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		began := time.Now()
		made := 0
		err := rejoin(t.Context(), time.Minute, func(error) {}, func(context.Context) (bool, error) {
			if made++; made == 1 {
				return true, ErrLost
			}
			return false, away
		})
		if took := time.Since(began); err != away || took < time.Minute || took > 80*time.Second || made > 20 {
			t.Errorf("ended with %v after %v and %d attempts, want %v after a minute and fewer than 20", err, took, made, away)
		}
	})
}
