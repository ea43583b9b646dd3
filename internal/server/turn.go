package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
)

// Protocols that a client of the main address may name in its handshake (RFC 7301,
// RFC 7443 for TURN, RFC 8737 for ACME).
const (
	protocolTURN  = "stun.turn"
	protocolHTTP2 = "h2"
	protocolHTTP1 = "http/1.1"
	protocolACME  = "acme-tls/1"
)

// errSeen ends the connection of an authority, which has nothing to say (RFC 8737 §3).
var errValidated = errors.New("the authority has seen what it asked for")

// A sharedListener is a TLS address that HTTP and TURN have in common, for networks
// that let nothing but HTTPS out. Its handshakes are done side by side; Accept returns
// the connections of HTTP, the others are handed to admit.
type sharedListener struct {
	net.Listener
	config *tls.Config
	admit  func(net.Conn)

	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	running  sync.WaitGroup

	mu          sync.Mutex            // guards what follows
	handshaking map[net.Conn]struct{} // whose protocol isn't known yet
}

func newSharedListener(l net.Listener, config *tls.Config, admit func(net.Conn)) *sharedListener {
	config = config.Clone()
	config.NextProtos = append(config.NextProtos, protocolTURN)
	s := &sharedListener{
		Listener: l, config: config, admit: admit,
		accepted: make(chan net.Conn), closed: make(chan struct{}), handshaking: map[net.Conn]struct{}{},
	}
	s.running.Go(s.run)
	return s
}

func (s *sharedListener) run() {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.handshaking[conn] = struct{}{}
		s.mu.Unlock()
		s.running.Go(func() { s.identify(conn) })
	}
}

// greet finds out what a client speaks, within the time that a request's header has.
func (s *sharedListener) identify(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(readHeader))
	client, turn, err := s.handshake(conn)
	s.mu.Lock()
	delete(s.handshaking, conn)
	s.mu.Unlock()
	switch {
	case err != nil:
		conn.Close()
		return
	case turn:
		_ = conn.SetDeadline(time.Time{})
		s.admit(client)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	select {
	case s.accepted <- client:
	case <-s.closed:
		conn.Close()
	}
}

// tell does the handshake. Who names no protocol in it tells by the first byte: that of
// STUN is below 4 (RFC 7983 §7), that of HTTP a letter.
func (s *sharedListener) handshake(conn net.Conn) (client net.Conn, turn bool, err error) {
	over := tls.Server(conn, s.config)
	if err := over.Handshake(); err != nil {
		return nil, false, err
	}
	switch over.ConnectionState().NegotiatedProtocol {
	case protocolTURN:
		return over, true, nil
	case protocolACME:
		return nil, false, errValidated
	case "":
		ahead := bufio.NewReaderSize(over, 16)
		first, err := ahead.Peek(1)
		if err != nil {
			return nil, false, err
		}
		return &peeked{over, ahead}, first[0] < 4, nil
	}
	return over, false, nil
}

// peeked is a TLS connection of which some bytes were read ahead. Being no *tls.Conn, it
// tells net/http by ConnectionState that it is one.
type peeked struct {
	*tls.Conn
	ahead *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.ahead.Read(b) }

// Accept returns the next connection that speaks HTTP.
func (s *sharedListener) Accept() (net.Conn, error) {
	select {
	case conn := <-s.accepted:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and the handshakes under way, and returns when they have ended.
func (s *sharedListener) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.Listener.Close()
		s.mu.Lock()
		for conn := range s.handshaking {
			conn.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return err
}

// listenForTURN binds the address of TURN over TLS; nil when none is set.
func listenForTURN(ctx context.Context, s *config.Settings, accept inbound.ListenerConfig) (*inbound.Listener, error) {
	if s.TURNSListen == "" {
		return nil, nil
	}
	l, err := inbound.Listen(ctx, string(s.TURNSListen), accept)
	if err != nil {
		return nil, fmt.Errorf("listen for TURN over TLS: %w", withRemedy(err, "turns_listen"))
	}
	return l, nil
}

// serveTURN hands what a listener accepts to admit until the context ends.
func serveTURN(ctx context.Context, l net.Listener, admit func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		admit(conn)
	}
}

// turnsAt is where clients are told to reach TURN over TLS: where turns_listen says, or
// else the main address, which takes it beside HTTPS. It is empty without a certificate,
// and where that has no name to call the server by.
func turnAddress(endpoint string, cert certificates, own *inbound.Listener) string {
	if cert == nil {
		return ""
	}
	host, port := cert.name(endpoint), ""
	if own != nil {
		_, port, _ = net.SplitHostPort(own.Addr().String())
	} else {
		port = config.HTTPSPort(endpoint)
	}
	if host == "" || port == "" {
		return ""
	}
	return net.JoinHostPort(host, port)
}
