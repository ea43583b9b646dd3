package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"rostrum/internal/channel"
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
func (s *settings) bind(ctx context.Context, house *opened, log *slog.Logger) (*entrances, error) {
	cert, err := s.certificates(log)
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
	if e.encoders, err = s.listenForEncoders(ctx, house, cert, log); err != nil {
		return nil, err
	}
	if e.endpoint, err = s.endpoint(s.Listen.withPortOf(e.front.Addr())); err != nil {
		return nil, err
	}
	if e.turns, err = s.listenForTURN(ctx); err != nil {
		return nil, err
	}
	if e.turns != nil {
		house.add(e.turns)
	}
	e.relay = turnsAt(e.endpoint, cert, e.turns)
	if e.engine, err = s.openEngine(ctx, cert, e.relay, log); err != nil {
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

// withPortOf is the address as it was set, with the port that was really bound.
func (a address) withPortOf(bound net.Addr) string {
	host, _, _ := net.SplitHostPort(string(a)) // an address has been checked
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return string(a)
	}
	return net.JoinHostPort(host, port)
}

// openEngine opens the media port.
func (s *settings) openEngine(ctx context.Context, cert certificates, turns string, log *slog.Logger) (*sfu.Engine, error) {
	at, err := s.mediaAddresses(ctx)
	if err != nil {
		return nil, err
	}
	_, listenPort, _ := net.SplitHostPort(string(s.Listen)) // an address has been checked
	number := uint16(s.MediaPort)
	if listenPort == "0" && s.origin["media_port"] == "" {
		number = 0 // who wants any free port for one wants it for all
	}
	if promise := s.promisedInVain(at); promise != "" {
		log.Warn("media are received on loopback alone, where those whom this setting is for don't reach them", "setting", promise, "remedy", remedyInVain)
	}
	cfg := sfu.Config{Listen: at, Port: number, Advertise: s.PublicIP, TURNS: turns, Proxies: inbound.Proxies(s.ProxyProtocol), Log: log}
	if cert != nil {
		cfg.TLS = cert.config()
	}
	return sfu.Listen(cfg)
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

const remedyInVain = "set media_listen to 0.0.0.0, or to the address that they reach"

// promisedInVain is the setting by which other machines than this one are to come, where
// media are received on loopback alone, as when listen is there behind a proxy for HTTP;
// empty if there is none.
func (s *settings) promisedInVain(receive []netip.Addr) string {
	if slices.ContainsFunc(receive, func(a netip.Addr) bool { return !a.IsLoopback() }) {
		return ""
	}
	for _, ip := range s.PublicIP {
		if !ip.IsLoopback() {
			return "public_ip " + ip.String()
		}
	}
	if u, err := url.Parse(string(s.PublicURL)); err == nil && u.Hostname() != "" && !address(net.JoinHostPort(u.Hostname(), "0")).isLoopback() {
		return "public_url " + string(s.PublicURL)
	}
	return ""
}
