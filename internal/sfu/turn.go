package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	turnRealm         = "rostrum"
	turnNonceTTL      = time.Hour
	turnLifetime      = 10 * time.Minute // RFC 8656 §3.2
	turnMaxLifetime   = time.Hour
	turnSweep         = 5 * time.Second
	maxAllocations    = 20_000
	maxUserAllocation = 400 // one participant may receive a hundred others, each by several paths
)

// A turnServer is TURN (RFC 8656) on the media port, for peers that can reach nothing else.
// The only peer it relays to is the media port itself, so nothing is relayed at all: an
// allocation is a name for a way to the client, and what is sent through it is handed to the
// transport that it is meant for. No socket is opened, and no address but ours can be reached.
type turnServer struct {
	engine     *Engine
	secret     [32]byte               // keys nonces; lives as long as the engine
	key        atomic.Pointer[[]byte] // keys users' passwords; the secret until KeyRelays
	mediaAddrs []netip.AddrPort       // our media addresses

	mu          sync.Mutex // guards what follows
	allocations map[turnClient]*allocation
	users       map[string]int // allocations of each
	port        uint16         // of the latest relayed address
}

// A turnClient is where an allocation's client is: RFC 8656's 5-tuple.
type turnClient struct {
	addr  netip.AddrPort
	local int
	tcp   *tcpConn
}

func clientOf(r *route) turnClient { return turnClient{r.addr, r.local, r.tcp} }

// An allocation is one client's claim on a relayed address.
type allocation struct {
	client      *route
	user, key   string
	transaction [12]byte // of the request that made it, which may come again
	relayed     netip.AddrPort
	expires     atomic.Int64 // engine's clock
	transport   atomic.Pointer[Transport]

	mu          sync.RWMutex      // guards what follows
	permissions []*turnPermission // at most one for each media address
}

// A turnPath is an allocation's permission to speak to one of our media addresses, and the
// channel for it if there is one.
type turnPermission struct {
	allocation *allocation
	peer       netip.AddrPort
	channel    atomic.Uint32 // 0 when none is bound
	route      *route        // by which a transport answers
}

func newTURN(e *Engine, listen, advertise []netip.Addr) *turnServer {
	v := &turnServer{engine: e, allocations: map[turnClient]*allocation{}, users: map[string]int{}}
	_, _ = rand.Read(v.secret[:]) // never fails (crypto/rand)
	key := v.secret[:]
	v.key.Store(&key)
	for _, a := range slices.Concat(advertise, listen) {
		if at := netip.AddrPortFrom(a.Unmap(), e.port); !slices.Contains(v.mediaAddrs, at) {
			v.mediaAddrs = append(v.mediaAddrs, at)
		}
	}
	return v
}

// A turnResult is what comes of a message: an answer, or a payload for a path.
type turnOutcome struct {
	answer     []byte
	authentic  bool // the answer goes to someone with credentials
	permission *turnPermission
	payload    []byte
}

// serve takes a message that is no connectivity check. It may be called from any goroutine.
func (v *turnServer) serve(b []byte, client *route) (result turnOutcome) {
	r, ok := parseTURN(b)
	if !ok {
		return result
	}
	switch r.kind {
	case stunBindingRequest:
		if r.username == nil && r.integrityOffset == 0 { // a plain one: which address do you see? (RFC 8489 §7.3)
			out := appendAttribute(r.reply(nil, classSuccess), attrXORMapped, xorAddress(client.addr, b[4:stunHeader]))
			result.answer = setSTUNLength(out)
		}
	case turnSend:
		if a := v.find(client); a != nil && len(r.peers) == 1 {
			result.permission, result.payload = a.permission(r.peers[0]), r.data
		}
	case turnAllocate, turnRefresh, turnCreatePermission, turnChannelBind, turnConnect:
		user, key, code := v.authenticate(&r, client)
		if code != 0 {
			result.answer = v.rejectUnauthenticated(&r, client, code)
			return result
		}
		var out []byte
		if r.unknown != 0 {
			out = r.appendError(420)
			out = appendAttribute(out, attrUnknown, binary.BigEndian.AppendUint16(nil, r.unknown))
		} else {
			out = v.handle(&r, client, user, key)
		}
		result.answer, result.authentic = finishSTUN(out, 0, key), true
	}
	return result
}

// sizeSTUN writes the length of a message without integrity.
func setSTUNLength(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

// fault begins an error response. It has no reason phrase: the number says it, and a short
// answer can't amplify.
func (r *turnRequest) appendError(code int) []byte {
	return appendAttribute(r.reply(nil, classError), attrErrorCode, []byte{0, 0, byte(code / 100), byte(code % 100)})
}

func (v *turnServer) rejectUnauthenticated(r *turnRequest, client *route, code int) []byte {
	out := r.appendError(code)
	if code != 400 {
		out = appendAttribute(out, attrRealm, []byte(turnRealm))
		out = appendAttribute(out, attrNonce, []byte(v.nonce(client.addr.Addr(), v.minute())))
	}
	return setSTUNLength(out)
}

// authenticate tells who asks, or the error to answer (RFC 8489 §9.2.4). The owner of an
// allocation is known by its key even after the credentials have expired.
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

// perform does what an authentic request asks for and begins the answer.
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
		if len(r.peers) == 0 {
			return r.appendError(400)
		}
		for _, p := range r.peers {
			if !v.permits(p, true) {
				return r.appendError(403)
			}
		}
		for _, p := range r.peers {
			a.permit(netip.AddrPortFrom(p.Addr(), v.engine.port))
		}
		return r.reply(nil, classSuccess)
	}
	switch {
	case len(r.peers) != 1 || r.channel < minChannel || r.channel > maxChannel:
		return r.appendError(400)
	case !v.permits(r.peers[0], false):
		return r.appendError(403)
	case !a.bind(r.channel, r.peers[0]):
		return r.appendError(400)
	}
	return r.reply(nil, classSuccess)
}

// permits tells whether an address is a media address of ours, and nothing else is. A
// permission is for an address and its port is ignored (RFC 8656 §9.1); 0 is taken for any.
func (v *turnServer) permits(peer netip.AddrPort, anyPort bool) bool {
	if anyPort && peer.Port() == 0 {
		peer = netip.AddrPortFrom(peer.Addr(), v.engine.port)
	}
	return slices.Contains(v.mediaAddrs, peer)
}

func (v *turnServer) allocate(r *turnRequest, client *route, user, key string) []byte {
	var relayed netip.Addr
	for _, at := range v.mediaAddrs {
		if family := r.family; at.Addr().Is4() && family <= 1 || at.Addr().Is6() && family == 2 {
			relayed = at.Addr()
			break
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	transaction := [12]byte(r.message[8:stunHeader])
	a := v.allocations[clientOf(client)]
	switch {
	case a != nil && a.transaction == transaction && a.user == user: // its answer was lost
	case a != nil:
		return r.appendError(437)
	case r.traffic != 17: // UDP
		return r.appendError(442)
	case !relayed.IsValid() && r.family == 0 && len(v.mediaAddrs) > 0:
		relayed = v.mediaAddrs[0].Addr() // a server without IPv4
	case !relayed.IsValid():
		return r.appendError(440)
	case v.users[user] >= maxUserAllocation:
		return r.appendError(486)
	case len(v.allocations) >= maxAllocations:
		return r.appendError(508)
	}
	life := lifetime(r)
	if a == nil {
		// The port is a name that no socket has; what is told apart are clients.
		v.port = max(v.port+1, 1024)
		a = &allocation{client: client, user: user, key: key, transaction: transaction, relayed: netip.AddrPortFrom(relayed, v.port)}
		v.allocations[clientOf(client)] = a
		v.users[user]++
	}
	a.expires.Store(int64(v.engine.now() + life))
	out := r.reply(nil, classSuccess)
	out = appendAttribute(out, attrXORRelayed, xorAddress(a.relayed, r.message[4:stunHeader]))
	out = appendAttribute(out, attrXORMapped, xorAddress(client.addr, r.message[4:stunHeader]))
	return appendSeconds(out, life)
}

func lifetime(r *turnRequest) time.Duration {
	return min(max(time.Duration(r.lifetime)*time.Second, turnLifetime), turnMaxLifetime)
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return appendAttribute(b, attrLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second)))
}

func (v *turnServer) refresh(r *turnRequest, a *allocation) []byte {
	life := lifetime(r)
	if r.lifetime == 0 {
		life = 0
		v.remove(clientOf(a.client))
	} else {
		a.expires.Store(int64(v.engine.now() + life))
	}
	return appendSeconds(r.reply(nil, classSuccess), life)
}

// find returns a client's allocation, nil when it has none.
func (v *turnServer) find(client *route) *allocation {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.allocations[clientOf(client)]
	if a != nil && v.engine.now() > time.Duration(a.expires.Load()) {
		return nil
	}
	return a
}

func (v *turnServer) remove(c turnClient) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(c)
}

// drop is remove with the lock held.
func (v *turnServer) drop(c turnClient) {
	a := v.allocations[c]
	if a == nil {
		return
	}
	delete(v.allocations, c)
	if v.users[a.user]--; v.users[a.user] == 0 {
		delete(v.users, a.user)
	}
}

// run forgets what has expired.
func (v *turnServer) run() {
	defer v.engine.wg.Done()
	tick := time.NewTicker(turnSweep)
	defer tick.Stop()
	for {
		select {
		case <-v.engine.ctx.Done():
			return
		case <-tick.C:
			v.sweep()
		}
	}
}

func (v *turnServer) sweep() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.engine.now()
	for c, a := range v.allocations {
		if now > time.Duration(a.expires.Load()) {
			v.drop(c)
			if c.tcp != nil {
				c.tcp.close()
			}
		}
	}
}
