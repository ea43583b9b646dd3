package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/control"
	"rostrum/internal/sfu"
	"rostrum/internal/signaling"
	"rostrum/internal/stage"
	"rostrum/internal/store"
)

// serveVerb builds the house from the ground up and keeps it open until told to
// stop.
type serveVerb struct {
	Settings settings `embed:""`
}

// Run serves until the context ends, then stops within five seconds: it takes
// no more requests and lets those under way finish, ends the live stages so that
// everybody on them is told, and closes the store last.
func (v *serveVerb) Run(ctx context.Context, out *output) (err error) {
	began := time.Now()
	s := &v.Settings
	if err := s.refusal(); err != nil {
		return err
	}
	log := newLogger(s, out.log)
	slog.SetDefault(log)
	defer func() { log.Info("stopped") }()

	// The addresses come first: one that is taken must not leave a trace in the
	// data folder.
	cert, err := s.certificate(log)
	if err != nil {
		return err
	}
	front, back, err := s.listenAll(ctx, cert, log)
	if err != nil {
		return err
	}
	defer front.Close()
	if back != nil {
		defer back.Close()
	}
	encoders, err := s.listenForEncoders(ctx, cert, log)
	if err != nil {
		return err
	}
	defer closing(&err, encoders)
	endpoint, err := s.endpoint(s.Listen.withPortOf(front.Addr()))
	if err != nil {
		return err
	}
	turns, err := s.listenForTURN(ctx)
	if err != nil {
		return err
	}
	if turns != nil {
		defer turns.Close()
	}
	relay := turnsAt(endpoint, cert, turns)
	engine, err := s.openEngine(ctx, cert, relay, log)
	if err != nil {
		return err
	}
	defer closing(&err, engine)

	// What is kept.
	st, err := s.openStore(ctx, true)
	if err != nil {
		return err
	}
	defer closing(&err, st)
	operator, first, err := ensureOperator(ctx, st, s)
	if err != nil {
		return err
	}

	if err := s.keepTargets(ctx, st); err != nil {
		return err
	}
	counted := prometheus.NewRegistry()
	defer closing(&err, startCourier(st, counted, log))

	if err := keyRelays(ctx, st, engine); err != nil {
		return err
	}

	// Who may take part, what is live, and what operations mean.
	authority, err := stage.NewAuthority(ctx, st, stage.EndpointsConfig{PublicURL: endpoint})
	if err != nil {
		return err
	}
	registry, err := stage.Open(ctx, st, engine, authority, stage.Config{Limits: s.Limits.live(), Shared: s.Database != "", Log: log})
	if err != nil {
		return err
	}
	channels, err := s.openChannels(ctx, st, encoders, endpoint, registry.Node(), log)
	if err != nil {
		return errors.Join(err, registry.Close())
	}
	defer closing(&err, channels)
	tapes, err := s.openTapes(ctx, st)
	if err != nil {
		return errors.Join(err, registry.Close())
	}
	defer closing(&err, tapes)
	compositions, err := s.openCompositions(ctx, st, authority, registry.Node(), tapes, channels, log)
	if err != nil {
		return errors.Join(err, registry.Close())
	}
	plane, err := control.New(ctx, control.Parts{Store: st, Authority: authority, Live: registry, Channels: channels, Compositions: compositions}, s.Limits.Limits)
	if err != nil {
		return errors.Join(err, compositions.Close(), registry.Close())
	}

	// The doors. The live stages end before the participants' door, so that
	// everybody is told why, and the compositions, which are on them, first.
	participants := signaling.New(registry, authority, signaling.Config{ICEServers: relays(engine), Log: log})
	defer closing(&err, participants)
	defer closing(&err, registry)
	defer closing(&err, compositions)
	realtime := admin.NewRealtime(registry.Counts, registry.MediaSamples)
	counted.MustRegister(realtime)
	clients, operators := s.doors(ctx, parts{endpoint, plane, st, engine, registry, channels, compositions, tapes, participants, counted}, log)

	hello := greeting{
		Endpoint: endpoint, Candidates: describeCandidates(engine, relay), Encoders: encoders.urls(endpoint), DataDir: s.DataDir, First: first,
		Took: time.Since(began).Round(time.Millisecond), operator: operator, settings: s,
	}
	if err := hello.say(out); err != nil {
		return err
	}
	log.Info("ready", "endpoint", endpoint, "took", hello.Took)
	running := []func(context.Context) error{
		func(ctx context.Context) error { return front.run(ctx, clients, engine.Admit) },
		realtime.Run,
		func(ctx context.Context) error { return s.sweep(ctx, st, log) },
	}
	running = append(running, encoders.serve(channels, log)...)
	if turns != nil {
		running = append(running, func(ctx context.Context) error { return admitAll(ctx, turns, engine.Admit) })
	}
	if back != nil {
		running = append(running, func(ctx context.Context) error { return back.run(ctx, operators, engine.Admit) })
	}
	return together(ctx, running...)
}

// closing closes a part when the function that opened it returns, and adds what
// went wrong to that function's error.
func closing(err *error, part io.Closer) { *err = errors.Join(*err, part.Close()) }

// openEngine opens the media port.
func (s *settings) openEngine(ctx context.Context, cert *certificate, turns string, log *slog.Logger) (*sfu.Engine, error) {
	at, err := s.mediaAddresses(ctx)
	if err != nil {
		return nil, err
	}
	_, listenPort, _ := net.SplitHostPort(string(s.Listen)) // an address has been checked
	number := uint16(s.MediaPort)
	if listenPort == "0" && s.origin["media_port"] == "" {
		number = 0 // who wants any free port for one wants it for all
	}
	cfg := sfu.Config{Listen: at, Port: number, Advertise: s.PublicIP, TURNS: turns, Log: log}
	if cert != nil {
		cfg.TLS = cert.config()
	}
	return sfu.Listen(cfg)
}

// relayLife is how long credentials for TURN can be used to begin with.
const relayLife = time.Hour

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

// relays tells participants of the engine's own STUN and TURN servers.
func relays(engine *sfu.Engine) func(stage.Grant) []signaling.ICEServer {
	return func(g stage.Grant) []signaling.ICEServer {
		var all []signaling.ICEServer
		if here := engine.Candidates(); len(here) > 0 {
			all = append(all, signaling.ICEServer{URL: "stun:" + here[0].Addr.String()})
		}
		for _, r := range engine.Relays(g.ParticipantID, relayLife) {
			all = append(all, signaling.ICEServer(r))
		}
		return all
	}
}

// mediaAddresses are where media are received: where media_listen says, or else on
// loopback if that is where listen is, or on the address that listen names, or on all.
func (s *settings) mediaAddresses(ctx context.Context) ([]netip.Addr, error) {
	if len(s.MediaListen) > 0 {
		return s.MediaListen, nil
	}
	host, _, _ := net.SplitHostPort(string(s.Listen)) // an address has been checked
	if host == "" {
		host = "::"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		at, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("listen for media at %s: %w", host, err)
		}
		return at, nil
	}
	if host == "::" {
		return []netip.Addr{ip, netip.IPv4Unspecified()}, nil
	}
	return []netip.Addr{ip.Unmap()}, nil
}

// parts are what the doors lead to.
type parts struct {
	endpoint     string
	plane        *control.Plane
	store        *store.Store
	engine       *sfu.Engine
	live         *stage.Registry
	channels     *channel.Registry
	compositions *composition.Registry
	tapes        *tapes
	participants *signaling.Door
	counted      *prometheus.Registry
}

// doors opens what clients reach and what operators reach. They are one unless
// operators have an address of their own.
func (s *settings) doors(serving context.Context, p parts, log *slog.Logger) (clients, operators *http.ServeMux) {
	counted := p.counted
	counted.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		admin.Media(p.engine.Stats), admin.Stages(p.live.Counts), admin.Compositions(p.compositions.Stats), admin.Channels(p.channels.Stats))
	clients = http.NewServeMux()
	for _, path := range []string{"/whip", "/whip/", "/events/"} {
		clients.Handle(path, p.participants)
	}
	clients.Handle(channel.PlaybackPath, p.channels)
	clients.Handle("GET "+admin.PagePath, admin.Page(p.endpoint))
	clients.Handle("GET "+admin.PlayerPath, admin.Player(p.endpoint))
	if s.S3Endpoint == "" {
		clients.Handle(admin.RecordingsPath, admin.Recordings(p.tapes.buckets, p.tapes.links))
	}
	clients.Handle("/", api.New(p.plane, api.Config{Anyone: s.Auth == "none", Log: log, Metrics: counted, Stopping: serving.Done()}))
	health := admin.Health(
		func(name string, err error) { log.Warn("not ready", "part", name, "error", err) },
		map[string]admin.Check{"server": notStopping(serving), "store": storeAnswers(p.store)})
	clients.Handle("GET /healthz", health)
	clients.Handle("GET /readyz", health)
	operators = clients
	if s.AdminListen != "" {
		operators = http.NewServeMux()
		operators.Handle("/debug/pprof/", admin.Profiles())
	}
	operators.Handle("GET /metrics", admin.Metrics(counted))
	return clients, operators
}

// certificate is the one of the TLS servers; nil when none is set.
func (s *settings) certificate(log *slog.Logger) (*certificate, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	return loadCertificate(s.TLSCert, s.TLSKey, log)
}

// listenAll binds the main address, and the operators' one if there is any.
func (s *settings) listenAll(ctx context.Context, cert *certificate, log *slog.Logger) (front, back *listener, err error) {
	if front, err = listen(ctx, s.Listen, cert, log); err != nil {
		return nil, nil, err
	}
	if s.AdminListen != "" {
		if back, err = listen(ctx, s.AdminListen, nil, log); err != nil {
			return nil, nil, errors.Join(err, front.Close())
		}
	}
	return front, back, nil
}

// withPortOf is the address as it was set, with the port that was really bound.
func (a address) withPortOf(bound net.Addr) string {
	host, _, _ := net.SplitHostPort(string(a)) // an address has been checked
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return string(a)
	}
	return net.JoinHostPort(host, port)
}

func notStopping(serving context.Context) admin.Check {
	return func(context.Context) error { return serving.Err() }
}

func storeAnswers(st *store.Store) admin.Check {
	return func(ctx context.Context) error {
		return st.Read(ctx, func(tx *store.Tx) error {
			_, err := tx.Accounts()
			return err
		})
	}
}

// sweepEvery is how often what is past its time is removed from the store.
const sweepEvery = time.Minute

func (s *settings) sweep(ctx context.Context, st *store.Store, log *slog.Logger) error {
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
