package sfu

import (
	"cmp"
	"time"

	"rostrum/internal/sdp"
)

// maxUnprovedBytes is what is sent to a viewer at most before its certificate is verified: the
// stored keyframe group, and what follows in a round trip.
const maxUnprovedBytes = 512 << 10

// setKeys stores the keys of a completed handshake, and selects the route on which it completed.
func (t *Transport) setKeys(s *shard, k srtpKeys) {
	t.storeKeys(k)
	t.selectProvedRoute(s)
	t.startMedia(s)
}

// setEarlyKeys stores keys that only the peer can have, although its certificate was not
// verified yet. Media starts on the nominated route or, before, on that of the ClientHello.
func (t *Transport) setEarlyKeys(s *shard, k srtpKeys) {
	if t.route.Load() == nil {
		if r := cmp.Or(t.dtlsConn.from.Load(), t.firstRoute.Load()); r != nil {
			t.switchRoute(s, r)
		}
	}
	t.storeKeys(k)
	t.unproved = true
	t.startMedia(s)
}

// confirmKeys is called when the handshake is complete, after setEarlyKeys.
func (t *Transport) confirmKeys(s *shard) {
	t.unproved = false
	t.selectProvedRoute(s)
	if !t.mediaReady {
		t.startMedia(s)
		return
	}
	t.markConnected()
	t.receiveEarly(s)
}

func (t *Transport) storeKeys(k srtpKeys) {
	t.encrypter, t.decrypter = k.encrypter, k.decrypter
	t.mu.Lock()
	defer t.mu.Unlock()
	t.profile = k.profile
}

// startMedia lets media flow once there are keys and a route.
func (t *Transport) startMedia(s *shard) {
	if t.mediaReady || t.encrypter == nil || t.route.Load() == nil || t.ended.Load() {
		return
	}
	t.mediaReady, t.lastReceived, t.lastConsent = true, s.now, s.now
	if !t.unproved {
		t.markConnected()
	}
	t.owner.connected(s)
	if !t.unproved {
		t.receiveEarly(s)
	}
}

// markConnected reports that the handshake is complete and media may flow.
func (t *Transport) markConnected() {
	t.mu.Lock()
	t.connected, t.remoteCandidates = true, sdp.RemoteCandidates{}
	if t.connectTimer != nil {
		t.connectTimer.Stop()
	}
	wasHalfOpen, profile := t.halfOpen, t.profile
	t.halfOpen = false
	t.mu.Unlock()
	if wasHalfOpen {
		t.core.halfOpen.Add(-1)
	}
	t.emit(Connected{Protocol: t.route.Load().protocol(), Profile: profile, After: time.Since(t.createdAt)})
}
