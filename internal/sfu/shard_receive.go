package sfu

import "net/netip"

// maxReplyCredits bounds the addresses in shardPeers.replyCredits.
const maxReplyCredits = 4096

// receive classifies one datagram (RFC 7983 §7).
func (s *shard) receive(b []byte, from netip.AddrPort, local int) {
	if len(b) == 0 || len(b) > maxDatagram {
		s.drops[Malformed]++
		return
	}
	if b[0] < 4 {
		s.receiveSTUN(b, &route{addr: from, local: local}, nil)
		return
	}
	if b[0] >= 64 && b[0] < 80 {
		s.receiveChannelData(b, &route{addr: from, local: local})
		return
	}
	t := s.peer(from)
	switch {
	case t == nil:
		s.drops[UnknownAddress]++
	case t.shard.Load() != s:
		s.forwardMisrouted(t, b, &route{addr: from, local: local})
	default:
		t.receive(s, b)
	}
}

// peer returns the transport that sends from an address, which may be on another shard.
func (s *shard) peer(from netip.AddrPort) *Transport {
	if from == s.lastFrom && s.lastPeer != nil {
		return s.lastPeer
	}
	t := s.peers[from]
	if t == nil {
		if t = s.core.index.byAddress(from); t == nil {
			return nil
		}
		if t.shard.Load() == s {
			s.setPeer(from, t)
		}
	}
	s.lastFrom, s.lastPeer = from, t
	return t
}

// receiveSTUN handles a STUN message. known is the transport, if the datagram was already
// passed to its shard.
func (s *shard) receiveSTUN(b []byte, via *route, known *Transport) {
	c, ok := parseCheck(b)
	if !ok && known == nil && via.tunnel == nil {
		s.receiveTURN(b, via)
		return
	}
	if !ok {
		s.drops[StunRefused]++
		return
	}
	t := s.core.index.byUfrag(c.ufrag)
	if t == nil || known != nil && t != known || t.ended.Load() {
		s.drops[StunRefused]++
		return
	}
	pwd, current, ok := t.verify(&c)
	if !ok {
		s.drops[StunRefused]++
		return
	}
	if owner := t.assignShard(s); owner != s {
		s.forwardMisrouted(t, b, via)
		return
	}
	s.addTransport(t)
	reply, deliver := s.scratch[:0], false
	if c.peerControlled {
		reply = c.appendRoleConflict(reply, pwd)
	} else {
		dtls, fresh := t.receiveEmbedded(&c, current)
		reply, deliver = c.appendSuccess(reply, via.addr, pwd, dtls), fresh
	}
	if via.tunnel == nil {
		s.socket.prepare(via)
	}
	via.send(s.socket, reply, len(reply))
	if !c.peerControlled {
		t.receiveValidCheck(s, &c, current, via)
	}
	if deliver {
		t.dtlsConn.deliverChecked(c.dtls.data, via)
	}
}

// forwardMisrouted passes a datagram to the shard of its transport. The kernel chooses another
// socket after a NAT rebinding, or for a peer with several addresses.
func (s *shard) forwardMisrouted(t *Transport, b []byte, via *route) {
	owner, data := t.shard.Load(), append([]byte(nil), b...)
	if !owner.tasks.pushMisrouted(func() { owner.receiveFor(t, data, via) }) {
		s.drops[ShardBehind]++
		return
	}
	owner.wake()
}

// receiveFor is receive for a datagram whose transport is known, on that transport's shard.
func (s *shard) receiveFor(t *Transport, b []byte, via *route) {
	if len(b) > 0 && b[0] < 4 {
		s.receiveSTUN(b, via, t)
	} else if len(b) > 0 && via.belongsTo(t) {
		s.currentRoute = via
		t.receive(s, b)
		s.currentRoute = nil
	}
}

// arrivedOn reports whether the current datagram arrived on a route.
func (s *shard) arrivedOn(r *route) bool {
	if s.currentRoute != nil {
		return r.equal(s.currentRoute)
	}
	return r.tunnel == nil && r.addr == s.lastFrom
}

// mayReply reports whether a response may be sent to an address that has shown no
// credentials. In total it is sent no more bytes than arrived from it, so that nobody can be
// flooded by means of a forged address. A client whose request is shorter than the response
// retransmits it, as STUN clients do.
func (s *shard) mayReply(to netip.AddrPort, received, response int) bool {
	if len(s.replyCredits) >= maxReplyCredits {
		clear(s.replyCredits)
	}
	credit := min(s.replyCredits[to]+received, 4*maxDatagram)
	if credit < response {
		s.replyCredits[to] = credit
		return false
	}
	if credit -= response; credit == 0 {
		delete(s.replyCredits, to)
	} else {
		s.replyCredits[to] = credit
	}
	return true
}

// receiveTURN handles a STUN message that is no connectivity check.
func (s *shard) receiveTURN(b []byte, client *route) {
	out := s.turn.serve(b, client)
	switch {
	case out.permission != nil:
		s.receiveRelayed(out.permission, out.payload)
	case out.response == nil || !out.authentic && !s.mayReply(client.addr, len(b), len(out.response)):
		s.drops[StunRefused]++
	default:
		s.socket.prepare(client)
		s.drops[SendRefused] += uint64(s.socket.send(client, out.response, len(out.response)))
	}
}

// receiveChannelData handles what a TURN client sends through a channel.
func (s *shard) receiveChannelData(b []byte, client *route) {
	channel, payload, ok := parseChannelData(b)
	if !ok {
		s.drops[Malformed]++
		return
	}
	var p *turnPermission
	if a := s.turn.find(client); a != nil {
		p = a.byChannel(channel)
	}
	if p == nil {
		s.drops[UnknownAddress]++
		return
	}
	s.receiveRelayed(p, payload)
}

// receiveRelayed handles a payload from a TURN client as if it had been received directly.
func (s *shard) receiveRelayed(p *turnPermission, payload []byte) {
	t := p.transportFor(&s.core.index, payload)
	if t == nil {
		s.drops[UnknownAddress]++
		return
	}
	if owner := t.shard.Load(); owner == nil || owner == s {
		s.receiveFor(t, payload, p.route)
	} else {
		s.forwardMisrouted(t, payload, p.route)
	}
}
