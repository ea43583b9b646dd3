package sfu

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v4/pkg/crypto/selfsign"

	"rostrum/internal/inbound"
	"rostrum/internal/sdp"
)

// Engine owns the media port and the packet threads. Its methods may be called from any
// goroutine.
type Engine struct {
	core
	tcp        *tcpServer // nil when off
	turn       *turnServer
	allocator  *allocator
	shardsDone sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	routers map[*Router]struct{}
	closed  bool
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
		core: core{
			cfg: cfg, certificate: certificate, fingerprint: certificateFingerprint(certificate.Certificate[0]),
			epoch: time.Now(), index: newTransportIndex(),
		},
		routers: map[*Router]struct{}{},
	}
	e.allocator = newAllocator(&e.core, e.routerList)
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
	e.turn = newTURN(&e.core, listen, advertise)
	e.start()
	return e, nil
}

func (e *Engine) start() {
	for _, s := range e.shards {
		s.turn = e.turn
		e.shardsDone.Add(1)
		go func() {
			defer e.shardsDone.Done()
			s.run()
		}()
	}
	if e.tcp != nil {
		e.tcp.turn = e.turn
		e.tcp.serve()
	}
	e.wg.Add(2)
	go e.turn.run()
	go e.allocator.run()
}

// open binds UDP and TCP to the same port number. If any port will do, it tries a few until
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
			if e.tcp, err = openTCP(&e.core, listen, port); err != nil {
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
			e.shards = append(e.shards, newShard(&e.core, i, s, len(sockets)))
		}
		return nil
	}
	return err
}

// Close ends all routers and their transports, frees the port, and returns once every thread
// and goroutine has ended. It must not be called from an event.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.index.close()
	for _, r := range e.routerList() {
		r.end(CauseEngineClosed, "")
	}
	e.cancel()
	if e.tcp != nil {
		e.tcp.close()
	}
	for _, s := range e.shards {
		s.call(func() {}) // after it, the goroutines that the shard started are counted in wg, and it starts no more
	}
	e.wg.Wait()
	for _, s := range e.shards {
		s.stop()
	}
	e.shardsDone.Wait()
	return nil
}

// NewRouter makes a Router. On a closed engine it is closed from the start.
func (e *Engine) NewRouter(cfg RouterConfig) *Router {
	r := newRouter(&e.core, e.allocator.urgent, cfg)
	r.onEnd = func() {
		e.mu.Lock()
		delete(e.routers, r)
		e.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.closed = e.closed
	if !e.closed {
		e.routers[r] = struct{}{}
	}
	return r
}

func (e *Engine) routerList() []*Router {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make([]*Router, 0, len(e.routers))
	for r := range e.routers {
		all = append(all, r)
	}
	return all
}

// ServeConn serves a TCP connection that was accepted elsewhere as if it had been made to the
// media port: ICE-TCP or TURN, with or without TLS. It returns at once and takes ownership of
// the connection.
func (e *Engine) ServeConn(conn net.Conn) {
	if e.tcp == nil {
		conn.Close()
		return
	}
	e.tcp.serveConn(conn, 0)
}

// Port returns the media port.
func (e *Engine) Port() uint16 { return e.port }

// Candidates returns the candidates in answers.
func (e *Engine) Candidates() []sdp.Candidate { return e.candidates }

// TURNServers returns the engine's own TURN servers, with credentials of one user. They can be
// used to make allocations for the given time; an allocation outlives them.
func (e *Engine) TURNServers(user string, life time.Duration) []TURNServer {
	if len(e.candidates) == 0 {
		return nil
	}
	name := fmt.Sprintf("%d:%s", time.Now().Add(life).Unix(), user)
	password := e.turn.password(name)
	at := e.candidates[0].Addr.String()
	all := []TURNServer{{"turn:" + at + "?transport=udp", name, password}}
	if e.tcp != nil {
		all = append(all, TURNServer{"turn:" + at + "?transport=tcp", name, password})
	}
	if e.tcp != nil && e.cfg.TURNS != "" {
		all = append(all, TURNServer{"turns:" + e.cfg.TURNS + "?transport=tcp", name, password})
	}
	return all
}

// SetTURNKey sets the key with which credentials are made and verified. Engines with the same
// key accept each other's credentials, also after a restart. Without a key, credentials are
// valid only as long as the engine runs.
func (e *Engine) SetTURNKey(key []byte) { e.turn.key.Store(&key) }

// TCPStats returns the state of the TCP listeners.
func (e *Engine) TCPStats() inbound.ListenerStats {
	all := inbound.ListenerStats{Name: listenerName, Max: e.cfg.MaxTCP}
	if e.tcp != nil {
		all.Open, all.Errors = e.tcp.count()
	}
	return all
}

// Stats asks every shard. It takes as long as the slowest one needs for its current turn.
func (e *Engine) Stats() EngineStats {
	all := EngineStats{Transports: int(e.transports.Load()), HalfOpen: int(e.halfOpen.Load()), Drops: map[Drop]uint64{}, ConnectFailures: map[ConnectFailure]uint64{}}
	for _, f := range ConnectFailures() {
		all.ConnectFailures[f] = e.connectFailures[f].Load()
	}
	if e.tcp != nil {
		all.Evicted = e.tcp.unidentified.Evicted()
	}
	for _, s := range e.shards {
		var drops dropCounts
		var subscriptions int
		var bytes uint64
		if !s.call(func() { drops, subscriptions, bytes = s.drops, s.redSubscriptions(), s.redundantBytes }) {
			continue
		}
		all.RedundantSubscriptions += subscriptions
		all.RedundantBytes += bytes
		for _, d := range Drops() {
			if drops[d] > 0 {
				all.Drops[d] += drops[d]
			}
		}
	}
	return all
}

// certificateFingerprint returns the SHA-256 fingerprint of a certificate, as SDP has it.
func certificateFingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// portOf returns the port of a bound address.
func portOf(a net.Addr) uint16 {
	p, _ := netip.ParseAddrPort(a.String())
	return p.Port()
}
