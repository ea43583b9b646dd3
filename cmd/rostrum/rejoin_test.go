package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/peer"
)

// TestRejoin_ComesBackWhereThatMayHelp plays what happens to a participant, attempt by attempt.
func TestRejoin_ComesBackWhereThatMayHelp(t *testing.T) {
	type attempt struct {
		how peer.Ending
		err error
	}
	silent, away := errors.New("silent"), errors.New("connection refused")
	full := &peer.Problem{Status: 503}
	missing := &peer.Problem{Status: 404, Code: "PUBLISHER_NOT_FOUND"}
	kicked := &peer.Problem{Status: 403}
	well := attempt{peer.Ours, nil}
	for says, c := range map[string]struct {
		attempts []attempt
		last     error // that is returned
		told     int
	}{
		"all goes well":                  {[]attempt{well}, nil, 0},
		"it can't begin":                 {[]attempt{{"", away}}, away, 0},
		"the server restarts":            {[]attempt{{peer.Lost, silent}, {"", away}, {"", full}, well}, nil, 1},
		"the publisher comes back later": {[]attempt{{peer.Lost, silent}, {"", missing}, {"", missing}, well}, nil, 1},
		"it was kicked":                  {[]attempt{{peer.Dismissed, silent}, {"", kicked}}, kicked, 1},
		"the publisher stopped":          {[]attempt{{peer.Dismissed, silent}, {"", missing}}, missing, 1},
		"another client has the token":   {[]attempt{{peer.TakenOver, silent}}, silent, 0},
		"it comes back twice":            {[]attempt{{peer.Lost, silent}, {peer.Lost, silent}, well}, nil, 2},
	} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made, told := 0, 0
				d := door{Rejoin: time.Minute}
				err := d.rejoin(t.Context(), func(error) { told++ }, func(context.Context) (peer.Ending, error) {
					made++
					a := c.attempts[made-1]
					return a.how, a.err
				})
				if err != c.last || made != len(c.attempts) || told != c.told {
					t.Errorf("ended with %v after %d attempts and %d interruptions told, want %v, %d and %d", err, made, told, c.last, len(c.attempts), c.told)
				}
			})
		})
	}
}

func TestRejoin_HasPatienceForAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		began := time.Now()
		d := door{Rejoin: time.Minute}
		made := 0
		err := d.rejoin(t.Context(), func(error) {}, func(context.Context) (peer.Ending, error) {
			if made++; made == 1 {
				return peer.Lost, errors.New("silent")
			}
			return "", away
		})
		if took := time.Since(began); err != away || took < time.Minute || took > 80*time.Second || made > 20 {
			t.Errorf("ended with %v after %v and %d attempts, want %v after a minute and fewer than 20", err, took, made, away)
		}
	})
}
