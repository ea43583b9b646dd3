package sfu

import "net/netip"

// route is where a transport's packets are sent: a UDP address, or a tunnel. It does not
// change once it is in use.
type route struct {
	addr   netip.AddrPort
	local  int    // index of the listen address
	tunnel tunnel // nil for plain UDP

	sockaddr    [28]byte // addr as the kernel takes it
	sockaddrLen uint32
}

// tunnel is a route other than plain UDP: a TCP connection or a TURN permission.
type tunnel interface {
	protocol() string
	// send sends data as datagrams of segment bytes; the last one may be shorter. It returns
	// how many were refused, and why.
	send(s socket, data []byte, segment int) (refused int, why Drop)
	// bind records that a transport was verified behind the tunnel.
	bind(t *Transport)
	// boundTo reports whether t was verified behind the tunnel.
	boundTo(t *Transport) bool
}

func (r *route) protocol() string {
	if r.tunnel != nil {
		return r.tunnel.protocol()
	}
	return "udp"
}

func (r *route) equal(o *route) bool {
	return o != nil && r.addr == o.addr && r.local == o.local && r.tunnel == o.tunnel
}

// belongsTo reports whether packets from the route may be t's. By UDP, t was found by the
// address of the packet.
func (r *route) belongsTo(t *Transport) bool {
	return r.tunnel == nil || r.tunnel.boundTo(t)
}

// send sends data as datagrams of segment bytes; the last one may be shorter.
func (r *route) send(s socket, data []byte, segment int) (refused int, why Drop) {
	if r.tunnel != nil {
		return r.tunnel.send(s, data, segment)
	}
	return s.send(r, data, segment), SendRefused
}
