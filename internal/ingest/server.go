// Package ingest receives streams from encoders by RTMP and RTMPS, for the channel or
// the ingest configuration of their stream key.
package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/channel"
	"rostrum/internal/inbound"
	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/stage"
	"rostrum/internal/worker"
)

const (
	// Of defaultConnections a quarter is for connections without an accepted stream
	// key, at most an eighth of that per address; the rest is for live encoders.
	defaultConnections = 2000

	handshakeTimeout = 10 * time.Second

	// wrongKeyDelay delays the answer to a wrong stream key after too many from the
	// same address.
	wrongKeyDelay = 5 * time.Second
)

// Errors for refused encoders, besides those of package channel.
var (
	errApplication = fmt.Errorf("the application is not %q", channel.Application)
	errManyKeys    = fmt.Errorf("%w, and answers are slow because many wrong keys came from this address", channel.ErrKey)
	errInternal    = errors.New("the server failed")
)

// Config has the options of a Server.
type Config struct {
	Stages         *stage.Registry // nil if there are only channels
	Transcoder     *worker.Streams // for audio on stages
	VideoCodecs    []media.Codec   // that encoders of stages may send beside H.264
	MaxConnections int             // of all listeners together; 0 for the default
	Proxies        inbound.Proxies // that name clients by the PROXY protocol
	Log            *slog.Logger
	Metrics        prometheus.Registerer // nil for none
	Panics         *inbound.Panics
}

// A Server receives streams from encoders.
type Server struct {
	channels   *channel.Registry
	stages     *stage.Registry
	transcoder *worker.Streams
	codecs     []media.Codec
	proxies    inbound.Proxies
	log        *slog.Logger
	metrics    metrics
	panics     *inbound.Panics
	wrongKeys  inbound.Failures

	unidentified *inbound.Unidentified
	maxLive      int64
	live         atomic.Int64
}

// New returns a server for channels.
func New(channels *channel.Registry, cfg Config) *Server {
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = defaultConnections
	}
	waiting := max(cfg.MaxConnections/4, 1)
	s := &Server{
		channels: channels, stages: cfg.Stages, transcoder: cfg.Transcoder, codecs: cfg.VideoCodecs, proxies: cfg.Proxies, log: cfg.Log, panics: cfg.Panics,
		unidentified: inbound.NewUnidentified(waiting, max(waiting/8, 1)), maxLive: int64(max(cfg.MaxConnections-waiting, 1)),
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

// serve serves one connection, which cancel ends. A panic ends only this connection.
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
		handshake, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		if err := wrapped.HandshakeContext(handshake); err != nil {
			log.Debug("encoder", "error", err)
			return
		}
		conn, client.TLS = wrapped, true
	}
	if err := s.receive(ctx, conn, client, waiting.Done); err != nil {
		log.Info("encoder", "error", err)
	}
}

// receive reads a stream from its key to its end.
func (s *Server) receive(ctx context.Context, conn net.Conn, client inbound.Client, accepted func() bool) error {
	var session sink
	stream, err := rtmp.Accept(conn, func(application, key string) (err error) {
		session, err = s.authorize(ctx, application, key, client, conn, accepted)
		return err
	}, s.codecs...)
	if session == nil {
		return err
	}
	var failure error
	defer func() {
		if failure != nil && stream != nil {
			stream.Drain()
		}
	}()
	defer func() {
		p := recover()
		if p != nil {
			failure = errors.New("the stream can't be read")
		}
		if err := s.end(ctx, session, failure); err != nil {
			s.log.Error("encoder", "error", err)
		}
		if p != nil {
			panic(p)
		}
	}()
	if err != nil {
		return err
	}
	failure, err = s.forward(ctx, session, stream, conn, client)
	return err
}

// authorize begins the stream of a stream key, or returns the error for the encoder.
func (s *Server) authorize(ctx context.Context, application, key string, client inbound.Client, conn net.Conn, accepted func() bool) (sink, error) {
	if application != "" && application != channel.Application {
		return nil, s.refuse(ctx, client, errApplication)
	}
	session, err := s.begin(ctx, key, client, conn)
	if err == nil && !accepted() { // it is closed for another: the encoder must not believe to be live
		err = errors.Join(channel.ErrFull, s.end(ctx, session, nil))
	}
	if err != nil {
		return nil, s.refuse(ctx, client, err)
	}
	return session, nil
}

// forward passes frames on until the encoder ends the stream. failure is why the stream can't go
// on, which the encoder was told.
func (s *Server) forward(ctx context.Context, session sink, stream *rtmp.Ingest, conn net.Conn, client inbound.Client) (failure, err error) {
	p, onStage := session.(*publication)
	read := stream.Next
	if onStage {
		read = func() (rtmp.Frame, error) { return p.read(stream) }
		go p.dropWhenEnded(stream, conn)
	}
	for {
		f, err := read()
		var network net.Error
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
			return nil, nil
		case err == nil:
			err = session.WriteFrame(ctx, f)
		}
		if err != nil && onStage {
			return err, p.refuse(s, stream, client, err)
		}
		if err != nil {
			return err, errors.Join(err, stream.Reject(err.Error()))
		}
	}
}

// A sink takes what an encoder sends: a channel's session, or a publication on a stage.
type sink interface {
	WriteFrame(ctx context.Context, f rtmp.Frame) error
	Close(ctx context.Context, failure error) error
}

// begin starts the stream of a stream key, within the limit.
func (s *Server) begin(ctx context.Context, key string, client inbound.Client, conn net.Conn) (_ sink, err error) {
	if s.live.Add(1) > s.maxLive {
		s.live.Add(-1)
		return nil, channel.ErrFull
	}
	defer func() {
		if err != nil {
			s.live.Add(-1)
		}
	}()
	if s.stages != nil && strings.HasPrefix(key, stageKeyPrefix) {
		return s.beginPublication(ctx, stage.IngestSource{Key: key, Secure: client.TLS, Labels: videoLabels})
	}
	session, err := s.channels.Begin(ctx, key, channel.Source{Secure: client.TLS || client.Local, Drop: func() { conn.Close() }})
	if err != nil {
		return nil, err
	}
	return session, nil
}

// stageKeyPrefix is that of the stream keys of ingest configurations.
const stageKeyPrefix = "rt_"

// beginPublication publishes a stream on the stage of its ingest configuration.
func (s *Server) beginPublication(ctx context.Context, from stage.IngestSource) (sink, error) {
	stream, err := s.stages.Ingest(ctx, from)
	if err != nil {
		return nil, err
	}
	return &publication{stream: stream, transcoder: s.transcoder, anyCodec: len(s.codecs) > 0, log: s.log, began: time.Now()}, nil
}

// end ends a session that began; failure is nil for a stream that did not fail.
func (s *Server) end(ctx context.Context, session sink, failure error) error {
	s.live.Add(-1)
	return session.Close(ctx, failure)
}

// refuse counts a refusal and returns the error for the encoder; nil if err is nil.
func (s *Server) refuse(ctx context.Context, client inbound.Client, err error) error {
	if err == nil {
		return nil
	}
	why, ofStage := errors.AsType[*stage.IngestError](err)
	switch {
	case ofStage && why.UnknownKey, errors.Is(err, channel.ErrKey):
		// Only wrong keys are delayed, after the lookup, so that other encoders behind the
		// same address are not affected.
		if s.delayWrongKey(ctx, client) {
			s.metrics.refused(wrongKeySlowed)
			return errManyKeys
		}
		s.metrics.refused(wrongKey)
		if !ofStage {
			return channel.ErrKey
		}
		if why.Who != "" {
			s.logRefusal(client, why)
		}
		return why
	case ofStage:
		s.metrics.refused(refusalReason(why.Code))
		s.logRefusal(client, why)
		return why
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			s.metrics.refused(r.reason)
			return r.err
		}
	}
	s.log.Error("encoder", "error", err)
	s.metrics.refused(internalError)
	return errInternal
}

func (s *Server) logRefusal(client inbound.Client, why *stage.IngestError) {
	s.log.Warn("encoder refused", "from", client.Addr, "who", why.Who, "code", why.Code, "why", why.Detail)
}

// delayWrongKey waits before the answer to a wrong key, if there were too many.
func (s *Server) delayWrongKey(ctx context.Context, client inbound.Client) (delayed bool) {
	tooMany, report := s.wrongKeys.Add(client.Addr.Addr())
	if !tooMany {
		return false
	}
	if report {
		s.log.Warn("many wrong stream keys from one address: answers are delayed", "from", client.Addr.Addr(), "delay", wrongKeyDelay)
	}
	delay := time.NewTimer(wrongKeyDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	return true
}
