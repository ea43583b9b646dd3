package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/loadtest"
	"rostrum/test/server"
)

const listeners = 10_000

// measureTold has ten thousand viewers on events sockets of one stage, and one publisher
// who begins.
func (a *arena) measureTold(ctx context.Context) (err error) {
	n := listeners
	if limit := openFiles(); limit < 2*n {
		n = limit / 2 // ours; the server's are as many
	}
	s, err := server.StartBy(a.start, ctx, a.rostrum, "--ephemeral", "--log-level", "warn", "--media-port", "0", "--limits", "open,requests=0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	stage, err := loadtest.CreateStage(ctx, loadtest.Access{Endpoint: s.URL, Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey}, 1)
	if err == nil {
		err = stage.AddViewers(ctx, n)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	subscribers, err := listen(ctx, stage.Viewers())
	if err != nil {
		return err
	}
	defer subscribers.leave()
	joined := time.Since(began)
	at, times, err := subscribers.await(ctx, stage.Publishers()[0])
	if err != nil {
		return err
	}
	all := make(samples, 0, n)
	for _, t := range times {
		all = append(all, t.Sub(at))
	}
	where := fmt.Sprintf("%d events sockets on a stage", n)
	a.results.atLeast(where, "learn of a publication", float64(len(all)), listeners, "", fmt.Sprintf("joined in %.1f s", joined.Seconds()))
	a.results.maxRate("", "the last of them, from its first packet", float64(all.quantile(1).Microseconds())/1000, toldMillis, "ms",
		fmt.Sprintf("half of them within %.0f ms", float64(all.quantile(0.5).Microseconds())/1000))
	return nil
}
