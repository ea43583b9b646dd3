package inbound

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
	logEvery   = time.Minute
)

// A ListenerConfig says how connections are accepted.
type ListenerConfig struct {
	// Name is what logs and metrics call the listener.
	Name string

	// Max is how many accepted connections are open at once; more wait in the system's
	// queue. 0 sets no bound.
	Max int

	// Log takes a warning a minute; nil discards them.
	Log *slog.Logger
}

// ListenerStats is a snapshot of a listener.
type ListenerStats struct {
	Name   string
	Open   int    // connections
	Max    int    // of Open; 0 is no bound
	Errors uint64 // of accepting, since the start
}

// A Listener is a net.Listener that outlives the system's errors.
type Listener struct {
	net.Listener
	config ListenerConfig
	slots  chan struct{} // one for each open connection; nil without a bound
	closed chan struct{}
	once   sync.Once
	open   atomic.Int64
	errors atomic.Uint64
	quiet  atomic.Int64 // Unix nanoseconds until which nothing is logged
}

// NewListener makes a Listener of l, which it closes in the end.
func NewListener(l net.Listener, c ListenerConfig) *Listener {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	made := &Listener{Listener: l, config: c, closed: make(chan struct{})}
	if c.Max > 0 {
		made.slots = make(chan struct{}, c.Max)
	}
	return made
}

// Accept returns the next connection, or net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	if !l.acquire() {
		return nil, net.ErrClosed
	}
	for delay := minBackoff; ; delay = min(2*delay, maxBackoff) {
		accepted, err := l.Listener.Accept()
		if err == nil {
			l.open.Add(1)
			return &conn{Conn: accepted, listener: l}, nil
		}
		if l.isClosed() || errors.Is(err, net.ErrClosed) {
			l.release()
			return nil, net.ErrClosed
		}
		total := l.errors.Add(1)
		l.warn("connections can't be accepted", "error", err, "errors", total)
		select {
		case <-l.closed:
		case <-time.After(delay):
		}
	}
}

// Close ends Accept; connections go on.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Stats tells how the listener fares.
func (l *Listener) Stats() ListenerStats {
	return ListenerStats{Name: l.config.Name, Open: int(l.open.Load()), Max: l.config.Max, Errors: l.errors.Load()}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// acquire waits until one more connection is within the bound; false when the listener closes
// first.
func (l *Listener) acquire() bool {
	if l.slots == nil {
		return true
	}
	select {
	case l.slots <- struct{}{}:
		return true
	default:
		l.warn("all connections are in use: more must wait", "max", l.config.Max)
	}
	select {
	case l.slots <- struct{}{}:
		return true
	case <-l.closed:
		return false
	}
}

func (l *Listener) release() {
	if l.slots != nil {
		<-l.slots
	}
}

// warn logs unless it has within the last minute.
func (l *Listener) warn(message string, args ...any) {
	now, until := time.Now(), l.quiet.Load()
	if now.UnixNano() >= until && l.quiet.CompareAndSwap(until, now.Add(logEvery).UnixNano()) {
		l.config.Log.Warn(message, append([]any{"listener", l.config.Name, "address", l.Addr()}, args...)...)
	}
}

// A conn gives its place back when it is closed.
type conn struct {
	net.Conn
	listener *Listener
	once     sync.Once
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.listener.open.Add(-1)
		c.listener.release()
	})
	return err
}

// CloseWrite ends what is sent and leaves what is received, where the connection can do that.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
