// Package inbound accepts connections for every TCP port of the server, and tells who is
// at the other end.
//
// Accept of a [Listener] fails only once it is closed. What the system refuses meanwhile
// (file descriptors or memory that have run out, above all) is tried again, logged now and
// then, and counted: neither the listener nor the server ends with it. [Divide] bounds the
// connections of each port, so that one port that is filled leaves descriptors to the others.
//
// Who sends on a connection is the client itself, or one whose address a proxy names by the
// PROXY protocol ([Proxies]).
package inbound

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// headerTime is how long a proxy may take to send its header. It does so before it
// sends anything of the client's.
const headerTime = 5 * time.Second

// Proxies are the addresses of proxies that put a PROXY protocol header in front
// of what a client sends. From all others a header is not read, for it could claim
// any address.
type Proxies []netip.Prefix

// A Client is who sends on a connection.
type Client struct {
	Addr  netip.AddrPort // without a zone, IPv4 as such
	Local bool           // on this machine, and not behind a proxy
	TLS   bool           // speaks TLS with the proxy, which says so
}

// Identify reads the header of a proxy and returns the connection that follows it.
// Connections from elsewhere are returned as they are, at once. A connection from a
// proxy of this machine may do without the header, for this server's own workers
// have the same address; it is not Local. Who calls it closes conn in any case.
func (p Proxies) Identify(conn net.Conn) (net.Conn, Client, error) {
	peer, err := addrPort(conn.RemoteAddr())
	if err != nil {
		return nil, Client{}, err
	}
	if !p.contain(peer.Addr()) {
		return conn, Client{Addr: peer, Local: peer.Addr().IsLoopback()}, nil
	}
	policy := proxyproto.REQUIRE
	if at, err := addrPort(conn.LocalAddr()); err == nil && at.Addr() == peer.Addr() || peer.Addr().IsLoopback() {
		policy = proxyproto.USE
	}
	proxied := proxyproto.NewConn(conn, proxyproto.WithPolicy(policy), proxyproto.SetReadHeaderTimeout(headerTime))
	header := proxied.ProxyHeader()
	if header == nil {
		if _, err := proxied.Read(nil); err != nil { // what was wrong with the header
			return nil, Client{}, fmt.Errorf("PROXY protocol header of %s: %w", peer.Addr(), err)
		}
		return proxied, Client{Addr: peer}, nil
	}
	client := Client{Addr: peer}
	if header.Command.IsProxy() {
		if client.Addr, err = addrPort(header.SourceAddr); err != nil {
			return nil, Client{}, fmt.Errorf("PROXY protocol header of %s: %w", peer.Addr(), err)
		}
		client.TLS = overTLS(header)
	}
	return proxied, client, nil
}

func (p Proxies) contain(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// overTLS reports whether the header says that the client speaks TLS.
func overTLS(h *proxyproto.Header) bool {
	all, err := h.TLVs()
	if err != nil {
		return false
	}
	ssl, ok := tlvparse.FindSSL(all)
	return ok && ssl.ClientSSL()
}

var errNoAddress = errors.New("no IP address and port")

func addrPort(a net.Addr) (netip.AddrPort, error) {
	if a == nil {
		return netip.AddrPort{}, errNoAddress
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}, errNoAddress
	}
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()), nil
}
