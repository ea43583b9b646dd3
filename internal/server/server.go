package server

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
	"rostrum/internal/node"
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
func Run(ctx context.Context, s *config.Settings, logTo io.Writer, announce func(*Banner) error) (err error) {
	began := time.Now()
	if err := s.CheckSafety(); err != nil {
		return err
	}
	log := newLogger(s, logTo)
	slog.SetDefault(log)
	defer func() { log.Info("stopped") }()

	var parts closers
	defer func() { err = errors.Join(err, parts.Close()) }()
	metrics := prometheus.NewRegistry()
	panics := inbound.NewPanics(log, metrics)
	at, err := openListeners(ctx, s, &parts, panics, log)
	if err != nil {
		return err
	}
	kept, err := openStorage(ctx, s, &storage{metrics: metrics, panics: panics}, &parts, at.engine, log)
	if err != nil {
		return err
	}
	certified, err := openACME(ctx, at.certificates, kept)
	if err != nil {
		return err
	}
	live, err := openRuntime(ctx, s, &parts, at, kept, log)
	if err != nil {
		return err
	}
	clients, operators := newHandlers(ctx, s, at, kept, live, log)

	hello := &Banner{
		Endpoint: at.endpoint, Candidates: listCandidates(at.engine, at.turnAddress), Encoders: at.rtmp.urls(at.endpoint),
		DataDir: s.DataDir, First: kept.firstStart, Took: time.Since(began).Round(time.Millisecond),
	}
	hello.complete(s, kept.operator)
	if err := announce(hello); err != nil {
		return err
	}
	log.Info("ready", "endpoint", at.endpoint, "took", hello.Took)
	running := at.serve(clients, operators, live.channels, ingest.Config{MaxConnections: at.share.RTMP, Proxies: inbound.Proxies(s.ProxyProtocol), Log: log, Metrics: kept.metrics, Panics: kept.panics})
	running = append(running, certified...)
	running = append(running, live.node.Run, live.realtime.Run, func(ctx context.Context) error { return sweep(ctx, s, kept.store, log) })
	return RunGroup(ctx, running...)
}

// opened are the parts of the house, in the order in which they close last.
type closers []io.Closer

func (o *closers) add(parts ...io.Closer) { *o = append(*o, parts...) }

// Close closes what was added last first, and tells all that went wrong. A listener
// that was served is closed already.
func (o *closers) Close() (err error) {
	for _, part := range slices.Backward(*o) {
		if wrong := part.Close(); !errors.Is(wrong, net.ErrClosed) {
			err = errors.Join(err, wrong)
		}
	}
	return err
}

// keeping is what outlives the process, and the courier that tells of it.
type storage struct {
	store      *store.Store
	operator   store.AccessKey
	firstStart bool // the operator's key is new
	metrics    *prometheus.Registry
	panics     *inbound.Panics
}

// openKeeping opens the store, with all in it that the settings name and what all nodes
// have in common.
func openStorage(ctx context.Context, s *config.Settings, k *storage, parts *closers, engine *sfu.Engine, log *slog.Logger) (*storage, error) {
	st, err := s.OpenStore(ctx, true)
	if err != nil {
		return nil, err
	}
	parts.add(st)
	k.store = st
	if k.operator, k.firstStart, err = operator.Ensure(ctx, st, s.Operator()); err != nil {
		return nil, err
	}
	targets, err := s.EventTargets()
	if err != nil {
		return nil, err
	}
	if err := target.Sync(ctx, st, targets); err != nil {
		return nil, err
	}
	parts.add(startDispatcher(st, k.metrics, log))
	return k, shareTURNKey(ctx, st, engine)
}

// keyRelays has all nodes, and those that come after them, take each other's credentials
// for TURN.
func shareTURNKey(ctx context.Context, st *store.Store, engine *sfu.Engine) error {
	key, err := st.Secret(ctx, "turn", func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	})
	if err != nil {
		return fmt.Errorf("read the key of TURN: %w", err)
	}
	engine.SetTURNKey(key)
	return nil
}

// living is who may take part, what is live, and what operations mean.
type runtime struct {
	plane        *control.Plane
	node         *node.Node
	stages       *stage.Registry
	participants *signaling.Server
	channels     *channel.Registry
	recordings   *recordingStorage
	compositions *composition.Registry
	realtime     *admin.Realtime
}

// openLive brings all to life that a former process left open, and what operations act on.
func openRuntime(ctx context.Context, s *config.Settings, parts *closers, at *listeners, kept *storage, log *slog.Logger) (l *runtime, err error) {
	st := kept.store
	authority, err := authority.New(ctx, st, authority.Config{PublicURL: at.endpoint})
	if err != nil {
		return nil, err
	}
	l = &runtime{}
	if l.node, err = node.Open(ctx, st, node.Config{Shared: s.Database != "", Log: log}); err != nil {
		return nil, err
	}
	parts.add(l.node)
	l.stages = stage.NewRegistry(st, at.engine, authority, l.node, stage.Config{Limits: s.Limits.StageLimits(), Log: log})
	l.participants = signaling.New(l.stages, authority, signaling.Config{ICEServers: iceServers(at.engine), Origins: origins(s), Panics: kept.panics, Metrics: kept.metrics, Log: log})
	l.realtime = admin.NewRealtime(l.stages.Counts, l.stages.MediaSamples)
	// The stages end before the participants' door, so that everybody is told why, and the
	// compositions, which are on them, first.
	parts.add(l.participants, l.stages)
	if l.channels, err = openChannels(s, st, l.node, at.rtmp, at.endpoint, kept.panics, log); err != nil {
		return nil, err
	}
	parts.add(l.channels)
	if l.recordings, err = openRecordingStorage(ctx, s, st); err != nil {
		return nil, err
	}
	parts.add(l.recordings)
	if l.compositions, err = openCompositions(s, st, authority, l.node, l.recordings, l.channels, log); err != nil {
		return nil, err
	}
	parts.add(l.compositions)
	if err := l.node.Recover(ctx); err != nil {
		return nil, err
	}
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
