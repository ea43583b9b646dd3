package sfu

import (
	"net/netip"
	"time"
)

// A socket is one shard's way to the network: one UDP socket for each listen address. wait
// and read belong to the shard's thread; send, prepare and wake may be called by anyone.
type socket interface {
	// wait blocks until something came, wake was called, or d has passed.
	wait(d time.Duration)
	// read gives every datagram that has come to take, without waiting. data is good until
	// take returns; from is unmapped; local is the index of the listen address.
	read(take func(data []byte, from netip.AddrPort, local int))
	// send sends data to a prepared route as datagrams of segment bytes, the last one may be
	// shorter. It doesn't wait and returns how many datagrams the system refused.
	send(to *route, data []byte, segment int) (refused int)
	// prepare fills in what send needs.
	prepare(to *route)
	wake()
	close()
}

// A route is where a transport's packets go: one UDP address, one TCP connection, or a path
// through TURN.
// It isn't changed once in use.
type route struct {
	addr  netip.AddrPort
	local int // index of our listen address
	tcp   *tcpConn
	turn  *turnPermission

	sockaddr    [28]byte // the address as the kernel wants it
	sockaddrLen uint32
}

func (r *route) protocol() string {
	if r.turn != nil {
		return "turn-" + r.turn.allocation.client.protocol()
	}
	if r.tcp != nil {
		return "tcp"
	}
	return "udp"
}

func (r *route) equal(o *route) bool {
	return o != nil && r.addr == o.addr && r.local == o.local && r.tcp == o.tcp && r.turn == o.turn
}

// leadsTo tells whether what came by the route may be t's own. By UDP it was found by its
// address; a connection or an allocation belongs to who has proved to be behind it.
func (r *route) belongsTo(t *Transport) bool {
	switch {
	case r.turn != nil:
		return r.turn.allocation.transport.Load() == t
	case r.tcp != nil:
		return r.tcp.transport.Load() == t
	}
	return true
}

// transmit sends data on the route, whatever it is made of.
func (r *route) send(s socket, data []byte, segment int) (refused int, why Drop) {
	if r.turn != nil {
		return r.turn.send(s, data, segment)
	}
	if r.tcp != nil {
		return r.tcp.send(data, segment), SlowReader
	}
	return s.send(r, data, segment), SendRefused
}

const (
	maxDatagram  = 2048    // bytes of one received datagram; media stays near 1,200
	socketBuffer = 4 << 20 // asked of the kernel, for bursts
)
