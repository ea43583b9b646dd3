package server

import (
	"context"
	"fmt"
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
type listeners struct {
	endpoint      string // as clients see the front
	public, admin *listener
	share         inbound.Shares
	certificates  certificates // nil without TLS
	rtmp          rtmpListeners
	turns         *inbound.Listener
	turnAddress   string // where clients are told to reach TURN over TLS; may be empty
	engine        *sfu.Engine
}

// bind takes all addresses before anything else is opened: one that is taken must not
// leave a trace in the data folder.
func openListeners(ctx context.Context, s *config.Settings, parts *closers, panics *inbound.Panics, log *slog.Logger) (*listeners, error) {
	cert, err := newCertificates(s, log)
	if err != nil {
		return nil, err
	}
	share := inbound.Divide(inbound.Descriptors())
	e := &listeners{certificates: cert, share: share}
	if e.public, err = listen(ctx, "listen", s.Listen, cert, inbound.ListenerConfig{Name: "http", Max: share.HTTP, Log: log}); err != nil {
		return nil, err
	}
	parts.add(e.public)
	if s.AdminListen != "" {
		if e.admin, err = listen(ctx, "admin_listen", s.AdminListen, nil, inbound.ListenerConfig{Name: "admin", Max: share.Admin, Log: log}); err != nil {
			return nil, err
		}
		parts.add(e.admin)
	}
	if e.rtmp, err = listenRTMP(ctx, s, parts, cert, log); err != nil {
		return nil, err
	}
	if e.endpoint, err = s.Endpoint(s.Listen.WithPortOf(e.public.Addr())); err != nil {
		return nil, err
	}
	if e.turns, err = listenForTURN(ctx, s, inbound.ListenerConfig{Name: "turns", Log: log}); err != nil {
		return nil, err
	}
	if e.turns != nil {
		parts.add(e.turns)
	}
	e.turnAddress = turnAddress(e.endpoint, cert, e.turns)
	if e.engine, err = openEngine(ctx, s, sfu.Config{TURNS: e.turnAddress, MaxTCP: share.Media, Panics: panics, Log: log}, cert); err != nil {
		return nil, err
	}
	parts.add(e.engine)
	return e, nil
}

// serve is what lets in all who knock, each at its address.
func (e *listeners) serve(clients, operators http.Handler, channels *channel.Registry, cfg ingest.Config) []func(context.Context) error {
	running := []func(context.Context) error{
		func(ctx context.Context) error { return e.public.run(ctx, clients, e.engine.ServeConn) },
	}
	if e.admin != nil {
		running = append(running, func(ctx context.Context) error { return e.admin.run(ctx, operators, e.engine.ServeConn) })
	}
	if e.turns != nil {
		running = append(running, func(ctx context.Context) error { return serveTURN(ctx, e.turns, e.engine.ServeConn) })
	}
	return append(running, e.rtmp.serve(channels, cfg)...)
}

// openEngine opens the media port.
func openEngine(ctx context.Context, s *config.Settings, cfg sfu.Config, cert certificates) (*sfu.Engine, error) {
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
		cfg.Log.Warn("media are received on loopback alone, where those whom this setting is for don't reach them", "setting", promise, "remedy", config.LoopbackRemedy)
	}
	cfg.Listen, cfg.Port, cfg.Advertise, cfg.Proxies = at, number, s.PublicIP, inbound.Proxies(s.ProxyProtocol)
	if cert != nil {
		cfg.TLS = cert.config()
	}
	engine, err := sfu.Listen(cfg)
	if err != nil {
		return nil, withRemedy(err, "media_port")
	}
	return engine, nil
}

// withRemedy adds to an error of binding which setting to change, if another program has the
// address.
func withRemedy(err error, setting string) error {
	if !inbound.InUse(err) {
		return err
	}
	return fmt.Errorf("%w: free the address, or set %s to another", err, setting)
}

// stats tells how all listeners fare.
func (e *listeners) stats() []inbound.ListenerStats {
	all := []inbound.ListenerStats{e.engine.TCPStats()}
	for _, l := range []*inbound.Listener{e.public.Listener, e.rtmp.plain, e.rtmp.secure, e.turns} {
		if l != nil {
			all = append(all, l.Stats())
		}
	}
	if e.admin != nil {
		all = append(all, e.admin.Stats())
	}
	return all
}
