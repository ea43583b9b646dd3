package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rostrum/internal/admin"
	"rostrum/internal/api"
	"rostrum/internal/control"
	"rostrum/internal/stage"
	"rostrum/internal/store"
)

// serveVerb builds the house from the ground up and keeps it open until told to
// stop.
type serveVerb struct {
	Settings settings `embed:""`
}

// Run serves until the context ends, then stops within five seconds: it takes
// no more requests, lets those under way finish, and closes the store last.
func (v *serveVerb) Run(ctx context.Context, out *output) (err error) {
	began := time.Now()
	s := &v.Settings
	if err := s.refusal(); err != nil {
		return err
	}
	log := newLogger(s, out.log)
	slog.SetDefault(log)

	// The addresses come first: one that is taken must not leave a trace in the
	// data folder.
	front, back, err := s.listenAll(ctx, log)
	if err != nil {
		return err
	}
	defer front.Close()
	if back != nil {
		defer back.Close()
	}

	// What is kept.
	st, err := s.openStore(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	operator, first, err := ensureOperator(ctx, st, s)
	if err != nil {
		return err
	}

	// Who may take part, and what operations mean.
	endpoint, err := s.endpoint(s.Listen.withPortOf(front.Addr()))
	if err != nil {
		return err
	}
	authority, err := stage.NewAuthority(ctx, st, stage.EndpointsConfig{PublicURL: endpoint})
	if err != nil {
		return err
	}
	plane, err := control.New(ctx, st, authority, nobody{}, s.Limits.Limits)
	if err != nil {
		return err
	}

	// The doors.
	open, operators := s.doors(ctx, plane, st, log)

	hello := greeting{
		Endpoint: endpoint, DataDir: s.DataDir, First: first, Took: time.Since(began).Round(time.Millisecond),
		operator: operator, settings: s,
	}
	if err := hello.say(out); err != nil {
		return err
	}
	log.Info("ready", "endpoint", endpoint, "took", hello.Took)
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return front.run(ctx, open) },
		func(ctx context.Context) error { return sweep(ctx, st, log) },
	}
	if back != nil {
		parts = append(parts, func(ctx context.Context) error { return back.run(ctx, operators) })
	}
	err = together(ctx, parts...)
	log.Info("stopped")
	return err
}

// doors opens what clients reach and what operators reach. They are one unless
// operators have an address of their own.
func (s *settings) doors(serving context.Context, plane *control.Plane, st *store.Store, log *slog.Logger) (clients, operators *http.ServeMux) {
	counted := prometheus.NewRegistry()
	counted.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	clients = http.NewServeMux()
	clients.Handle("/", api.New(plane, api.Config{Anyone: s.Auth == "none", Log: log, Metrics: counted}))
	health := admin.Health(
		func(name string, err error) { log.Warn("not ready", "part", name, "error", err) },
		map[string]admin.Check{"server": notStopping(serving), "store": storeAnswers(st)})
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

// listenAll binds the main address, and the operators' one if there is any.
func (s *settings) listenAll(ctx context.Context, log *slog.Logger) (front, back *listener, err error) {
	var cert *certificate
	if s.TLSCert != "" {
		if cert, err = loadCertificate(s.TLSCert, s.TLSKey, log); err != nil {
			return nil, nil, err
		}
	}
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

func sweep(ctx context.Context, st *store.Store, log *slog.Logger) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := st.Sweep(ctx, store.Retention{}); err != nil && ctx.Err() == nil {
				log.Error("sweep the store", "error", err)
			}
		}
	}
}
