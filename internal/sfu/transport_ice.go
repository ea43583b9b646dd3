package sfu

import (
	"cmp"
	"strings"
	"time"

	"rostrum/internal/sdp"
)

const (
	// consentTTL is how long media is sent without a new check from the peer (RFC 7675 §5.1).
	consentTTL = 30 * time.Second

	// routeSilence is the silence of the nominated route after which an authentic check from
	// another address is enough to switch: a NAT has changed the address of a peer that sends
	// nothing.
	routeSilence = 3 * time.Second
)

// verify verifies a check and returns the password to answer with. current reports that the
// check has the credentials of the current ICE session.
func (t *Transport) verify(c *check) (pwd string, current, ok bool) {
	session := t.ice.Load()
	pwd, current = session.local.Pwd, string(c.ufrag) == session.local.Ufrag
	if !current {
		pwd = session.previous.Pwd
	}
	return pwd, current, pwd != "" && c.verify(pwd)
}

// receiveValidCheck handles a valid check. Until media flows, and once in each ICE session, a
// check with USE-CANDIDATE selects its route (RFC 8445 §8.1.1). Later a check alone does not
// change the route, because anyone on the network path could replay it from elsewhere. The
// route switches once a packet that is encrypted with the session's keys, and was never
// received before, arrives on the other route. That also undoes a replayed nomination.
func (t *Transport) receiveValidCheck(s *shard, c *check, currentSession bool, via *route) {
	t.lastReceived = s.now
	if via.tunnel != nil {
		via.tunnel.bind(t)
	} else {
		s.bindAddress(t, via.addr)
	}
	route, ufrag := t.route.Load(), string(c.ufrag)
	settled := t.mediaReady && t.settledUfrag == ufrag
	switch {
	case route != nil && route.equal(via):
		t.lastConsent = s.now
		if c.useCandidate && currentSession {
			t.settledUfrag = ufrag
		}
	case c.useCandidate && !settled && (currentSession || route == nil), route != nil && s.now-t.lastConsent > routeSilence:
		t.switchRoute(s, via)
		if currentSession {
			t.settledUfrag = ufrag
		}
	default:
		t.rememberRoute(via, ufrag)
	}
	if t.firstRoute.CompareAndSwap(nil, via) {
		t.core.wg.Add(1)
		go t.runDTLS()
	}
	t.sendHello(s, via)
	t.startMedia(s)
}

// switchRoute selects a route. An authentic packet on the one before still switches back.
func (t *Transport) switchRoute(s *shard, to *route) {
	t.forgetRoute(to)
	if old := t.route.Load(); old != nil {
		t.rememberRoute(old, "")
	}
	t.lastConsent = s.now
	t.route.Store(to)
}

// selectProvedRoute selects the route on which the handshake completed: nobody but the peer
// can have sent its last message. One nomination may follow, of the pair that the peer
// prefers, unless this route was nominated before.
func (t *Transport) selectProvedRoute(s *shard) {
	proved, current := t.dtlsConn.proved.Load(), t.route.Load()
	if current == nil {
		proved = cmp.Or(proved, t.firstRoute.Load())
	}
	if proved != nil && !proved.equal(current) {
		t.switchRoute(s, proved)
		t.settledUfrag = ""
	}
}

// arrivalRoute returns the checked route on which the current datagram arrived, nil if it is
// not known.
func (t *Transport) arrivalRoute(s *shard) *route {
	if r := t.route.Load(); r != nil && s.arrivedOn(r) {
		return r
	}
	for _, checked := range t.checkedRoutes {
		if s.arrivedOn(checked.route) {
			return checked.route
		}
	}
	return nil
}

// switchIfProved switches to the route on which an authentic packet has just arrived, if it
// has a valid check.
func (t *Transport) switchIfProved(s *shard) {
	for _, checked := range t.checkedRoutes {
		if s.arrivedOn(checked.route) {
			t.switchRoute(s, checked.route)
			if checked.ufrag == t.ice.Load().local.Ufrag {
				t.settledUfrag = checked.ufrag
			}
			return
		}
	}
}

// receiveEmbedded handles the DTLS in a valid check. It returns what the response carries, and
// whether the check's datagram is to be delivered.
func (t *Transport) receiveEmbedded(c *check, currentSession bool) (response embeddedDTLS, deliver bool) {
	complete := t.keyed.Load()
	if currentSession && (complete || t.dtlsConn.waiting() < dtlsQueueSize) {
		deliver = t.embed.receive(&c.dtls) && !complete
	}
	return t.embed.respond(&c.dtls, complete), deliver
}

// sendRoute returns the route to send on, nil without the peer's consent.
func (t *Transport) sendRoute(s *shard) *route {
	r := t.route.Load()
	if r == nil || t.encrypter == nil || s.now-t.lastConsent > consentTTL || t.unproved && t.bytesOut >= maxUnprovedBytes {
		s.drops[NoConsent]++
		return nil
	}
	return r
}

// etag identifies the current ICE session in conditional requests (RFC 9725 §4.3.1).
func (t *Transport) etag() string { return `"` + t.ice.Load().local.Ufrag + `"` }

// patch applies a fragment. Candidates are only counted and logged. New credentials restart
// ICE, if that is allowed; the answering fragment is returned.
func (t *Transport) patch(text string, mayRestart bool) (string, error) {
	f, err := sdp.ParseFragment(text)
	if err != nil {
		return "", err
	}
	session, restart, err := t.addFragment(f, mayRestart)
	if err != nil || !restart {
		return "", err
	}
	// A client that asks for another route is present, although nothing arrives on the old one.
	t.runOnShard(func(s *shard) { t.lastReceived = s.now })
	return sdp.FormatFragment(t.mids, session.local, t.core.candidates), nil
}

// addFragment counts the candidates of a fragment, and starts the ICE session that it asks for.
func (t *Transport) addFragment(f sdp.Fragment, mayRestart bool) (next *iceSession, restart bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended.Load() {
		return nil, false, ErrClosed
	}
	t.trickled += f.Candidates
	if !t.connected {
		t.remoteCandidates.Merge(f.Remote)
	}
	if t.trickled > sdp.MaxCandidates*4 {
		return nil, false, sdp.Errorf(sdp.FaultTooLarge, "more than %d candidates came for one session", sdp.MaxCandidates*4)
	}
	session := t.ice.Load()
	if f.ICE.Ufrag == "" || f.ICE.Ufrag == session.peerUfrag || f.ICE.Pwd == "" {
		return nil, false, nil
	}
	if !mayRestart {
		return nil, false, ErrRestart
	}
	next = &iceSession{local: newCredentials(), previous: session.local, peerUfrag: strings.Clone(f.ICE.Ufrag)}
	if err := t.core.index.addUfrag(t, next.local.Ufrag); err != nil {
		return nil, false, err
	}
	t.core.index.removeUfrag(t, session.previous.Ufrag)
	t.ice.Store(next)
	if t.ended.Load() { // it ended meanwhile, and removed only the fragments before
		t.core.index.removeUfrag(t, next.local.Ufrag)
	}
	return next, true, nil
}

// restartAnswer returns the fragment that answered the latest ICE restart, "" if there was none.
func (t *Transport) restartAnswer() string {
	session := t.ice.Load()
	if session.previous.Ufrag == "" {
		return ""
	}
	return sdp.FormatFragment(t.mids, session.local, t.core.candidates)
}
