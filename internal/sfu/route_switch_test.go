package sfu

import (
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// TestTransport_FollowsAPeerThatProvesItsNewAddress walks through what an address must show
// before a viewer's media go there: a check made with the password, which anybody on the way
// can repeat, and something fresh that only the session's keys can seal, which nobody can.
func TestTransport_FollowsAPeerThatProvesItsNewAddress(t *testing.T) {
	g := newRig(t, 1, Config{}, singleOffer, watchOffer)
	v := g.viewers[0].transport
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	home, elsewhere := g.sinks[0], udp(t)
	session := v.ice.Load().local
	nominating := checkBy(t, session.Ufrag+":x", session.Pwd, stun.RawAttribute{Type: stun.AttrUseCandidate})
	seal := rigContext(t)
	report := func() []byte {
		b, err := seal.EncryptRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	send := func(from *net.UDPConn, b []byte) {
		t.Helper()
		if _, err := from.WriteToUDP(b, to); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(c *net.UDPConn) {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Read(make([]byte, 2000)); err != nil {
			t.Fatalf("a check with the password got no answer: %v", err)
		}
	}
	target := func(want *net.UDPConn, when string) {
		t.Helper()
		deadline := time.Now().Add(2 * time.Second)
		for v.route.Load().addr.String() != want.LocalAddr().String() && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if got := v.route.Load().addr.String(); got != want.LocalAddr().String() {
			t.Errorf("%s: media go to %s, want %s", when, got, want.LocalAddr())
		}
	}
	settle := func() { v.call(func(*shard) {}); v.call(func(*shard) {}) }

	send(home, nominating)
	answered(home)
	target(home, "after the first nomination")
	old := report()
	send(home, old)

	send(elsewhere, nominating) // the same bytes, from an attacker or the peer's new address
	answered(elsewhere)
	settle()
	target(home, "after a check from elsewhere")
	before := g.drops(Replayed)
	send(elsewhere, old)
	for g.drops(Replayed) == before {
		time.Sleep(time.Millisecond)
	}
	target(home, "after a report that was sent again from elsewhere")

	send(elsewhere, report())
	target(elsewhere, "after a fresh report from there")

	// After a restart the peer stays where it was until a new path works, and checks both.
	if _, err := v.patch("a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"); err != nil {
		t.Fatal(err)
	}
	next, fresh := v.ice.Load().local, udp(t)
	send(home, checkBy(t, session.Ufrag+":x", session.Pwd))
	answered(home)
	send(fresh, checkBy(t, next.Ufrag+":x", next.Pwd))
	answered(fresh)
	target(elsewhere, "after checks without nomination")
	send(home, report())
	target(home, "after a report from the old path, whose checks weren't the last")
	send(fresh, checkBy(t, next.Ufrag+":x", next.Pwd, stun.RawAttribute{Type: stun.AttrUseCandidate}))
	answered(fresh)
	target(fresh, "after the new session's nomination")
}
