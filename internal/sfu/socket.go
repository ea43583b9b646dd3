package sfu

import (
	"net/netip"
	"time"
)

// socket is the network access of one shard: one UDP socket for each listen address. wait and
// read are called by the shard's thread only; send, prepare and wake by any goroutine.
type socket interface {
	// wait blocks until a datagram arrives, wake is called, or d has passed.
	wait(d time.Duration)
	// read passes every datagram that has arrived to handle, without waiting. data is valid
	// until handle returns; from is unmapped; local is the index of the listen address.
	read(handle func(data []byte, from netip.AddrPort, local int))
	// send sends data to a prepared route as datagrams of segment bytes; the last one may be
	// shorter. It does not wait, and returns how many datagrams the system refused.
	send(to *route, data []byte, segment int) (refused int)
	// prepare stores in a route what send needs.
	prepare(to *route)
	wake()
	close()
}

const (
	maxDatagram  = 2048    // bytes of one received datagram; media packets have about 1,200
	socketBuffer = 4 << 20 // bytes requested from the kernel, for bursts
)
