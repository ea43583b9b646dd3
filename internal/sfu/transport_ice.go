package sfu

import (
	"time"
)

// followAfter is the silence of the nominated address after which an authentic check from
// another one is followed even without nomination: the peer's NAT has moved it.
const followAfter = int64(3 * time.Second)

// receiveCheck takes an ICE connectivity check. known is set when the datagram was already
// brought to its transport's shard.
func (s *shard) receiveCheck(b []byte, via *route, known *Transport) {
	c, ok := parseCheck(b)
	if !ok && known == nil && via.tcp == nil {
		s.receiveTURN(b, via)
		return
	}
	if !ok {
		s.drops[StunRefused]++
		return
	}
	t := s.engine.byUfrag(c.ufrag)
	if t == nil || known != nil && t != known || t.over.Load() {
		s.drops[StunRefused]++
		return
	}
	session := t.ice.Load()
	pwd := session.local.pwd
	fresh := string(c.ufrag) == session.local.ufrag
	if !fresh {
		pwd = session.previous.pwd
	}
	if pwd == "" || !c.verify(pwd) {
		s.drops[StunRefused]++
		return
	}
	if home := t.settle(s); home != s {
		s.stray(t, b, via)
		return
	}
	s.adopt(t)
	reply := s.scratch[:0]
	if c.controlled {
		reply = c.conflict(reply, pwd)
	} else {
		reply = c.respond(reply, via.addr, pwd)
	}
	if via.turn == nil {
		s.socket.prepare(via)
	}
	via.transmit(s.socket, reply, len(reply))
	if !c.controlled {
		t.checked(s, c.nominates && (fresh || t.route.Load() == nil), via)
	}
}

// checked notes an authentic check. Only a nominating one makes its address the target,
// or any when the target fell silent (RFC 8445 §8.1.1).
func (t *Transport) checked(s *shard, nominates bool, via *route) {
	t.lastHeard = s.now
	if via.turn != nil {
		via.turn.allocation.adopt(t)
	} else if via.tcp != nil {
		via.tcp.adopt(t)
	} else if s.peers[via.addr] != t {
		s.engine.claim(t, via.addr)
		s.peers[via.addr] = t
		s.lastPeer = nil
	}
	current := t.route.Load()
	switch {
	case current != nil && current.same(via):
		t.lastConsent = s.now
	case nominates || current != nil && s.now-t.lastConsent > followAfter:
		t.lastConsent = s.now
		t.route.Store(via)
	}
	if !t.shaking {
		t.greet.Store(via)
		t.shaking = true
		t.engine.wg.Add(1)
		go t.shake()
	}
	t.flow(s)
}
