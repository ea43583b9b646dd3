package sfu

import (
	"time"
)

// followAfter is the silence of the nominated address after which an authentic check from
// another one is enough: the peer's NAT has moved it, and it has nothing to say.
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
	pwd := session.local.Pwd
	fresh := string(c.ufrag) == session.local.Ufrag
	if !fresh {
		pwd = session.previous.Pwd
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
		t.checked(s, c, fresh, via)
	}
}

// checked notes an authentic check; fresh tells that it was made with the credentials of the
// running ICE session. Until media flow, and once after a restart, a nominating one makes its
// address the target (RFC 8445 §8.1.1). Then a check alone moves nothing, for anyone on the
// way could send it again from elsewhere: the target follows once something sealed with the
// session's keys, and never seen before, has come from there.
func (t *Transport) checked(s *shard, c check, fresh bool, via *route) {
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
	settled := t.flows && t.routed == string(c.ufrag)
	switch {
	case current != nil && current.same(via):
		t.lastConsent = s.now
		if c.nominates && fresh && !settled {
			t.routed = string(c.ufrag)
		}
	case c.nominates && !settled && (fresh || current == nil), current != nil && s.now-t.lastConsent > followAfter:
		t.move(s, via, string(c.ufrag))
	case current != nil:
		t.mayMove(via, string(c.ufrag))
	}
	if !t.shaking {
		t.greet.Store(via)
		t.shaking = true
		t.engine.wg.Add(1)
		go t.shake()
	}
	t.flow(s)
}

// A move is a route that has been checked, and under which ICE session.
type move struct {
	to    *route
	ufrag string
}

// maxMoves bounds the routes that are remembered at once: a browser checks all its pairs in
// turn, and what it chose may be any of them.
const maxMoves = 8

// mayMove remembers that media may go to a route once the peer has proved to be there. The
// session before a restart counts as well: the peer stays on its old path until the new
// one works, which may be much later.
func (t *Transport) mayMove(to *route, ufrag string) {
	for i, m := range t.moves {
		if m.to.same(to) {
			t.moves = append(t.moves[:i], t.moves[i+1:]...)
			break
		}
	}
	if len(t.moves) == maxMoves {
		t.moves = append(t.moves[:0], t.moves[1:]...)
	}
	t.moves = append(t.moves, move{to, ufrag})
}

// move makes a route the target.
func (t *Transport) move(s *shard, to *route, ufrag string) {
	t.lastConsent, t.moves, t.routed = s.now, t.moves[:0], ufrag
	t.route.Store(to)
}

// proved is called when the peer proved to be there while checks come from elsewhere than
// where media go, too.
func (t *Transport) proved(s *shard) {
	for _, m := range t.moves {
		if s.via != nil && m.to.same(s.via) || s.via == nil && m.to.tcp == nil && m.to.turn == nil && m.to.addr == s.lastFrom {
			t.move(s, m.to, m.ufrag)
			return
		}
	}
}
