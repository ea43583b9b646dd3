package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
)

// permit opens a path to one of our media addresses. A permission lasts as long as the
// allocation: it leads nowhere that the client couldn't go by itself.
func (a *allocation) permit(peer netip.AddrPort) *turnPermission {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.permissions {
		if p.peer == peer {
			return p
		}
	}
	p := &turnPermission{allocation: a, peer: peer}
	p.route = &route{addr: a.relayed, local: a.client.local, turn: p}
	a.permissions = append(a.permissions, p)
	return p
}

// path finds the path to an address, nil without permission.
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

// bind gives a path a channel. Neither may have another (RFC 8656 §12.2).
func (a *allocation) bind(channel uint16, peer netip.AddrPort) bool {
	p := a.permit(peer)
	if q := a.byChannel(channel); q != nil {
		return q == p
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

// adopt makes what comes through the allocation t's, until t ends.
func (a *allocation) bindTransport(t *Transport) {
	if now := a.transport.Load(); now == nil || now.ended.Load() {
		a.transport.CompareAndSwap(now, t)
	}
}

// addressee is the transport that a payload is meant for: the one that has proved to be
// behind the allocation or, before that, the one that a check names.
func (p *turnPermission) transportFor(e *Engine, payload []byte) *Transport {
	if t := p.allocation.transport.Load(); t != nil && !t.ended.Load() {
		return t
	}
	if c, ok := parseCheck(payload); ok {
		return e.byUfrag(c.ufrag)
	}
	return nil
}

// parseChannelData reads the head of a ChannelData message (RFC 8656 §12.4), which over UDP
// may or may not be padded.
func parseChannelData(b []byte) (channel uint16, payload []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	channel = binary.BigEndian.Uint16(b)
	n := int(binary.BigEndian.Uint16(b[2:]))
	if channel < minChannel || channel > maxChannel || n > len(b)-4 || len(b)-4 > (n+3)&^3 {
		return 0, nil, false
	}
	return channel, b[4 : 4+n], true
}

// trains are where data on its way to TURN clients is wrapped.
var wrapBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<16); return &b }}

// send wraps datagrams for the client. By a channel over UDP a train stays one send.
func (p *turnPermission) send(s socket, data []byte, segment int) (refused int, why Drop) {
	client, channel := p.allocation.client, uint16(p.channel.Load())
	buffer := wrapBuffers.Get().(*[]byte)
	defer wrapBuffers.Put(buffer)
	if channel != 0 && client.tcp == nil {
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
			for len(out)%4 != 0 { // on streams (RFC 8656 §12.5)
				out = append(out, 0)
			}
		} else {
			out = p.appendIndication(out, data[:size])
		}
		if client.tcp == nil {
			refused += s.send(client, out, len(out))
		} else if !client.tcp.queueMessage(out) {
			refused++
		}
	}
	if client.tcp != nil {
		return refused, SlowReader
	}
	return refused, SendRefused
}

func appendChannelData(b []byte, channel uint16, payload []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

// indication wraps a payload for a client that has bound no channel yet.
func (p *turnPermission) appendIndication(b, payload []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, turnData)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, stunMagic)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	b = binary.BigEndian.AppendUint32(b, rand.Uint32())
	b = appendAttribute(b, attrXORPeer, xorAddress(p.peer, b[4:stunHeader]))
	return setSTUNLength(appendAttribute(b, attrData, payload))
}

// maxCredits bounds the sources whose unanswered bytes are remembered.
const maxReplyCredits = 4096

// affords tells whether an answer may go to a source that has shown no credentials: in all
// it gets no more bytes than it sent, so that nobody can be flooded in its name. A client
// whose request is shorter than the answer repeats it, as STUN's clients do anyway.
func (s *shard) mayReply(from netip.AddrPort, came, goes int) bool {
	if len(s.replyCredits) >= maxReplyCredits {
		clear(s.replyCredits)
	}
	credit := min(s.replyCredits[from]+came, 4*maxDatagram)
	if credit < goes {
		s.replyCredits[from] = credit
		return false
	}
	if credit -= goes; credit == 0 {
		delete(s.replyCredits, from)
	} else {
		s.replyCredits[from] = credit
	}
	return true
}

// receiveTURN takes a STUN message that is no check of ours.
func (s *shard) receiveTURN(b []byte, client *route) {
	r := s.engine.turn.serve(b, client)
	switch {
	case r.permission != nil:
		s.receiveRelayed(r.permission, r.payload)
	case r.answer == nil || !r.authentic && !s.mayReply(client.addr, len(b), len(r.answer)):
		s.drops[StunRefused]++
	default:
		s.socket.prepare(client)
		s.drops[SendRefused] += uint64(s.socket.send(client, r.answer, len(r.answer)))
	}
}

// receiveChannelData takes what a client sends by a channel.
func (s *shard) receiveChannelData(b []byte, client *route) {
	channel, payload, ok := parseChannelData(b)
	if !ok {
		s.drops[Malformed]++
		return
	}
	var p *turnPermission
	if a := s.engine.turn.find(client); a != nil {
		p = a.byChannel(channel)
	}
	if p == nil {
		s.drops[UnknownAddress]++
		return
	}
	s.receiveRelayed(p, payload)
}

// receiveRelayed takes what came through an allocation as if it had come by itself.
func (s *shard) receiveRelayed(p *turnPermission, payload []byte) {
	t := p.transportFor(s.engine, payload)
	switch {
	case t == nil:
		s.drops[UnknownAddress]++
	case t.shard.Load() == nil || t.shard.Load() == s:
		s.receiveFor(t, payload, p.route)
	default:
		s.forwardMisrouted(t, payload, p.route)
	}
}
