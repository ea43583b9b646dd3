package sfu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// turnTestClient is a TURN client over UDP that can send invalid requests.
type turnTestClient struct {
	t        *testing.T
	conn     *net.UDPConn
	to       *net.UDPAddr
	name     string
	key      string
	nonce    []byte
	sequence byte
}

func newTURNTestClient(t *testing.T, e *Engine, r TURNServer) *turnTestClient {
	t.Helper()
	return &turnTestClient{t: t, conn: udp(t), to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(e.Port())}, name: r.Username, key: longTermKey(r.Username, r.Credential)}
}

func attribute(kind uint16, value ...byte) []byte { return appendAttribute(nil, kind, value) }

func newPeerAttribute(t *testing.T, mask []byte, address string) []byte {
	t.Helper()
	at := netip.MustParseAddrPort(address)
	if !at.Addr().Is4In6() {
		return appendAttribute(nil, attrXORPeer, xorAddress(at, mask))
	}
	value := make([]byte, 20) // xorAddress would write it as IPv4
	value[1] = 2
	binary.BigEndian.PutUint16(value[2:], at.Port()^stunMagic>>16)
	raw := at.Addr().As16()
	for i := range raw {
		value[4+i] = raw[i] ^ mask[i]
	}
	return appendAttribute(nil, attrXORPeer, value)
}

// mask is the magic cookie and transaction id of the next message.
func (g *turnTestClient) mask() []byte {
	return append(binary.BigEndian.AppendUint32(nil, stunMagic), append(make([]byte, 11), g.sequence+1)...)
}

func (g *turnTestClient) message(kind uint16, signed bool, attributes ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = append(append(b, 0, 0), g.mask()...)
	g.sequence++
	b = append(b, bytes.Join(attributes, nil)...)
	if !signed {
		return setSTUNLength(b)
	}
	b = appendAttribute(b, attrUsername, []byte(g.name))
	b = appendAttribute(b, attrRealm, []byte(turnRealm))
	b = appendAttribute(b, attrNonce, g.nonce)
	return finishSTUN(b, 0, g.key)
}

func (g *turnTestClient) send(b []byte) {
	g.t.Helper()
	if _, err := g.conn.WriteToUDP(b, g.to); err != nil {
		g.t.Fatal(err)
	}
}

// request sends a message, twice if necessary, and returns the error code of the response: 0 for
// success, -1 for none.
func (g *turnTestClient) request(b []byte) int {
	g.t.Helper()
	answer := make([]byte, 2000)
	for range 2 {
		g.send(b)
		_ = g.conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		n, _, err := g.conn.ReadFromUDP(answer)
		if err != nil {
			continue
		}
		return g.code(answer[:n])
	}
	return -1
}

func (g *turnTestClient) code(answer []byte) int {
	g.t.Helper()
	code := 0
	for at := stunHeader; at+4 <= len(answer); {
		n := int(binary.BigEndian.Uint16(answer[at+2:]))
		switch value := answer[at+4 : at+4+n]; binary.BigEndian.Uint16(answer[at:]) {
		case attrErrorCode:
			code = int(value[2])*100 + int(value[3])
		case attrNonce:
			g.nonce = bytes.Clone(value)
		}
		at += 4 + (n+3)&^3
	}
	return code
}

var overUDP = attribute(attrRequestedTraffic, 17, 0, 0, 0)

// allocate makes an allocation.
func (g *turnTestClient) allocate() *turnTestClient {
	g.t.Helper()
	if code := g.request(g.message(turnAllocate, false, overUDP)); code != 401 {
		g.t.Fatalf("an allocation without credentials: code %d, want 401", code)
	}
	if code := g.request(g.message(turnAllocate, true, overUDP)); code != 0 {
		g.t.Fatalf("an allocation: code %d", code)
	}
	return g
}

func newEngine(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestTURN_RelaysOnlyToTheMediaPort(t *testing.T) {
	e := newEngine(t, Config{Shards: 1})
	g := newTURNTestClient(t, e, e.TURNServers("ann", time.Hour)[0]).allocate()
	own := fmt.Sprintf("127.0.0.1:%d", e.Port())
	victim := udp(t)
	for _, peer := range []string{
		victim.LocalAddr().String(), "127.0.0.1:7080", "127.0.0.1:1", "127.0.0.2:" + fmt.Sprint(e.Port()),
		"0.0.0.0:80", "0.0.0.0:" + fmt.Sprint(e.Port()), "[::]:80", "[::1]:80", "[::1]:" + fmt.Sprint(e.Port()),
		"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:" + fmt.Sprint(e.Port()), "169.254.169.254:80", "[fd00:ec2::254]:80",
		"10.0.0.1:80", "172.16.0.1:80", "192.168.1.1:80", "169.254.1.1:80", "[fe80::1]:80", "100.64.0.1:80",
		"[fc00::1]:80", "224.0.0.1:80", "[ff02::1]:80", "255.255.255.255:80", "192.0.2.1:443", "[64:ff9b::7f00:1]:80", "[2002:7f00:1::]:80",
	} {
		if code := g.request(g.message(turnCreatePermission, true, newPeerAttribute(t, g.mask(), peer))); code != 403 {
			t.Errorf("a permission for %s: code %d, want 403", peer, code)
		}
		both := append(newPeerAttribute(t, g.mask(), own), newPeerAttribute(t, g.mask(), peer)...)
		if code := g.request(g.message(turnCreatePermission, true, both)); code != 403 {
			t.Errorf("a permission for the server and %s: code %d, want 403", peer, code)
		}
		if code := g.request(g.message(turnChannelBind, true, attribute(attrChannelNumber, 0x40, 0, 0, 0), newPeerAttribute(t, g.mask(), peer))); code != 403 {
			t.Errorf("a channel to %s: code %d, want 403", peer, code)
		}
		if code := g.request(g.message(turnConnect, true, newPeerAttribute(t, g.mask(), peer))); code != 403 {
			t.Errorf("a TCP connection to %s: code %d, want 403", peer, code)
		}
		g.send(g.message(turnSend, false, newPeerAttribute(t, g.mask(), peer), attribute(attrData, 'h', 'i')))
	}
	g.send(append([]byte{0x40, 0, 0, 2}, 'h', 'i'))
	if code := g.request(g.message(turnChannelBind, true, attribute(attrChannelNumber, 0x40, 0, 0, 0), newPeerAttribute(t, g.mask(), own))); code != 0 {
		t.Errorf("a channel to the media port: code %d", code)
	}
	if code := g.request(g.message(turnCreatePermission, true, newPeerAttribute(t, g.mask(), own))); code != 0 {
		t.Errorf("a permission for the media port: code %d", code)
	}
	_ = victim.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _, err := victim.ReadFromUDP(make([]byte, 2000)); err == nil {
		t.Errorf("another socket on loopback got %d bytes", n)
	}
}

func TestTURN_AuthenticatesRequests(t *testing.T) {
	e := newEngine(t, Config{Shards: 1})
	good := e.TURNServers("ann", time.Hour)[0]
	other := e.TURNServers("bob", time.Hour)[0]
	expired := e.TURNServers("ann", -time.Second)[0]
	later := strings.Replace(good.Username, ":", "0:", 1)
	for name, c := range map[string]struct {
		relay TURNServer
		want  int
	}{
		"valid credentials":       {good, 0},
		"expired credentials":     {expired, 401},
		"another user's password": {TURNServer{"", good.Username, other.Credential}, 401},
		"a later expiry time":     {TURNServer{"", later, good.Credential}, 401},
		"a wrong password":        {TURNServer{"", good.Username, "guess"}, 401},
		"a name without a time":   {TURNServer{"", "ann", good.Credential}, 401},
		"an empty name":           {TURNServer{"", ":", good.Credential}, 401},
	} {
		g := newTURNTestClient(t, e, c.relay)
		g.request(g.message(turnAllocate, false, overUDP))
		if code := g.request(g.message(turnAllocate, true, overUDP)); code != c.want {
			t.Errorf("%s: code %d, want %d", name, code, c.want)
		}
	}
	g := newTURNTestClient(t, e, good)
	g.nonce = []byte("AAAAAAAAAAAA")
	if code := g.request(g.message(turnAllocate, true, overUDP)); code != 438 {
		t.Errorf("an unknown nonce: code %d, want 438", code)
	}
	if code := g.request(g.message(turnAllocate, true, attribute(attrRequestedTraffic, 6, 0, 0, 0))); code != 442 {
		t.Errorf("an allocation of TCP: code %d, want 442", code)
	}
	if code := g.request(g.message(turnAllocate, true, overUDP, attribute(0x7fff, 1))); code != 420 {
		t.Errorf("an unknown attribute: code %d, want 420", code)
	}
	if code := g.request(g.message(turnRefresh, true)); code != 437 {
		t.Errorf("a refresh without allocation: code %d, want 437", code)
	}
	g.allocate()
	if code := g.request(g.message(turnAllocate, true, overUDP)); code != 437 {
		t.Errorf("a second allocation: code %d, want 437", code)
	}
	theirs := newTURNTestClient(t, e, other)
	theirs.conn, theirs.nonce, theirs.sequence = g.conn, g.nonce, 100
	if code := theirs.request(theirs.message(turnRefresh, true)); code != 441 {
		t.Errorf("a refresh by another user: code %d, want 441", code)
	}
	if code := g.request(g.message(turnRefresh, true, attribute(attrLifetime, 0, 0, 0, 0))); code != 0 {
		t.Errorf("the end of an allocation: code %d", code)
	}
	e.turn.mu.Lock()
	defer e.turn.mu.Unlock()
	if n := len(e.turn.allocations); n != 1 { // of the table's valid one
		t.Errorf("%d allocations are left, want 1", n)
	}
}

func TestTURN_LimitsAllocationsPerUser(t *testing.T) {
	e := newEngine(t, Config{Shards: 1})
	ann, bob := e.TURNServers("ann", time.Hour)[0], e.TURNServers("bob", time.Hour)[0]
	ask := func(r TURNServer, n int) int {
		g := &turnTestClient{t: t, name: r.Username, key: longTermKey(r.Username, r.Credential)}
		from := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(n))
		g.nonce = []byte(e.turn.nonce(from.Addr(), e.turn.minute()))
		return g.code(e.turn.serve(g.message(turnAllocate, true, overUDP), &route{addr: from}).response)
	}
	granted := 0
	for n := range 10_000 {
		switch code := ask(ann, n+1); code {
		case 0:
			granted++
		case 486:
		default:
			t.Fatalf("allocation %d: code %d", n, code)
		}
	}
	if granted != maxUserAllocations {
		t.Errorf("one user has %d allocations, want %d", granted, maxUserAllocations)
	}
	if code := ask(bob, 20_000); code != 0 {
		t.Errorf("another user: code %d", code)
	}
	e.turn.mu.Lock()
	for _, a := range e.turn.allocations {
		a.expires.Store(-1)
	}
	e.turn.mu.Unlock()
	e.turn.sweep()
	e.turn.mu.Lock()
	defer e.turn.mu.Unlock()
	if len(e.turn.allocations) != 0 || len(e.turn.users) != 0 {
		t.Errorf("after their expiry %d allocations of %d users are left", len(e.turn.allocations), len(e.turn.users))
	}
}

func TestTURN_DoesNotAmplify(t *testing.T) {
	e := newEngine(t, Config{Shards: 1})
	good := e.TURNServers("ann", time.Hour)[0]
	for name, make := range map[string]func(*turnTestClient) []byte{
		"plain binding requests":     func(g *turnTestClient) []byte { return g.message(stunBindingRequest, false) },
		"unsigned allocations":       func(g *turnTestClient) []byte { return g.message(turnAllocate, false, overUDP) },
		"wrongly signed allocations": func(g *turnTestClient) []byte { g.key = "x"; return g.message(turnAllocate, true, overUDP) },
		"refreshes":                  func(g *turnTestClient) []byte { return g.message(turnRefresh, false) },
		"channel binds":              func(g *turnTestClient) []byte { return g.message(turnChannelBind, false) },
	} {
		g := newTURNTestClient(t, e, good)
		sent, got, answers := 0, 0, 0
		for range 100 {
			b := make(g)
			sent += len(b)
			g.send(b)
		}
		buffer := [2000]byte{}
		for {
			_ = g.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			n, _, err := g.conn.ReadFromUDP(buffer[:])
			if err != nil {
				break
			}
			got += n
			answers++
		}
		if got > sent || answers == 0 {
			t.Errorf("%s: %d bytes got %d in %d responses", name, sent, got, answers)
		}
	}
}

func FuzzTURN(f *testing.F) {
	e, err := Listen(Config{Shards: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	g := &turnTestClient{name: "1:a", key: "k", nonce: []byte("AAAAAAAAAAAA")}
	f.Add(g.message(turnAllocate, true, overUDP))
	f.Add(g.message(turnSend, false, appendAttribute(nil, attrXORPeer, xorAddress(netip.MustParseAddrPort("127.0.0.1:1"), g.mask())), attribute(attrData, 1)))
	f.Add(g.message(stunBindingRequest, false))
	f.Add([]byte{0x40, 0, 0, 1, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = parseChannelData(b)
		r := e.turn.serve(b, &route{addr: netip.MustParseAddrPort("127.0.0.1:9")})
		if r.authentic || r.permission != nil {
			t.Error("a random message was authentic")
		}
	})
}
