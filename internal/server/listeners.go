package server

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
	"rostrum/internal/sfu"
)

// listeners are all addresses of a server. admin, nodes and turns are nil if they are not set.
type listeners struct {
	endpoint      string // of the public address, as clients reach it
	public, admin *listener
	nodes         *listener    // for other nodes; nil where there are none
	nodeAddress   string       // where they reach it
	relay         *net.UDPConn // for media of other nodes; nil like nodes
	relayAddress  string       // where they reach it
	share         inbound.Shares
	certificates  certificates // nil without TLS
	rtmp          rtmpListeners
	turns         *inbound.Listener
	turnAddress   string // where clients reach TURN over TLS; may be empty
	engine        *sfu.Engine
}

// openListeners binds all addresses before anything else is opened, so that an address in
// use changes nothing in the data folder.
func openListeners(ctx context.Context, b *base) (*listeners, error) {
	s, log := b.settings, b.log
	cert, err := newCertificates(s, log)
	if err != nil {
		return nil, err
	}
	share := inbound.Divide(inbound.Descriptors())
	l := &listeners{certificates: cert, share: share}
	if l.public, err = listen(ctx, "listen", s.Listen, cert, inbound.ListenerConfig{Name: "http", Max: share.HTTP, Log: log}); err != nil {
		return nil, err
	}
	b.closeLater(l.public)
	if s.AdminListen != "" {
		if l.admin, err = listen(ctx, "admin_listen", s.AdminListen, nil, inbound.ListenerConfig{Name: "admin", Max: share.Admin, Log: log}); err != nil {
			return nil, err
		}
		b.closeLater(l.admin)
	}
	if err := l.listenForNodes(ctx, b); err != nil {
		return nil, err
	}
	if l.rtmp, err = listenRTMP(ctx, b, cert); err != nil {
		return nil, err
	}
	if l.endpoint, err = s.Endpoint(s.Listen.WithPortOf(l.public.Addr())); err != nil {
		return nil, err
	}
	if l.turns, err = listenTURN(ctx, s, inbound.ListenerConfig{Name: "turns", Log: log}); err != nil {
		return nil, err
	}
	if l.turns != nil {
		b.closeLater(l.turns)
	}
	l.turnAddress = turnAddress(l.endpoint, cert, l.turns)
	if l.engine, err = openEngine(ctx, b, cert, l.turnAddress, share.Media); err != nil {
		return nil, err
	}
	b.closeLater(l.engine)
	return l, nil
}

// listenForNodes binds the address at which other nodes reach this one.
func (l *listeners) listenForNodes(ctx context.Context, b *base) (err error) {
	at := b.settings.ListenForNodes()
	if at == "" {
		return nil
	}
	if l.nodes, err = listen(ctx, "node_listen", at, nil, inbound.ListenerConfig{Name: "nodes", Max: l.share.HTTP, Log: b.log}); err != nil {
		return err
	}
	b.closeLater(l.nodes)
	if l.nodeAddress, err = b.settings.NodeAddress(l.nodes.Addr()); err != nil {
		return err
	}
	if l.relay, err = listenForRelay(at, l.nodes.Addr()); err != nil {
		return fmt.Errorf("listen for media of other nodes: node_listen: %w", err)
	}
	b.closeLater(l.relay)
	l.relayAddress, err = b.settings.NodeAddress(l.relay.LocalAddr())
	return err
}

// listenForRelay binds UDP at the address at which requests of other nodes arrive. If any port
// would do and that one is taken, it binds another.
func listenForRelay(at config.Address, requests net.Addr) (*net.UDPConn, error) {
	to, err := net.ResolveUDPAddr("udp", requests.String())
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", to)
	if _, port, _ := net.SplitHostPort(string(at)); err != nil && port == "0" {
		to.Port = 0
		conn, err = net.ListenUDP("udp", to)
	}
	return conn, err
}

// serve returns the accept loops of all addresses.
func (l *listeners) serve(b *base, clients, operators http.Handler, r *runtime) []func(context.Context) error {
	running := []func(context.Context) error{
		func(ctx context.Context) error { return l.public.run(ctx, clients, l.engine.ServeConn) },
	}
	if l.admin != nil {
		running = append(running, func(ctx context.Context) error { return l.admin.run(ctx, operators, l.engine.ServeConn) })
	}
	if l.nodes != nil {
		l.nodes.nodes = r.proxy.TLS()
		running = append(running, func(ctx context.Context) error { return l.nodes.run(ctx, r.proxy.Handler(clients), l.engine.ServeConn) })
	}
	if l.turns != nil {
		running = append(running, func(ctx context.Context) error { return serveTURN(ctx, l.turns, l.engine.ServeConn) })
	}
	return append(running, l.rtmp.serve(b, r, l.share.RTMP)...)
}

// stats are the counts of all listeners.
func (l *listeners) stats() []inbound.ListenerStats {
	all := []inbound.ListenerStats{l.engine.TCPStats()}
	for _, bound := range []*inbound.Listener{l.public.Listener, l.rtmp.plain, l.rtmp.secure, l.turns} {
		if bound != nil {
			all = append(all, bound.Stats())
		}
	}
	for _, bound := range []*listener{l.admin, l.nodes} {
		if bound != nil {
			all = append(all, bound.Stats())
		}
	}
	return all
}
