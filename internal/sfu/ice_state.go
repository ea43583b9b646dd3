package sfu

import (
	"crypto/rand"
	"slices"
	"sync/atomic"
	"time"

	"rostrum/internal/sdp"
)

// maxCheckedRoutes bounds the routes that are kept at once. A browser checks all its candidate
// pairs in turn, and may choose any of them.
const maxCheckedRoutes = 8

// iceState is the ICE state of a transport. The atomic fields are read by other goroutines.
type iceState struct {
	ice        atomic.Pointer[iceSession]
	route      atomic.Pointer[route] // nominated by the peer, or on which DTLS completed; nil before
	firstRoute atomic.Pointer[route] // of the first valid check

	checkedRoutes []checkedRoute // other routes with valid checks, the latest last
	settledUfrag  string         // the ICE session whose nomination counts no more
	lastConsent   time.Duration
}

// iceSession holds the credentials of the current ICE session and, during a restart, of the
// previous one (RFC 8445 §9).
type iceSession struct {
	local, previous sdp.Credentials
	peerUfrag       string
}

// checkedRoute is a route with a valid check, and the ICE session of the check.
type checkedRoute struct {
	route *route
	ufrag string
}

func newCredentials() sdp.Credentials {
	return sdp.Credentials{Ufrag: randomText(8), Pwd: randomText(24)}
}

// randomText returns n characters that are allowed in ICE credentials.
func randomText(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// rememberRoute stores a route to which media may switch once the peer has proved to be there.
// Checks of the previous session count as well: a peer stays on its old route until the new
// one works, which may be much later.
func (s *iceState) rememberRoute(to *route, ufrag string) {
	s.forgetRoute(to)
	if len(s.checkedRoutes) == maxCheckedRoutes {
		s.checkedRoutes = append(s.checkedRoutes[:0], s.checkedRoutes[1:]...)
	}
	s.checkedRoutes = append(s.checkedRoutes, checkedRoute{to, ufrag})
}

func (s *iceState) forgetRoute(r *route) {
	s.checkedRoutes = slices.DeleteFunc(s.checkedRoutes, func(c checkedRoute) bool { return c.route.equal(r) })
}
