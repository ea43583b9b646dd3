package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"rostrum/internal/channel"
	"rostrum/internal/inbound"
	"rostrum/internal/ingest"
)

// rtmpListeners are the addresses for encoders; nil if there is none.
type rtmpListeners struct {
	plain, secure *inbound.Listener
	config        *tls.Config
	usePublicName bool // the public URL has the certificate's name
}

// listenRTMP binds them. If another program uses the default address, the server runs without
// RTMP.
func listenRTMP(ctx context.Context, b *base, cert certificates) (l rtmpListeners, err error) {
	s, log := b.settings, b.log
	at := s.RTMPListen
	chosen := s.IsSet("rtmp_listen")
	if _, port, _ := net.SplitHostPort(string(s.Listen)); !chosen && port == "0" {
		at = "127.0.0.1:0" // a free port for HTTP means a free port for RTMP
	}
	if at != "" {
		l.plain, err = inbound.Listen(ctx, string(at), inbound.ListenerConfig{Name: "rtmp", Log: log})
		if !chosen && inbound.InUse(err) {
			log.Warn("no RTMP: another program uses the address; set rtmp_listen to another", "address", at, "error", err)
			err = nil
		}
		if err != nil {
			return rtmpListeners{}, fmt.Errorf("listen for RTMP: %w", withRemedy(err, "rtmp_listen"))
		}
		if l.plain != nil {
			b.closeLater(l.plain)
		}
	}
	if s.RTMPSListen != "" {
		if l.secure, err = inbound.Listen(ctx, string(s.RTMPSListen), inbound.ListenerConfig{Name: "rtmps", Log: log}); err != nil {
			return rtmpListeners{}, fmt.Errorf("listen for RTMPS: %w", withRemedy(err, "rtmps_listen"))
		}
		b.closeLater(l.secure)
		l.usePublicName = s.PublicURL != "" || len(s.Domains) > 0
		l.config = cert.config()
	}
	return l, nil
}

// urls are the ingest URLs for encoders that reach the endpoint; a stream key follows. They
// are empty without a listener.
func (l rtmpListeners) urls(endpoint string) (plain, secure string) {
	host := ""
	if public, err := url.Parse(endpoint); err == nil {
		host = public.Hostname()
	}
	if l.plain != nil {
		plain = "rtmp://" + advertisedAddress(l.plain, host) + "/" + channel.Application + "/"
	}
	if l.secure != nil {
		secure = "rtmps://" + l.secureAddress(host) + "/" + channel.Application + "/"
	}
	return plain, secure
}

// secureAddress is the address of RTMPS, with the name of the certificate if it is known.
func (l rtmpListeners) secureAddress(host string) string {
	at := advertisedAddress(l.secure, host)
	if _, port, err := net.SplitHostPort(at); err == nil && l.usePublicName {
		return net.JoinHostPort(host, port)
	}
	return at
}

// serve returns the accept loops.
func (l rtmpListeners) serve(b *base, r *runtime, maxConnections int) (running []func(context.Context) error) {
	server := ingest.New(r.channels, ingest.Config{
		Stages: r.stages, Transcoder: r.transcoder, VideoCodecs: b.settings.RTMPVideoCodecs,
		MaxConnections: maxConnections, Proxies: inbound.Proxies(b.settings.ProxyProtocol), Log: b.log, Metrics: b.metrics, Panics: b.panics,
	})
	if l.plain != nil {
		running = append(running, func(ctx context.Context) error { return server.Serve(ctx, l.plain, nil) })
	}
	if l.secure != nil {
		running = append(running, func(ctx context.Context) error { return server.Serve(ctx, l.secure, l.config) })
	}
	return running
}

// advertisedAddress is a listener's address, with host instead of an unspecified address.
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
