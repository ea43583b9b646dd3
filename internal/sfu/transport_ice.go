package sfu

import (
	"time"
)

// followAfter is the silence of the nominated address after which an authentic check from
// another one is enough: the peer's NAT has moved it, and it has nothing to say.
const routeSilence = 3 * time.Second

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
	if t == nil || known != nil && t != known || t.ended.Load() {
		s.drops[StunRefused]++
		return
	}
	session := t.ice.Load()
	pwd := session.local.Pwd
	fresh := string(c.ufrag) == session.local.Ufrag
	if !fresh {
		pwd = session.previous.Pwd
	}
	if pwd == "" || !c.verify(pwd) {
		s.drops[StunRefused]++
		return
	}
	if home := t.assignShard(s); home != s {
		s.forwardMisrouted(t, b, via)
		return
	}
	s.addTransport(t)
	reply := s.scratch[:0]
	if c.peerControlled {
		reply = c.appendRoleConflict(reply, pwd)
	} else {
		reply = c.appendSuccess(reply, via.addr, pwd)
	}
	if via.turn == nil {
		s.socket.prepare(via)
	}
	via.send(s.socket, reply, len(reply))
	if !c.peerControlled {
		t.receiveValidCheck(s, c, fresh, via)
	}
}

// checked notes an authentic check; fresh tells that it was made with the credentials of the
// running ICE session. Until media flow, and once after a restart, a nominating one makes its
// address the target (RFC 8445 §8.1.1). Then a check alone moves nothing, for anyone on the
// way could send it again from elsewhere: the target follows once something sealed with the
// session's keys, and never seen before, has come from there.
func (t *Transport) receiveValidCheck(s *shard, c check, fresh bool, via *route) {
	t.lastReceived = s.now
	if via.turn != nil {
		via.turn.allocation.bindTransport(t)
	} else if via.tcp != nil {
		via.tcp.bindTransport(t)
	} else if s.peers[via.addr] != t {
		s.engine.bindAddress(t, via.addr)
		s.setPeer(via.addr, t)
		s.lastPeer = nil
	}
	current := t.route.Load()
	settled := t.mediaReady && t.routeUfrag == string(c.ufrag)
	switch {
	case current != nil && current.equal(via):
		t.lastConsent = s.now
		if c.useCandidate && fresh && !settled {
			t.routeUfrag = string(c.ufrag)
		}
	case c.useCandidate && !settled && (fresh || current == nil), current != nil && s.now-t.lastConsent > routeSilence:
		t.switchRoute(s, via, string(c.ufrag))
	case current != nil:
		t.rememberRoute(via, string(c.ufrag))
	}
	if !t.handshaking {
		t.firstRoute.Store(via)
		t.handshaking = true
		t.engine.wg.Add(1)
		go t.runDTLS()
	}
	t.startMedia(s)
}

// A move is a route that has been checked, and under which ICE session.
type checkedRoute struct {
	route *route
	ufrag string
}

// maxMoves bounds the routes that are remembered at once: a browser checks all its pairs in
// turn, and what it chose may be any of them.
const maxCheckedRoutes = 8

// mayMove remembers that media may go to a route once the peer has proved to be there. The
// session before a restart counts as well: the peer stays on its old path until the new
// one works, which may be much later.
func (t *Transport) rememberRoute(to *route, ufrag string) {
	for i, m := range t.checkedRoutes {
		if m.route.equal(to) {
			t.checkedRoutes = append(t.checkedRoutes[:i], t.checkedRoutes[i+1:]...)
			break
		}
	}
	if len(t.checkedRoutes) == maxCheckedRoutes {
		t.checkedRoutes = append(t.checkedRoutes[:0], t.checkedRoutes[1:]...)
	}
	t.checkedRoutes = append(t.checkedRoutes, checkedRoute{to, ufrag})
}

// move makes a route the target.
func (t *Transport) switchRoute(s *shard, to *route, ufrag string) {
	t.lastConsent, t.checkedRoutes, t.routeUfrag = s.now, t.checkedRoutes[:0], ufrag
	t.route.Store(to)
}

// proved is called when the peer proved to be there while checks come from elsewhere than
// where media go, too.
func (t *Transport) switchIfProved(s *shard) {
	for _, m := range t.checkedRoutes {
		if s.currentRoute != nil && m.route.equal(s.currentRoute) || s.currentRoute == nil && m.route.tcp == nil && m.route.turn == nil && m.route.addr == s.lastFrom {
			t.switchRoute(s, m.route, m.ufrag)
			return
		}
	}
}
