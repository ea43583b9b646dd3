package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"rostrum/internal/channel"
	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/ingest"
	"rostrum/internal/sfu"
)

// entrances are where the house is reached. The operators' one and that of TURN over TLS
// may be missing.
type entrances struct {
	endpoint     string // as clients see the front
	front, back  *listener
	certificates certificates // nil without TLS
	encoders     encoders
	turns        net.Listener
	relay        string // where clients are told to reach TURN over TLS; may be empty
	engine       *sfu.Engine
}

// bind takes all addresses before anything else is opened: one that is taken must not
// leave a trace in the data folder.
func bind(ctx context.Context, s *config.Settings, house *opened, log *slog.Logger) (*entrances, error) {
	cert, err := newCertificates(s, log)
	if err != nil {
		return nil, err
	}
	e := &entrances{certificates: cert}
	if e.front, err = listen(ctx, s.Listen, cert, log); err != nil {
		return nil, err
	}
	house.add(e.front)
	if s.AdminListen != "" {
		if e.back, err = listen(ctx, s.AdminListen, nil, log); err != nil {
			return nil, err
		}
		house.add(e.back)
	}
	if e.encoders, err = listenForEncoders(ctx, s, house, cert, log); err != nil {
		return nil, err
	}
	if e.endpoint, err = s.Endpoint(s.Listen.WithPortOf(e.front.Addr())); err != nil {
		return nil, err
	}
	if e.turns, err = listenForTURN(ctx, s); err != nil {
		return nil, err
	}
	if e.turns != nil {
		house.add(e.turns)
	}
	e.relay = turnsAt(e.endpoint, cert, e.turns)
	if e.engine, err = openEngine(ctx, s, cert, e.relay, log); err != nil {
		return nil, err
	}
	house.add(e.engine)
	return e, nil
}

// serve is what lets in all who knock, each at its address.
func (e *entrances) serve(clients, operators http.Handler, channels *channel.Registry, encoding ingest.Config) []func(context.Context) error {
	running := []func(context.Context) error{
		func(ctx context.Context) error { return e.front.run(ctx, clients, e.engine.Admit) },
	}
	if e.back != nil {
		running = append(running, func(ctx context.Context) error { return e.back.run(ctx, operators, e.engine.Admit) })
	}
	if e.turns != nil {
		running = append(running, func(ctx context.Context) error { return admitAll(ctx, e.turns, e.engine.Admit) })
	}
	return append(running, e.encoders.serve(channels, encoding)...)
}

// openEngine opens the media port.
func openEngine(ctx context.Context, s *config.Settings, cert certificates, turns string, log *slog.Logger) (*sfu.Engine, error) {
	at, err := s.MediaAddresses(ctx)
	if err != nil {
		return nil, err
	}
	_, listenPort, _ := net.SplitHostPort(string(s.Listen)) // an address has been checked
	number := uint16(s.MediaPort)
	if listenPort == "0" && !s.IsSet("media_port") {
		number = 0 // who wants any free port for one wants it for all
	}
	if promise := s.LoopbackConflict(at); promise != "" {
		log.Warn("media are received on loopback alone, where those whom this setting is for don't reach them", "setting", promise, "remedy", config.LoopbackRemedy)
	}
	cfg := sfu.Config{Listen: at, Port: number, Advertise: s.PublicIP, TURNS: turns, Proxies: inbound.Proxies(s.ProxyProtocol), Log: log}
	if cert != nil {
		cfg.TLS = cert.config()
	}
	return sfu.Listen(cfg)
}
