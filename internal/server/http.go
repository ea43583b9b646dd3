package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
)

// Bounds of one HTTP listener. Handlers that stream lift the write bound for
// their own response.
const (
	maxHeaderBytes = 32 << 10
	http2Buffer    = 64 << 10 // of bodies that nobody has read yet
	readHeader     = 10 * time.Second
	readRequest    = 30 * time.Second
	writeResponse  = 60 * time.Second
	keepIdle       = 2 * time.Minute

	// drain is how long requests under way may take once the server is told to
	// stop. With what follows it must stay below the five seconds promised.
	drain = 3 * time.Second
)

// A listener is a bound address and the handler that will serve it.
type listener struct {
	*inbound.Listener
	server *http.Server
}

// listen binds the address of a setting, so that a port in use is known before anything else
// starts. With a certificate it speaks HTTPS.
func listen(ctx context.Context, setting string, at config.Address, cert certificates, accept inbound.ListenerConfig) (*listener, error) {
	bound, err := inbound.Listen(ctx, string(at), accept)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", withRemedy(err, setting))
	}
	l := &listener{
		Listener: bound,
		server: &http.Server{
			ReadHeaderTimeout: readHeader, ReadTimeout: readRequest, WriteTimeout: writeResponse,
			IdleTimeout: keepIdle, MaxHeaderBytes: maxHeaderBytes,
			HTTP2:    &http.HTTP2Config{MaxReceiveBufferPerConnection: http2Buffer, MaxReceiveBufferPerStream: http2Buffer},
			ErrorLog: slog.NewLogLogger(accept.Log.Handler(), slog.LevelDebug), // broken clients, not broken servers
		},
	}
	if cert != nil {
		l.server.TLSConfig = cert.config()
		l.server.TLSConfig.NextProtos = []string{protocolHTTP2, protocolHTTP1}
	}
	return l, nil
}

// run serves until the context ends, then lets requests under way finish. Clients of TURN,
// of whom there are none without TLS, are handed to admit.
func (l *listener) run(ctx context.Context, h http.Handler, admit func(net.Conn)) error {
	l.server.Handler = h
	var accepting net.Listener = l.Listener
	if l.server.TLSConfig != nil {
		accepting = newSharedListener(l.Listener, l.server.TLSConfig, admit)
		defer accepting.Close()
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		err := l.server.Shutdown(draining)
		if errors.Is(err, context.DeadlineExceeded) {
			err = l.server.Close()
		}
		stopped <- err
	})
	if err := l.server.Serve(accepting); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-stopped
}
