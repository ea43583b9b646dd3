package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rostrum/internal/peer"
)

// A visit is one attempt to take part: it returns when the connection has ended, with
// how and why, or with the error that kept it from beginning and peer.Lost.
type visit func(ctx context.Context) (peer.Ending, error)

// rejoin makes visits until we end one, or coming back can't help or hasn't for the time
// that the verb has patience. The first one that can't even begin is not repeated.
func (d *door) rejoin(ctx context.Context, tell func(error), visit visit) error {
	var backoff peer.Backoff
	var lost time.Time // since when we are not there
	patient := false   // the server may take a while to come back, and others after it
	for first := true; ; first = false {
		began := time.Now()
		how, err := visit(ctx)
		var refused *peer.Problem
		kept := errors.As(err, &refused)
		switch {
		case ctx.Err() != nil && !first:
			return nil
		case err == nil || ctx.Err() != nil || d.Rejoin == 0:
			return err
		case how == "" && (first || kept && !passes(refused, patient) || !kept && !patient):
			return err
		case how == peer.Ours || how == peer.TakenOver:
			return err
		case how != "": // it was there
			lost, patient = time.Now(), how == peer.Lost
			if lost.Sub(began) > 10*time.Second {
				backoff.Reset()
			}
			tell(err)
		case time.Since(lost) > d.Rejoin:
			return err
		}
		if !backoff.Wait(ctx) {
			return nil
		}
	}
}

// passes tells whether a refusal may pass by itself: the server is full or on its way up,
// or whom we want has to come back first, as we had to.
func passes(p *peer.Problem, patient bool) bool {
	return p.Status >= 500 || p.Status == http.StatusTooManyRequests || patient && p.Code == codePublisherNotFound
}

const codePublisherNotFound = "PUBLISHER_NOT_FOUND"
