package sfu

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// turnClient identifies an allocation by its client (the 5-tuple of RFC 8656).
type turnClient struct {
	addr   netip.AddrPort
	local  int
	tunnel tunnel
}

func clientOf(r *route) turnClient { return turnClient{r.addr, r.local, r.tunnel} }

// allocation is one client's use of a relayed address.
type allocation struct {
	client      *route
	tcp         *tcpConn // of the client, nil over UDP
	user, key   string
	transaction [12]byte // of the request that made it, which may be retransmitted
	relayed     netip.AddrPort
	expires     atomic.Int64 // engine time in ns
	transport   atomic.Pointer[Transport]

	mu          sync.RWMutex      // guards what follows
	permissions []*turnPermission // at most one for each media address
}

func (a *allocation) expired(now time.Duration) bool { return int64(now) > a.expires.Load() }

// permit returns the permission for one of the media addresses, and makes it if necessary. A
// permission lasts as long as the allocation, because the client can reach the address anyway.
func (a *allocation) permit(peer netip.AddrPort) *turnPermission {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.permissions {
		if p.peer == peer {
			return p
		}
	}
	p := &turnPermission{allocation: a, peer: peer}
	p.route = &route{addr: a.relayed, local: a.client.local, tunnel: p}
	a.permissions = append(a.permissions, p)
	return p
}

// permission returns the permission for an address, nil without one.
func (a *allocation) permission(peer netip.AddrPort) *turnPermission {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, p := range a.permissions {
		if p.peer == peer {
			return p
		}
	}
	return nil
}

// bindChannel binds a channel to a peer. Neither may be bound to another (RFC 8656 §12.2).
func (a *allocation) bindChannel(channel uint16, peer netip.AddrPort) bool {
	p := a.permit(peer)
	if bound := a.byChannel(channel); bound != nil {
		return bound == p
	}
	return p.channel.CompareAndSwap(0, uint32(channel))
}

func (a *allocation) byChannel(channel uint16) *turnPermission {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, p := range a.permissions {
		if p.channel.Load() == uint32(channel) {
			return p
		}
	}
	return nil
}

// turnPermission is an allocation's permission to send to one of the media addresses, and the
// channel for it, if there is one. It is the tunnel of the transports behind it.
type turnPermission struct {
	allocation *allocation
	peer       netip.AddrPort
	channel    atomic.Uint32 // 0 for none
	route      *route        // on which a transport answers
}

func (p *turnPermission) protocol() string { return "turn-" + p.allocation.client.protocol() }

func (p *turnPermission) boundTo(t *Transport) bool { return p.allocation.transport.Load() == t }

// bind binds the allocation to t until t ends.
func (p *turnPermission) bind(t *Transport) {
	a := p.allocation
	if now := a.transport.Load(); now == nil || now.ended.Load() {
		a.transport.CompareAndSwap(now, t)
	}
}

// transportFor returns the transport that a payload is for: the one that was verified behind
// the allocation or, before that, the one that a check names.
func (p *turnPermission) transportFor(index *transportIndex, payload []byte) *Transport {
	if t := p.allocation.transport.Load(); t != nil && !t.ended.Load() {
		return t
	}
	if c, ok := parseCheck(payload); ok {
		return index.byUfrag(c.ufrag)
	}
	return nil
}

// wrapBuffers are the buffers in which data for TURN clients is wrapped.
var wrapBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<16); return &b }}

// send wraps datagrams for the client. Over a UDP channel a GSO batch stays one.
func (p *turnPermission) send(s socket, data []byte, segment int) (refused int, why Drop) {
	client, tcp, channel := p.allocation.client, p.allocation.tcp, uint16(p.channel.Load())
	buffer := wrapBuffers.Get().(*[]byte)
	defer wrapBuffers.Put(buffer)
	if channel != 0 && tcp == nil {
		out := (*buffer)[:0]
		for size := segment; len(data) > 0; data = data[size:] {
			size = min(segment, len(data))
			out = appendChannelData(out, channel, data[:size])
		}
		return s.send(client, out, segment+4), SendRefused
	}
	for size := segment; len(data) > 0; data = data[size:] {
		size = min(segment, len(data))
		out := (*buffer)[:0]
		if channel != 0 {
			out = appendChannelData(out, channel, data[:size])
			for len(out)%4 != 0 { // over TCP (RFC 8656 §12.5)
				out = append(out, 0)
			}
		} else {
			out = appendDataIndication(out, p.peer, data[:size])
		}
		if tcp == nil {
			refused += s.send(client, out, len(out))
		} else if !tcp.queueMessage(out) {
			refused++
		}
	}
	if tcp != nil {
		return refused, SlowReader
	}
	return refused, SendRefused
}
