package server

import (
	"context"
	"net"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/sfu"
)

// openEngine opens the media port.
func openEngine(ctx context.Context, b *base, cert certificates, turns string, maxTCP int) (*sfu.Engine, error) {
	s := b.settings
	at, err := s.MediaAddresses(ctx)
	if err != nil {
		return nil, err
	}
	_, listenPort, _ := net.SplitHostPort(string(s.Listen)) // the settings have checked it
	number := uint16(s.MediaPort)
	if listenPort == "0" && !s.IsSet("media_port") {
		number = 0 // a free port for HTTP means a free port for media
	}
	if setting := s.LoopbackConflict(at); setting != "" {
		b.log.Warn("media are received on loopback only, where the clients of this setting cannot reach them", "setting", setting, "remedy", config.LoopbackRemedy)
	}
	cfg := sfu.Config{
		Listen: at, Port: number, Advertise: s.PublicIP, TURNS: turns, MaxTCP: maxTCP,
		Proxies: inbound.Proxies(s.ProxyProtocol), Panics: b.panics, Log: b.log,
	}
	if cert != nil {
		cfg.TLS = cert.config()
	}
	engine, err := sfu.Listen(cfg)
	if err != nil {
		return nil, withRemedy(err, "media_port")
	}
	return engine, nil
}
