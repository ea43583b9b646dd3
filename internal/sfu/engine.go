package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"

	"rostrum/internal/inbound"

	"rostrum/internal/sdp"
)

// Config tunes an Engine. The zero value listens on loopback, on any free port.
type Config struct {
	// Listen are the addresses of the sockets; 0.0.0.0 and :: stand for all addresses the
	// machine has when the engine starts. Default: 127.0.0.1.
	Listen []netip.Addr
	// Port is the one port of all media, UDP and TCP. 0 takes a free one.
	Port uint16
	// Advertise are the addresses in our candidates, where they differ from Listen (behind
	// NAT). Default: what is listened on.
	Advertise []netip.Addr
	// NoTCP turns ICE-TCP and TURN over TCP off.
	NoTCP bool
	// TLS, where given, is spoken with TCP clients that begin with it, to reach TURN through
	// what lets nothing else pass.
	TLS *tls.Config
	// Proxies name the clients of TCP connections by the PROXY protocol.
	Proxies inbound.Proxies
	// TURNS is the host and port at which clients are told to do so, by a name that the
	// certificate has: of the media port, or of a listener whose connections Admit takes.
	TURNS string
	// Shards is the number of packet threads. Default: one for each core.
	Shards int
	// Portable uses plain sockets where the fast path of the system would do.
	Portable bool

	// MaxTransports bounds publishers and subscribers together. Default: 20,000.
	MaxTransports int
	// MaxHalfOpen bounds transports whose handshake isn't done. Default: 2,000.
	MaxHalfOpen int
	// MaxTCP bounds connections by TCP, of ICE and TURN. Default: 10,000.
	MaxTCP int
	// ConnectTimeout ends a transport whose handshake isn't done. Default: 15 s.
	ConnectTimeout time.Duration
	// LostAfter ends a transport from which nothing authentic came. Default: 12 s, so that a
	// call survives a network that is gone for ten.
	LostAfter time.Duration
	// MediaTimeout is the silence after which a medium has stopped. Default: 3 s.
	MediaTimeout time.Duration

	// Panics takes faults in handling media. Default the default logger's.
	Panics *inbound.Panics
	// Log takes what an operator should know; nothing is logged per packet. Default: discard.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&c.Shards, runtime.GOMAXPROCS(0))
	orInt(&c.MaxTransports, 20_000)
	orInt(&c.MaxHalfOpen, 2_000)
	orInt(&c.MaxTCP, 10_000)
	orTime(&c.ConnectTimeout, 15*time.Second)
	orTime(&c.LostAfter, 12*time.Second)
	orTime(&c.MediaTimeout, 3*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// ErrBusy says that the engine is at one of its limits; later it may not be.
var ErrBusy = errors.New("the media engine is at its capacity")

// ErrClosed says that what was asked of has been closed.
var ErrClosed = errors.New("closed")

// An Engine owns the media port and its threads. All methods may be called from any goroutine.
type Engine struct {
	cfg         Config
	port        uint16
	candidates  []sdp.Candidate
	certificate tls.Certificate
	fingerprint string // of the certificate, as SDP writes it
	epoch       time.Time
	shards      []*shard
	tcp         *tcpServer // nil when off
	turn        *turnServer
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup // goroutines other than the shards
	shardsDone  sync.WaitGroup
	urgent      chan *Viewer // who can't wait for the allotter's next turn

	transports atomic.Int64
	halfOpen   atomic.Int64

	mu        sync.RWMutex // guards what follows
	ufrags    map[string]*Transport
	addresses map[netip.AddrPort]*Transport
	routers   map[*Router]struct{}
	closed    bool
}

// Listen opens the media port and starts the engine.
func Listen(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	listen, err := expandUnspecified(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for media: %w", err)
	}
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make the DTLS certificate: %w", err)
	}
	e := &Engine{
		cfg: cfg, certificate: certificate, fingerprint: certificateFingerprint(certificate.Certificate[0]),
		epoch: time.Now(), ufrags: map[string]*Transport{}, addresses: map[netip.AddrPort]*Transport{},
		routers: map[*Router]struct{}{}, urgent: make(chan *Viewer, maxUrgentViewers),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if err := e.open(listen); err != nil {
		e.cancel()
		return nil, fmt.Errorf("listen for media: %w", err)
	}
	advertise := cfg.Advertise
	if len(advertise) == 0 {
		advertise = listen
	}
	e.candidates = sdp.HostCandidates(advertise, e.port, e.tcp != nil)
	e.turn = newTURN(e, listen, advertise)
	for _, s := range e.shards {
		e.shardsDone.Add(1)
		go s.run()
	}
	if e.tcp != nil {
		e.tcp.serve()
	}
	e.wg.Add(2)
	go e.turn.run()
	go e.runAllocator()
	return e, nil
}

// open binds UDP and TCP to the same number. When any port will do, it tries a few until
// both are free.
func (e *Engine) open(listen []netip.Addr) error {
	var err error
	for range 20 {
		port := e.cfg.Port
		var sockets []socket
		if sockets, port, err = openSockets(listen, port, e.cfg.Shards, e.cfg.Portable); err != nil {
			return err
		}
		if !e.cfg.NoTCP {
			if e.tcp, err = openTCP(e, listen, port); err != nil {
				for _, s := range sockets {
					s.close()
				}
				if e.cfg.Port != 0 {
					return err
				}
				continue
			}
		}
		e.port = port
		for i, s := range sockets {
			e.shards = append(e.shards, newShard(e, i, s, len(sockets)))
		}
		return nil
	}
	return err
}

// Close ends all routers and their transports, frees the port and returns once every thread
// and goroutine has ended. It must not be called from an event.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	routers := make([]*Router, 0, len(e.routers))
	for r := range e.routers {
		routers = append(routers, r)
	}
	e.mu.Unlock()
	for _, r := range routers {
		r.end(CauseEngineClosed, "")
	}
	e.cancel()
	if e.tcp != nil {
		e.tcp.close()
	}
	for _, s := range e.shards {
		s.call(func() {}) // what it was about to start is counted now, and it starts no more
	}
	e.wg.Wait()
	for _, s := range e.shards {
		s.stop()
	}
	e.shardsDone.Wait()
	return nil
}

// Admit takes a connection that was accepted elsewhere as if it had come to the media port by
// TCP: ICE-TCP or TURN, in TLS or not. It doesn't wait, and owns the connection from now on.
func (e *Engine) ServeConn(conn net.Conn) {
	if e.tcp == nil {
		conn.Close()
		return
	}
	e.tcp.serveConn(conn, 0)
}

// Port is the media port.
func (e *Engine) Port() uint16 { return e.port }

// Candidates are what answers offer to peers.
func (e *Engine) Candidates() []sdp.Candidate { return e.candidates }

// now is the time on the engine's monotonic clock, in nanoseconds.
func (e *Engine) now() time.Duration { return time.Since(e.epoch) }

// wall turns a time of now's clock into Unix nanoseconds.
func (e *Engine) unixNano(now time.Duration) int64 { return e.epoch.UnixNano() + int64(now) }

// home picks the shard with the fewest transports, for one that must have a home before its
// first packet came.
func (e *Engine) leastBusy() *shard {
	best := e.shards[rand.IntN(len(e.shards))]
	for _, s := range e.shards {
		if s.transportCount.Load() < best.transportCount.Load() {
			best = s
		}
	}
	return best
}

// register makes a transport known by its user name fragment.
func (e *Engine) register(t *Transport, ufrag string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.ufrags[ufrag] = t
	return nil
}

// forgetUfrag ends a user name fragment's meaning.
func (e *Engine) unregisterUfrag(t *Transport, ufrag string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ufrags[ufrag] == t {
		delete(e.ufrags, ufrag)
	}
}

// forget makes a transport unreachable.
func (e *Engine) unregister(t *Transport) {
	session := t.ice.Load()
	e.unregisterUfrag(t, session.local.Ufrag)
	e.unregisterUfrag(t, session.previous.Ufrag)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range t.addresses {
		if e.addresses[a] == t {
			delete(e.addresses, a)
		}
	}
}

// byUfrag finds the transport a check is meant for. It doesn't allocate.
func (e *Engine) byUfrag(ufrag []byte) *Transport {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.ufrags[string(ufrag)]
}

func (e *Engine) byAddress(a netip.AddrPort) *Transport {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.addresses[a]
}

// maxAddresses bounds the addresses from which one transport's packets are known; the
// oldest makes room.
const maxTransportAddresses = 8

// claim notes that authentic checks for t come from an address.
func (e *Engine) bindAddress(t *Transport, a netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.addresses[a] == t || t.ended.Load() {
		return
	}
	if len(t.addresses) == maxTransportAddresses {
		if old := t.addresses[0]; e.addresses[old] == t {
			delete(e.addresses, old)
		}
		t.addresses = t.addresses[1:]
	}
	e.addresses[a] = t
	t.addresses = append(t.addresses, a)
}

func certificateFingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// listenPort returns the port of a bound address.
func portOf(a net.Addr) uint16 {
	p, _ := netip.ParseAddrPort(a.String())
	return p.Port()
}
