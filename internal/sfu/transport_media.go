package sfu

import (
	"time"

	"github.com/pion/srtp/v3"

	"rostrum/internal/sdp"
)

// setKeys stores the keys of a completed handshake, and selects the route on which it completed.
func (t *Transport) setKeys(s *shard, encrypter *srtpEncrypter, decrypter *srtp.Context, profile string) {
	t.encrypter, t.decrypter = encrypter, decrypter
	t.mu.Lock()
	t.profile = profile
	t.mu.Unlock()
	t.selectProvedRoute(s)
	t.startMedia(s)
}

// startMedia lets media flow once there are keys.
func (t *Transport) startMedia(s *shard) {
	r := t.route.Load()
	if t.mediaReady || t.encrypter == nil || r == nil || t.ended.Load() {
		return
	}
	t.mediaReady, t.lastReceived, t.lastConsent = true, s.now, s.now
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
	t.emit(Connected{Protocol: r.protocol(), Profile: profile, After: time.Since(t.createdAt)})
	t.owner.connected(s)
	t.receiveEarly(s)
}
