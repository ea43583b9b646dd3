package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/console"
)

// Run serves until ctx ends, then stops, within five seconds unless recordings wait for their
// buckets, and within maxStop in any case: it accepts no new requests and lets running ones
// finish, ends the live stages so that every participant is notified, and closes the store last.
// It calls announce once the server is ready.
func Run(ctx context.Context, s *config.Settings, logTo io.Writer, announce func(*Banner) error) error {
	if err := s.CheckSafety(); err != nil {
		return err
	}
	ring := new(console.LogRing)
	log := newLogger(s, logTo, ring)
	slog.SetDefault(log)
	defer func() { log.Info("stopped") }()
	return runWithin(ctx, maxStop, log, func() error { return serve(ctx, s, log, ring, announce) })
}

// serve opens all parts, serves until ctx ends, and closes them.
func serve(ctx context.Context, s *config.Settings, log *slog.Logger, ring *console.LogRing, announce func(*Banner) error) (err error) {
	began := time.Now()
	b := newBase(s, log)
	defer func() { err = errors.Join(err, b.Close()) }()
	listeners, err := openListeners(ctx, b)
	if err != nil {
		return err
	}
	storage, err := openStorage(ctx, b, listeners.engine)
	if err != nil {
		return err
	}
	renewals, err := openACME(ctx, b, listeners.certificates, storage.store)
	if err != nil {
		return err
	}
	runtime, err := openRuntime(ctx, b, listeners, storage.store)
	if err != nil {
		return err
	}
	pages := newConsole(b, listeners, storage.store, runtime, ring, ctx.Done())
	clients, operators := newHandlers(ctx, b, listeners, storage.store, runtime, pages)

	seeded, publishers, err := applySeed(ctx, b, listeners, clients, storage.operator)
	if err != nil {
		return err
	}
	banner := newBanner(s, listeners, storage, time.Since(began))
	banner.Seed = seeded
	banner.Console = listeners.endpoint + pages.SignInLink(storage.operator.ID)
	if err := announce(banner); err != nil {
		return err
	}
	notifySystemd(log, "READY=1")
	context.AfterFunc(ctx, func() { notifySystemd(log, "STOPPING=1") })
	log.Info("ready", "endpoint", listeners.endpoint, "took", banner.Took)
	running := listeners.serve(b, clients, operators, runtime)
	running = append(running, renewals...)
	running = append(running, runtime.node.Run, runtime.stages.Run, runtime.realtime.Run, keepQuality(listeners, runtime), runtime.plane.Run)
	running = append(running, func(ctx context.Context) error { return storage.sweep(ctx, b) }, runPublishers(b, publishers))
	return RunGroup(ctx, running...)
}
