package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/admin"
	"rostrum/internal/authority"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/config"
	"rostrum/internal/control"
	"rostrum/internal/inbound"
	"rostrum/internal/ingest"
	"rostrum/internal/operator"
	"rostrum/internal/sfu"
	"rostrum/internal/signaling"
	"rostrum/internal/stage"
	"rostrum/internal/store"
	"rostrum/internal/target"
)

// serveAll serves until the context ends, then stops within five seconds: it accepts no
// more requests and lets those under way finish, ends the live stages so that every
// participant is notified, and closes the store last. It calls announce once the server is
// ready.
func serveAll(ctx context.Context, s *config.Settings, logTo io.Writer, announce func(*greeting) error) (err error) {
	began := time.Now()
	if err := s.CheckSafety(); err != nil {
		return err
	}
	log := newLogger(s, logTo)
	slog.SetDefault(log)
	defer func() { log.Info("stopped") }()

	var house opened
	defer func() { err = errors.Join(err, house.Close()) }()
	at, err := bind(ctx, s, &house, log)
	if err != nil {
		return err
	}
	kept, err := openKeeping(ctx, s, &house, at.engine, log)
	if err != nil {
		return err
	}
	certified, err := openCertificates(ctx, at.certificates, kept)
	if err != nil {
		return err
	}
	live, err := openLive(ctx, s, &house, at, kept, log)
	if err != nil {
		return err
	}
	clients, operators := newHandlers(ctx, s, at, kept, live, log)

	hello := &greeting{
		Endpoint: at.endpoint, Candidates: describeCandidates(at.engine, at.relay), Encoders: at.encoders.urls(at.endpoint),
		DataDir: s.DataDir, First: kept.first, Took: time.Since(began).Round(time.Millisecond),
	}
	hello.complete(s, kept.operator)
	if err := announce(hello); err != nil {
		return err
	}
	log.Info("ready", "endpoint", at.endpoint, "took", hello.Took)
	running := at.serve(clients, operators, live.channels, ingest.Config{Proxies: inbound.Proxies(s.ProxyProtocol), Log: log, Metrics: kept.counted})
	running = append(running, certified...)
	running = append(running, live.samples.Run, func(ctx context.Context) error { return sweep(ctx, s, kept.store, log) })
	return together(ctx, running...)
}

// opened are the parts of the house, in the order in which they close last.
type opened []io.Closer

func (o *opened) add(parts ...io.Closer) { *o = append(*o, parts...) }

// Close closes what was added last first, and tells all that went wrong. A listener
// that was served is closed already.
func (o *opened) Close() (err error) {
	for _, part := range slices.Backward(*o) {
		if wrong := part.Close(); !errors.Is(wrong, net.ErrClosed) {
			err = errors.Join(err, wrong)
		}
	}
	return err
}

// keeping is what outlives the process, and the courier that tells of it.
type keeping struct {
	store    *store.Store
	operator store.AccessKey
	first    bool // the operator's key is new
	counted  *prometheus.Registry
}

// openKeeping opens the store, with all in it that the settings name and what all nodes
// have in common.
func openKeeping(ctx context.Context, s *config.Settings, house *opened, engine *sfu.Engine, log *slog.Logger) (*keeping, error) {
	st, err := s.OpenStore(ctx, true)
	if err != nil {
		return nil, err
	}
	house.add(st)
	k := &keeping{store: st, counted: prometheus.NewRegistry()}
	if k.operator, k.first, err = operator.Ensure(ctx, st, s.Operator()); err != nil {
		return nil, err
	}
	targets, err := s.EventTargets()
	if err != nil {
		return nil, err
	}
	if err := target.Sync(ctx, st, targets); err != nil {
		return nil, err
	}
	house.add(startCourier(st, k.counted, log))
	return k, keyRelays(ctx, st, engine)
}

// keyRelays has all nodes, and those that come after them, take each other's credentials
// for TURN.
func keyRelays(ctx context.Context, st *store.Store, engine *sfu.Engine) error {
	key, err := st.Secret(ctx, "turn", func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	})
	if err != nil {
		return fmt.Errorf("read the key of TURN: %w", err)
	}
	engine.KeyRelays(key)
	return nil
}

// living is who may take part, what is live, and what operations mean.
type living struct {
	plane        *control.Plane
	stages       *stage.Registry
	participants *signaling.Door
	channels     *channel.Registry
	tapes        *tapes
	compositions *composition.Registry
	samples      *admin.Realtime
}

// openLive brings all to life that a former process left open, and what operations act on.
func openLive(ctx context.Context, s *config.Settings, house *opened, at *entrances, kept *keeping, log *slog.Logger) (l *living, err error) {
	st := kept.store
	authority, err := authority.New(ctx, st, authority.Config{PublicURL: at.endpoint})
	if err != nil {
		return nil, err
	}
	l = &living{}
	if l.stages, err = stage.Open(ctx, st, at.engine, authority, stage.Config{Limits: s.Limits.StageLimits(), Shared: s.Database != "", Log: log}); err != nil {
		return nil, err
	}
	l.participants = signaling.New(l.stages, authority, signaling.Config{ICEServers: relays(at.engine), Log: log})
	l.samples = admin.NewRealtime(l.stages.Counts, l.stages.MediaSamples)
	// The stages end before the participants' door, so that everybody is told why, and the
	// compositions, which are on them, first.
	house.add(l.participants, l.stages)
	if l.channels, err = openChannels(ctx, s, st, at.encoders, at.endpoint, l.stages.Node(), log); err != nil {
		return nil, err
	}
	house.add(l.channels)
	if l.tapes, err = openTapes(ctx, s, st); err != nil {
		return nil, err
	}
	house.add(l.tapes)
	if l.compositions, err = openCompositions(ctx, s, st, authority, l.stages.Node(), l.tapes, l.channels, log); err != nil {
		return nil, err
	}
	house.add(l.compositions)
	l.plane, err = control.New(ctx, control.Parts{
		Store: st, Authority: authority, Live: l.stages, Channels: l.channels, Compositions: l.compositions,
	}, s.Limits.Limits)
	return l, err
}

// sweepEvery is how often what is past its time is removed from the store.
const sweepEvery = time.Minute

func sweep(ctx context.Context, s *config.Settings, st *store.Store, log *slog.Logger) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := st.Sweep(ctx, store.Retention{Events: s.EventAge, EventBytes: s.EventBytes}); err != nil && ctx.Err() == nil {
				log.Error("sweep the store", "error", err)
			}
		}
	}
}
