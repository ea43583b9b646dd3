// Package ingest is the RTMP and RTMPS server: it receives what encoders publish
// with a stream key, for the channel of that key.
package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/channel"
	"rostrum/internal/inbound"
	"rostrum/internal/rtmp"
)

const (
	// defaultConnections are shared out: a quarter to those that have no accepted
	// stream key yet, an eighth of that to each address; the rest to encoders on air.
	defaultConnections = 2000

	handshakeTime = 10 * time.Second

	// wrongKeyDelay is how long the answer to a wrong stream key takes when there
	// were too many from the same address.
	wrongKeyDelay = 5 * time.Second
)

// What an encoder is told when it is refused, beside the errors of package channel.
var (
	errApplication = fmt.Errorf("the application is not %q", channel.Application)
	errManyKeys    = fmt.Errorf("%w, and answers are slow because many wrong keys came from this address", channel.ErrKey)
	errInternal    = errors.New("something went wrong on the server")
)

// Config is how a Server treats connections.
type Config struct {
	MaxConnections int             // over all listeners; 0 for a default
	Proxies        inbound.Proxies // that name clients by the PROXY protocol
	Log            *slog.Logger
	Metrics        prometheus.Registerer // nil for none
	Panics         *inbound.Panics
}

// A Server receives streams from encoders.
type Server struct {
	channels  *channel.Registry
	proxies   inbound.Proxies
	log       *slog.Logger
	metrics   metrics
	panics    *inbound.Panics
	wrongKeys inbound.Failures

	unidentified *inbound.Unidentified
	maxOnAir     int64
	onAir        atomic.Int64
}

// New makes a server that publishes to channels.
func New(channels *channel.Registry, cfg Config) *Server {
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = defaultConnections
	}
	waiting := max(cfg.MaxConnections/4, 1)
	s := &Server{
		channels: channels, proxies: cfg.Proxies, log: cfg.Log, panics: cfg.Panics,
		unidentified: inbound.NewUnidentified(waiting, max(waiting/8, 1)), maxOnAir: int64(max(cfg.MaxConnections-waiting, 1)),
	}
	s.metrics = newMetrics(cfg.Metrics, s.unidentified.Evicted)
	return s
}

// Serve accepts encoders until the context ends, with TLS if there is a
// configuration for it. It closes l, and returns once all connections have ended.
func (s *Server) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept encoders: %w", err)
		}
		connections.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			s.serve(ctx, cancel, conn, secure)
		})
	}
}

// serve serves one connection, which cancel ends. A panic over what it sends ends it
// alone.
func (s *Server) serve(ctx context.Context, cancel func(), conn net.Conn, secure *tls.Config) {
	log := s.log.With("from", conn.RemoteAddr())
	defer s.panics.Recover("rtmp")
	conn, client, err := s.proxies.Identify(conn)
	if err != nil {
		log.Warn("encoder", "error", err)
		return
	}
	log = s.log.With("from", client.Addr)
	waiting := s.unidentified.Add(client.Addr.Addr(), cancel)
	defer waiting.Done()
	if secure != nil {
		wrapped := tls.Server(conn, secure)
		shaking, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		if err := wrapped.HandshakeContext(shaking); err != nil {
			log.Debug("encoder", "error", err)
			return
		}
		conn, client.TLS = wrapped, true
	}
	if err := s.receive(ctx, conn, client, waiting.Done); err != nil {
		log.Info("encoder", "error", err)
	}
}

// receive serves a stream from its key, once it is accepted, to its end.
func (s *Server) receive(ctx context.Context, conn net.Conn, client inbound.Client, accepted func()) error {
	var session *channel.Session
	stream, err := rtmp.Accept(conn, func(application, key string) (err error) {
		if application != channel.Application {
			return s.refuse(ctx, client, errApplication)
		}
		session, err = s.begin(ctx, key, channel.Source{Secure: client.TLS || client.Local, Drop: func() { conn.Close() }})
		if err == nil {
			accepted()
		}
		return s.refuse(ctx, client, err)
	})
	if session == nil {
		return err
	}
	var broken error
	defer func() {
		p := recover()
		if p != nil {
			broken = errors.New("the stream can't be read")
		}
		s.onAir.Add(-1)
		if err := session.Close(ctx, broken); err != nil {
			s.log.Error("encoder", "error", err)
		}
		if p != nil {
			panic(p)
		}
	}()
	if err != nil {
		return err
	}
	for {
		f, err := stream.Next()
		var network net.Error
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
			return nil
		case err == nil:
			err = session.WriteFrame(ctx, f)
		}
		if err != nil {
			broken = err
			return err
		}
	}
}

// begin puts the channel of a stream key on air, if one more may be.
func (s *Server) begin(ctx context.Context, key string, from channel.Source) (*channel.Session, error) {
	if s.onAir.Add(1) > s.maxOnAir {
		s.onAir.Add(-1)
		return nil, channel.ErrFull
	}
	session, err := s.channels.Begin(ctx, key, from)
	if err != nil {
		s.onAir.Add(-1)
	}
	return session, err
}

// refuse counts why an encoder is refused and returns what it may know of that; nil
// if it is not. Wrong keys alone are answered late, and only after the key was
// looked up: others behind the same address are not to blame.
func (s *Server) refuse(ctx context.Context, client inbound.Client, err error) error {
	if err == nil {
		return nil
	}
	for _, r := range refusals {
		if !errors.Is(err, r.err) {
			continue
		}
		if r.err != channel.ErrKey || !s.delayWrongKey(ctx, client) {
			s.metrics.refused(r.reason)
			return r.err
		}
		s.metrics.refused(wrongKeySlowed)
		return errManyKeys
	}
	s.log.Error("encoder", "error", err)
	s.metrics.refused(internalError)
	return errInternal
}

// delayWrongKey waits before the answer to a wrong key, if there were too many.
func (s *Server) delayWrongKey(ctx context.Context, client inbound.Client) (delayed bool) {
	tooMany, report := s.wrongKeys.Add(client.Addr.Addr())
	if !tooMany {
		return false
	}
	if report {
		s.log.Warn("many wrong stream keys from one address: they are answered late", "from", client.Addr.Addr(), "delay", wrongKeyDelay)
	}
	delay := time.NewTimer(wrongKeyDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	return true
}
