package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	turnSweepInterval  = 5 * time.Second
	maxAllocations     = 20_000
	maxUserAllocations = 400 // a participant may receive a hundred others, each with several candidate pairs
)

// turnServer is a TURN server (RFC 8656) on the media port, for peers that can reach nothing
// else. It relays only to the media port itself, so that nothing is actually relayed: a
// relayed address is a name for a client, and what the client sends to it is passed to the
// transport that it is for. The server opens no sockets and reaches no other address.
type turnServer struct {
	turnCredentials
	mediaAddrs []netip.AddrPort // of this engine

	mu          sync.Mutex // guards what follows
	allocations map[turnClient]*allocation
	users       map[string]int // number of allocations
	port        uint16         // of the latest relayed address
}

func newTURN(c *core, listen, advertise []netip.Addr) *turnServer {
	v := &turnServer{allocations: map[turnClient]*allocation{}, users: map[string]int{}}
	v.core = c
	_, _ = rand.Read(v.secret[:]) // never fails (crypto/rand)
	key := v.secret[:]
	v.key.Store(&key)
	for _, a := range slices.Concat(advertise, listen) {
		if at := netip.AddrPortFrom(a.Unmap(), c.port); !slices.Contains(v.mediaAddrs, at) {
			v.mediaAddrs = append(v.mediaAddrs, at)
		}
	}
	return v
}

// turnOutcome is the result of a message: a response, or a payload from a permission.
type turnOutcome struct {
	response   []byte
	authentic  bool // the client has shown credentials
	permission *turnPermission
	payload    []byte
}

// serve handles a message that is no connectivity check. It may be called from any goroutine.
func (v *turnServer) serve(b []byte, client *route) (out turnOutcome) {
	r, ok := parseTURN(b)
	if !ok {
		return out
	}
	switch r.kind {
	case stunBindingRequest:
		if r.username == nil && r.integrityOffset == 0 { // a client that asks for its address (RFC 8489 §7.3)
			out.response = setSTUNLength(appendAttribute(r.reply(nil, classSuccess), attrXORMapped, xorAddress(client.addr, b[4:stunHeader])))
		}
	case turnSend:
		if a := v.find(client); a != nil && len(r.peers) == 1 {
			out.permission, out.payload = a.permission(r.peers[0]), r.data
		}
	case turnAllocate, turnRefresh, turnCreatePermission, turnChannelBind, turnConnect:
		out.response, out.authentic = v.answer(&r, client)
	}
	return out
}

func (v *turnServer) answer(r *turnRequest, client *route) (response []byte, authentic bool) {
	user, key, code := v.authenticate(r, client)
	if code != 0 {
		return v.rejectUnauthenticated(r, client, code), false
	}
	if r.unknown != 0 {
		response = appendAttribute(r.appendError(420), attrUnknown, binary.BigEndian.AppendUint16(nil, r.unknown))
	} else {
		response = v.handle(r, client, user, key)
	}
	return finishSTUN(response, 0, key), true
}

func (v *turnServer) rejectUnauthenticated(r *turnRequest, client *route, code int) []byte {
	out := r.appendError(code)
	if code != 400 {
		out = appendAttribute(out, attrRealm, []byte(turnRealm))
		out = appendAttribute(out, attrNonce, []byte(v.nonce(client.addr.Addr(), v.minute())))
	}
	return setSTUNLength(out)
}

// authenticate returns who sent a request, or the error code of the response (RFC 8489
// §9.2.4). The owner of an allocation is known by its key, even after the credentials expired.
func (v *turnServer) authenticate(r *turnRequest, client *route) (user, key string, code int) {
	switch {
	case r.integrityOffset == 0:
		return "", "", 401
	case r.username == nil || r.realm == nil || r.nonce == nil:
		return "", "", 400
	case !v.fresh(r.nonce, client.addr.Addr()):
		return "", "", 438
	}
	name := string(r.username)
	until, user, found := strings.Cut(name, ":")
	expires, err := strconv.ParseInt(until, 10, 64)
	key = longTermKey(name, v.password(name))
	if !found || err != nil || user == "" || string(r.realm) != turnRealm || !r.verify(key) {
		return "", "", 401
	}
	if time.Now().Unix() > expires {
		if a := v.find(client); a == nil || a.key != key || r.kind == turnAllocate {
			return "", "", 401
		}
	}
	return user, key, 0
}

// handle performs an authentic request and returns the response without integrity.
func (v *turnServer) handle(r *turnRequest, client *route, user, key string) []byte {
	if r.kind == turnAllocate {
		return v.allocate(r, client, user, key)
	}
	a := v.find(client)
	switch {
	case r.kind == turnConnect:
		return r.appendError(403)
	case a == nil:
		return r.appendError(437)
	case a.user != user:
		return r.appendError(441)
	case r.kind == turnRefresh:
		return v.refresh(r, a)
	case r.kind == turnCreatePermission:
		return v.createPermissions(r, a)
	}
	switch {
	case len(r.peers) != 1 || r.channel < minChannel || r.channel > maxChannel:
		return r.appendError(400)
	case !v.permits(r.peers[0], false):
		return r.appendError(403)
	case !a.bindChannel(r.channel, r.peers[0]):
		return r.appendError(400)
	}
	return r.reply(nil, classSuccess)
}

func (v *turnServer) createPermissions(r *turnRequest, a *allocation) []byte {
	if len(r.peers) == 0 {
		return r.appendError(400)
	}
	for _, p := range r.peers {
		if !v.permits(p, true) {
			return r.appendError(403)
		}
	}
	for _, p := range r.peers {
		a.permit(netip.AddrPortFrom(p.Addr(), v.core.port))
	}
	return r.reply(nil, classSuccess)
}

// permits reports whether an address is one of the media addresses. A permission is for an
// address, and its port is ignored (RFC 8656 §9.1): port 0 stands for any.
func (v *turnServer) permits(peer netip.AddrPort, anyPort bool) bool {
	if anyPort && peer.Port() == 0 {
		peer = netip.AddrPortFrom(peer.Addr(), v.core.port)
	}
	return slices.Contains(v.mediaAddrs, peer)
}

// relayedAddr returns the address for an allocation of a family (RFC 8656 §7.2).
func (v *turnServer) relayedAddr(family byte) (relayed netip.Addr) {
	for _, at := range v.mediaAddrs {
		if at.Addr().Is4() && family <= 1 || at.Addr().Is6() && family == 2 {
			return at.Addr()
		}
	}
	if family == 0 && len(v.mediaAddrs) > 0 {
		return v.mediaAddrs[0].Addr() // a server without IPv4
	}
	return netip.Addr{}
}

func (v *turnServer) allocate(r *turnRequest, client *route, user, key string) []byte {
	relayed := v.relayedAddr(r.family)
	v.mu.Lock()
	defer v.mu.Unlock()
	transaction := [12]byte(r.message[8:stunHeader])
	a := v.allocations[clientOf(client)]
	switch {
	case a != nil && a.transaction == transaction && a.user == user: // the response was lost
	case a != nil:
		return r.appendError(437)
	case r.traffic != 17: // UDP
		return r.appendError(442)
	case !relayed.IsValid():
		return r.appendError(440)
	case v.users[user] >= maxUserAllocations:
		return r.appendError(486)
	case len(v.allocations) >= maxAllocations:
		return r.appendError(508)
	}
	if a == nil {
		// No socket has the port: it only tells clients apart.
		v.port = max(v.port+1, 1024)
		a = &allocation{client: client, user: user, key: key, transaction: transaction, relayed: netip.AddrPortFrom(relayed, v.port)}
		a.tcp, _ = client.tunnel.(*tcpConn)
		v.allocations[clientOf(client)] = a
		v.users[user]++
	}
	life := r.grantedLifetime()
	a.expires.Store(int64(v.core.now() + life))
	out := r.reply(nil, classSuccess)
	out = appendAttribute(out, attrXORRelayed, xorAddress(a.relayed, r.message[4:stunHeader]))
	out = appendAttribute(out, attrXORMapped, xorAddress(client.addr, r.message[4:stunHeader]))
	return appendLifetime(out, life)
}

func (v *turnServer) refresh(r *turnRequest, a *allocation) []byte {
	life := r.grantedLifetime()
	if r.lifetime == 0 {
		life = 0
		v.remove(clientOf(a.client))
	} else {
		a.expires.Store(int64(v.core.now() + life))
	}
	return appendLifetime(r.reply(nil, classSuccess), life)
}

// find returns a client's allocation, nil if it has none.
func (v *turnServer) find(client *route) *allocation {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.allocations[clientOf(client)]
	if a != nil && a.expired(v.core.now()) {
		return nil
	}
	return a
}

func (v *turnServer) remove(c turnClient) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.removeLocked(c)
}

func (v *turnServer) removeLocked(c turnClient) {
	a := v.allocations[c]
	if a == nil {
		return
	}
	delete(v.allocations, c)
	if v.users[a.user]--; v.users[a.user] == 0 {
		delete(v.users, a.user)
	}
}

// run removes expired allocations until the engine closes.
func (v *turnServer) run() {
	defer v.core.wg.Done()
	tick := time.NewTicker(turnSweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-v.core.ctx.Done():
			return
		case <-tick.C:
			v.sweep()
		}
	}
}

func (v *turnServer) sweep() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.core.now()
	for c, a := range v.allocations {
		if a.expired(now) {
			v.removeLocked(c)
			if a.tcp != nil {
				a.tcp.close()
			}
		}
	}
}
