package peer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRejoin_ReconnectsWhereThatMayHelp(t *testing.T) {
	type attempt struct {
		how Ending
		err error
	}
	silent, away := errors.New("silent"), errors.New("connection refused")
	full := &Problem{Status: 503}
	missing := &Problem{Status: 404, Code: "PUBLISHER_NOT_FOUND"}
	kicked := &Problem{Status: 403}
	well := attempt{ClosedByUs, nil}
	for name, c := range map[string]struct {
		attempts    []attempt
		last        error // that is returned
		interrupted int
	}{
		"closed by us":                   {[]attempt{well}, nil, 0},
		"the first attempt fails":        {[]attempt{{"", away}}, away, 0},
		"the server restarts":            {[]attempt{{Lost, silent}, {"", away}, {"", full}, well}, nil, 1},
		"the publisher comes back later": {[]attempt{{Lost, silent}, {"", missing}, {"", missing}, well}, nil, 1},
		"the server stops in good order": {[]attempt{{EndedByServer, silent}, {"", away}, {"", missing}, well}, nil, 1},
		"it was kicked":                  {[]attempt{{EndedByServer, silent}, {"", kicked}}, kicked, 1},
		"the publisher stopped":          {[]attempt{{EndedByServer, silent}, {"", missing}}, missing, 1},
		"another client has the token":   {[]attempt{{TakenOver, silent}}, silent, 0},
		"it reconnects twice":            {[]attempt{{Lost, silent}, {Lost, silent}, well}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, interrupted := 0, 0
				err := rejoin(t.Context(), time.Minute, func(error) { interrupted++ }, func(context.Context) (Ending, error) {
					made++
					a := c.attempts[made-1]
					return a.how, a.err
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
		err := rejoin(t.Context(), time.Minute, func(error) {}, func(context.Context) (Ending, error) {
			if made++; made == 1 {
				return Lost, errors.New("silent")
			}
			return "", away
		})
		if took := time.Since(began); err != away || took < time.Minute || took > 80*time.Second || made > 20 {
			t.Errorf("ended with %v after %v and %d attempts, want %v after a minute and fewer than 20", err, took, made, away)
		}
	})
}
