package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"

	"rostrum/internal/channel"
	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/ingest"
	"rostrum/internal/node"
	"rostrum/internal/store"
)

// encoders are the addresses at which encoders knock; nil where there is none.
type rtmpListeners struct {
	plain, secure *inbound.Listener
	config        *tls.Config
	usePublicName bool // the public URL has the certificate's name
}

// listenForEncoders binds them. The default address is a courtesy: when another
// program has it, Rostrum does without.
func listenRTMP(ctx context.Context, s *config.Settings, parts *closers, cert certificates, log *slog.Logger) (e rtmpListeners, err error) {
	at := s.RTMPListen
	chosen := s.IsSet("rtmp_listen")
	if _, port, _ := net.SplitHostPort(string(s.Listen)); !chosen && port == "0" {
		at = "127.0.0.1:0" // who wants any free port for one wants it for all
	}
	if at != "" {
		e.plain, err = inbound.Listen(ctx, string(at), inbound.ListenerConfig{Name: "rtmp", Log: log})
		if !chosen && inbound.InUse(err) {
			log.Warn("no RTMP: another program has the address; choose one with rtmp_listen", "address", at, "error", err)
			err = nil
		}
		if err != nil {
			return rtmpListeners{}, fmt.Errorf("listen for RTMP: %w", withRemedy(err, "rtmp_listen"))
		}
		if e.plain != nil {
			parts.add(e.plain)
		}
	}
	if s.RTMPSListen != "" {
		if e.secure, err = inbound.Listen(ctx, string(s.RTMPSListen), inbound.ListenerConfig{Name: "rtmps", Log: log}); err != nil {
			return rtmpListeners{}, fmt.Errorf("listen for RTMPS: %w", withRemedy(err, "rtmps_listen"))
		}
		parts.add(e.secure)
		e.usePublicName = s.PublicURL != "" || len(s.Domains) > 0
		e.config = cert.config()
	}
	return e, nil
}

// urls are what encoders are set to, as seen from where the endpoint is; a stream
// key follows.
func (e rtmpListeners) urls(endpoint string) (all []string) {
	host := ""
	if public, err := url.Parse(endpoint); err == nil {
		host = public.Hostname()
	}
	if e.plain != nil {
		all = append(all, "rtmp://"+advertisedAddress(e.plain, host)+"/"+channel.Application+"/")
	}
	if e.secure != nil {
		all = append(all, "rtmps://"+e.secureAddress(host)+"/"+channel.Application+"/")
	}
	return all
}

// secureAt is where RTMPS is spoken: under the certificate's name, if it is known.
func (e rtmpListeners) secureAddress(host string) string {
	at := advertisedAddress(e.secure, host)
	if _, port, err := net.SplitHostPort(at); err == nil && e.usePublicName {
		return net.JoinHostPort(host, port)
	}
	return at
}

// serve accepts encoders, at each address.
func (e rtmpListeners) serve(channels *channel.Registry, cfg ingest.Config) (running []func(context.Context) error) {
	server := ingest.New(channels, cfg)
	if e.plain != nil {
		running = append(running, func(ctx context.Context) error { return server.Serve(ctx, e.plain, nil) })
	}
	if e.secure != nil {
		running = append(running, func(ctx context.Context) error { return server.Serve(ctx, e.secure, e.config) })
	}
	return running
}

// openChannels brings the channels up, reached by encoders at e and by viewers
// under the endpoint.
func openChannels(s *config.Settings, st *store.Store, n *node.Node, e rtmpListeners, endpoint string, panics *inbound.Panics, log *slog.Logger) (*channel.Registry, error) {
	cfg := channel.Config{Public: endpoint, Streams: s.Limits.Streams, Pixels: s.Limits.StreamPixels, Bitrate: s.Limits.StreamBitrate, PushPrivate: s.PushPrivate, Panics: panics, Log: log}
	public, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if e.plain != nil {
		cfg.Ingest, cfg.Local = advertisedAddress(e.plain, public.Hostname()), advertisedAddress(e.plain, "127.0.0.1")
	}
	if e.secure != nil {
		cfg.Ingest = e.secureAddress(public.Hostname())
		if host, port, err := net.SplitHostPort(cfg.Ingest); err == nil && port == "443" {
			cfg.Ingest = host
		}
	}
	return channel.NewRegistry(st, n, cfg), nil
}

// seenAs is a listener's address, with a name for the host that is no certain one.
func advertisedAddress(l net.Listener, host string) string {
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if at.Addr().IsUnspecified() {
		return net.JoinHostPort(host, fmt.Sprint(at.Port()))
	}
	return at.String()
}
