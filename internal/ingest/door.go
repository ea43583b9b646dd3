// Package ingest is the broadcaster's door: encoders knock with RTMP or RTMPS and
// a stream key, and send to the channel that the key opens.
package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"rostrum/internal/channel"
	"rostrum/internal/rtmp"
)

// Bounds of the door.
const (
	maxConnections = 2000
	handshakeTime  = 10 * time.Second

	// Wrong keys from one address: so many at once, then one in so long. Until it
	// may try again it is hung up on.
	wrongAtOnce = 10
	wrongEvery  = 6 * time.Second
	maxKnown    = 10_000 // addresses remembered
)

// A Door lets encoders in.
type Door struct {
	channels *channel.Registry
	log      *slog.Logger

	mu    sync.Mutex // guards what follows
	wrong map[netip.Addr]*rate.Limiter
}

// New makes a door to channels.
func New(channels *channel.Registry, log *slog.Logger) *Door {
	return &Door{channels: channels, log: log, wrong: map[netip.Addr]*rate.Limiter{}}
}

// Serve takes encoders in until the context ends, with TLS if there is a
// configuration for it. It closes l, and returns once all that came are gone.
func (d *Door) Serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	l = netutil.LimitListener(l, maxConnections)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var guests sync.WaitGroup
	defer guests.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			var temporary net.Error
			if errors.As(err, &temporary) && temporary.Timeout() {
				continue
			}
			return fmt.Errorf("take encoders in: %w", err)
		}
		guests.Go(func() {
			defer conn.Close()
			gone := context.AfterFunc(ctx, func() { conn.Close() })
			defer gone()
			d.guest(ctx, conn, secure)
		})
	}
}

// guest serves one connection. What it sends must not end the others.
func (d *Door) guest(ctx context.Context, conn net.Conn, secure *tls.Config) {
	log := d.log.With("from", conn.RemoteAddr())
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	from := addressOf(conn)
	if d.barred(from) {
		return
	}
	if secure != nil {
		wrapped := tls.Server(conn, secure)
		shaking, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		if err := wrapped.HandshakeContext(shaking); err != nil {
			log.Debug("encoder", "error", err)
			return
		}
		conn = wrapped
	}
	if err := d.broadcast(ctx, conn, from, secure != nil); err != nil {
		log.Info("encoder", "error", err)
	}
}

// broadcast takes a stream from its key to its end.
func (d *Door) broadcast(ctx context.Context, conn net.Conn, from netip.Addr, secure bool) error {
	var session *channel.Session
	stream, err := rtmp.Accept(conn, func(application, key string) (err error) {
		if application != channel.Application {
			return fmt.Errorf("the application is %q, want %q", application, channel.Application)
		}
		session, err = d.channels.Begin(ctx, key, channel.Source{Secure: secure || from.IsLoopback(), Drop: func() { conn.Close() }})
		if errors.Is(err, channel.ErrKey) {
			d.blame(from)
		}
		return told(d.log, err)
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
		if err := session.Close(ctx, broken); err != nil {
			d.log.Error("encoder", "error", err)
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
			err = session.Take(ctx, f)
		}
		if err != nil {
			broken = err
			return err
		}
	}
}

// told is what an encoder may know of why it is refused.
func told(log *slog.Logger, err error) error {
	for _, known := range []error{nil, channel.ErrKey, channel.ErrInsecure, channel.ErrLive, channel.ErrFull, channel.ErrClosing} {
		if errors.Is(err, known) {
			return known
		}
	}
	log.Error("encoder", "error", err)
	return errors.New("something went wrong on the server")
}

func addressOf(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// blame counts a wrong key against an address.
func (d *Door) blame(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.wrong[from]
	if b == nil {
		if len(d.wrong) >= maxKnown {
			clear(d.wrong)
		}
		b = rate.NewLimiter(rate.Every(wrongEvery), wrongAtOnce)
		d.wrong[from] = b
	}
	b.Allow()
}

func (d *Door) barred(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.wrong[from]
	return b != nil && b.Tokens() < 1
}
