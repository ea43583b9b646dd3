package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func neverCloses(ctx context.Context, release chan struct{}) error {
	<-ctx.Done()
	<-release
	return nil
}

func TestRunWithin_LeavesAPartThatNeverCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		release := make(chan struct{})
		defer close(release)
		var log strings.Builder
		var began time.Time
		time.AfterFunc(time.Hour, func() { began = time.Now(); stop() })
		err := runWithin(ctx, maxStop, slog.New(slog.NewTextHandler(&log, nil)), func() error { return neverCloses(ctx, release) })
		if took := time.Since(began); err == nil || took != maxStop {
			t.Errorf("it ends after %v: %v", took, err)
		}
		if !strings.Contains(log.String(), "neverCloses") {
			t.Errorf("the log does not say what is not closed: %s", log.String())
		}
	})
}

func TestRunWithin_ReturnsHowTheServerEnded(t *testing.T) {
	for name, end := range map[string]func(context.Context, context.CancelFunc){
		"by itself":        func(context.Context, context.CancelFunc) {},
		"after it is told": func(ctx context.Context, stop context.CancelFunc) { stop(); <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			err := runWithin(ctx, time.Hour, slog.New(slog.DiscardHandler), func() error {
				end(ctx, stop)
				return io.ErrUnexpectedEOF
			})
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
