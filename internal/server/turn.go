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

// ALPN protocols (RFC 7301) of the public address: TURN by RFC 7443, ACME by RFC 8737.
const (
	protocolTURN  = "stun.turn"
	protocolHTTP2 = "h2"
	protocolHTTP1 = "http/1.1"
	protocolACME  = "acme-tls/1"
)

// handshakeTimeout bounds the handshake and, without ALPN, the wait for the first byte.
const handshakeTimeout = 10 * time.Second

// errValidated ends the connection of an ACME authority after the handshake (RFC 8737 §3).
var errValidated = errors.New("the ACME authority has validated the name")

// A sharedListener is a TLS address for both HTTP and TURN, for clients whose network allows
// only HTTPS. Handshakes run concurrently. Accept returns connections of HTTP; those of TURN
// are passed to turn.
type sharedListener struct {
	net.Listener
	config *tls.Config
	turn   func(net.Conn)

	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
	running  sync.WaitGroup

	mu          sync.Mutex            // guards what follows
	handshaking map[net.Conn]struct{} // whose protocol is not known yet
}

func newSharedListener(l net.Listener, config *tls.Config, turn func(net.Conn)) *sharedListener {
	config = config.Clone()
	config.NextProtos = append(config.NextProtos, protocolTURN)
	s := &sharedListener{
		Listener: l, config: config, turn: turn,
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

// identify finds out the protocol of a client, within handshakeTimeout.
func (s *sharedListener) identify(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
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
		s.turn(client)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	select {
	case s.accepted <- client:
	case <-s.closed:
		conn.Close()
	}
}

// handshake does the TLS handshake. Without ALPN, the first byte decides: that of STUN is
// below 4 (RFC 7983 §7), that of HTTP is a letter.
func (s *sharedListener) handshake(conn net.Conn) (client net.Conn, turn bool, err error) {
	over := tls.Server(conn, s.config)
	if err := over.Handshake(); err != nil {
		answerPlainHTTP(err)
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

// peeked is a TLS connection of which some bytes were read ahead. net/http recognizes it as
// TLS by its method ConnectionState.
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

// Close closes the listener and aborts running handshakes, and waits for them.
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

// listenTURN binds the address of TURN over TLS; nil if none is set.
func listenTURN(ctx context.Context, s *config.Settings, accept inbound.ListenerConfig) (*inbound.Listener, error) {
	if s.TURNSListen == "" {
		return nil, nil
	}
	l, err := inbound.Listen(ctx, string(s.TURNSListen), accept)
	if err != nil {
		return nil, fmt.Errorf("listen for TURN over TLS: %w", withRemedy(err, "turns_listen"))
	}
	return l, nil
}

// serveTURN passes what a listener accepts to serve until ctx ends.
func serveTURN(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
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
		serve(conn)
	}
}

// turnAddress is where clients reach TURN over TLS: at turns_listen, or else at the public
// address, which serves both. It is empty without a certificate, and if the certificate has no
// name.
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
