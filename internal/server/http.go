package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
)

// Limits of one HTTP listener. Handlers that stream lift the write timeout of their response.
const (
	maxHeaderBytes = 32 << 10
	http2Buffer    = 64 << 10 // of bodies that are not read yet
	headerTimeout  = 10 * time.Second
	readTimeout    = 30 * time.Second
	writeTimeout   = 60 * time.Second
	idleTimeout    = 2 * time.Minute

	// drainTimeout is how long running requests may take once the server stops. With the
	// rest of the stop it must stay below five seconds.
	drainTimeout = 3 * time.Second
)

// A listener is a bound address and its HTTP server.
type listener struct {
	*inbound.Listener
	server *http.Server
	nodes  *tls.Config // of connections of other nodes
}

// listen binds the address of a setting. With a certificate it serves HTTPS.
func listen(ctx context.Context, setting string, at config.Address, cert certificates, accept inbound.ListenerConfig) (*listener, error) {
	bound, err := inbound.Listen(ctx, string(at), accept)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", withRemedy(err, setting))
	}
	l := &listener{
		Listener: bound,
		server: &http.Server{
			ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
			HTTP2:    &http.HTTP2Config{MaxReceiveBufferPerConnection: http2Buffer, MaxReceiveBufferPerStream: http2Buffer},
			ErrorLog: slog.NewLogLogger(accept.Log.Handler(), slog.LevelDebug), // faults of clients
		},
	}
	if cert != nil {
		l.server.TLSConfig = cert.config()
		l.server.TLSConfig.NextProtos = []string{protocolHTTP2, protocolHTTP1}
	}
	return l, nil
}

// run serves until ctx ends, then lets running requests finish. With TLS it passes TURN
// clients to turn.
func (l *listener) run(ctx context.Context, h http.Handler, turn func(net.Conn)) error {
	l.server.Handler = h
	var accepting net.Listener = l.Listener
	if l.server.TLSConfig != nil {
		accepting = newSharedListener(l.Listener, l.server.TLSConfig, turn)
		defer accepting.Close()
	} else if l.nodes != nil {
		accepting = tls.NewListener(l.Listener, l.nodes)
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
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
