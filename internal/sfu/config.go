package sfu

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"rostrum/internal/inbound"
)

// Config configures an Engine. The zero value listens on loopback, on any free port.
type Config struct {
	// Listen are the addresses of the sockets; 0.0.0.0 and :: stand for all addresses that the
	// machine has when the engine starts. Default: 127.0.0.1.
	Listen []netip.Addr
	// Port is the UDP and TCP port of all media. 0 takes a free one.
	Port uint16
	// Advertise are the addresses in the candidates, where they differ from Listen (behind
	// NAT). Default: the addresses that are listened on.
	Advertise []netip.Addr
	// NoTCP turns ICE-TCP and TURN over TCP off.
	NoTCP bool
	// TLS, if set, is used with TCP clients that start a TLS handshake, to reach TURN through
	// networks that let only TLS pass.
	TLS *tls.Config
	// Proxies tells which TCP connections name their client by the PROXY protocol.
	Proxies inbound.Proxies
	// TURNS is the host and port for TURN over TLS that clients are told, with a name that the
	// certificate has. It is the media port, or a listener whose connections go to ServeConn.
	TURNS string
	// Shards is the number of packet threads. Default: one for each core.
	Shards int
	// Portable uses plain sockets where the system has faster ones.
	Portable bool

	// MaxTransports limits publishers and subscribers together. Default: 20,000.
	MaxTransports int
	// MaxHalfOpen limits transports whose handshake is not done. Default: 2,000.
	MaxHalfOpen int
	// MaxTCP limits TCP connections, of ICE and TURN. Default: 10,000.
	MaxTCP int
	// ConnectTimeout ends a transport whose handshake is not done. Default: 15 s.
	ConnectTimeout time.Duration
	// LostAfter ends a transport from which nothing authentic arrived. Default: 12 s, so that
	// a participant survives ten seconds without a network.
	LostAfter time.Duration
	// MediaTimeout is the silence after which media counts as stopped. Default: 3 s.
	MediaTimeout time.Duration

	// suspendDTLSAfter is the silence after which a DTLS connection is suspended. Default: 3 s,
	// within which peers repeat a lost flight several times.
	suspendDTLSAfter time.Duration

	// Panics handles panics over what peers send. Default: that of the default logger.
	Panics *inbound.Panics
	// Log takes what an operator should know; nothing is logged per packet. Default: discard.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	setDefault(&c.Shards, Processors())
	setDefault(&c.MaxTransports, 20_000)
	setDefault(&c.MaxHalfOpen, 2_000)
	setDefault(&c.MaxTCP, 10_000)
	setDefault(&c.ConnectTimeout, 15*time.Second)
	setDefault(&c.LostAfter, 12*time.Second)
	setDefault(&c.MediaTimeout, 3*time.Second)
	setDefault(&c.suspendDTLSAfter, 3*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// ErrBusy says that the engine is at one of its limits. It may not be later.
var ErrBusy = errors.New("the media engine is at its capacity")

// ErrClosed says that a Publisher, Subscriber, Viewer, Router or Engine is closed.
var ErrClosed = errors.New("closed")

// ErrRestart says that a fragment would restart ICE, which its sender did not ask for.
var ErrRestart = errors.New("the fragment restarts ICE")
