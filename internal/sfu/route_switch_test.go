package sfu

import (
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// Before media is sent to a new address, two things must arrive from there: a check with the
// password, which anybody on the path can replay, and a new packet that is encrypted with the
// session's keys, which nobody else can make.
func TestTransport_SwitchesRouteOnlyAfterAnAuthenticPacket(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	v := g.viewers[0].transport
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	first, second := g.viewerConns[0], udp(t)
	session := v.ice.Load().local
	nominating := newCheck(t, session.Ufrag+":x", session.Pwd, stun.RawAttribute{Type: stun.AttrUseCandidate})
	seal := newSRTPContext(t)
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
			t.Fatalf("a check with the password got no response: %v", err)
		}
	}
	target := func(want *net.UDPConn, when string) {
		t.Helper()
		deadline := time.Now().Add(2 * time.Second)
		for v.route.Load().addr.String() != want.LocalAddr().String() && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if got := v.route.Load().addr.String(); got != want.LocalAddr().String() {
			t.Errorf("%s: media is sent to %s, want %s", when, got, want.LocalAddr())
		}
	}
	settle := func() { v.call(func(*shard) {}); v.call(func(*shard) {}) }

	send(first, nominating)
	answered(first)
	target(first, "after the first nomination")
	old := report()
	send(first, old)

	send(second, nominating) // a replay by an attacker, or the peer's new address
	answered(second)
	settle()
	target(first, "after a check from another address")
	before := g.drops(Replayed)
	send(second, old)
	for g.drops(Replayed) == before {
		time.Sleep(time.Millisecond)
	}
	target(first, "after a replayed report from there")

	send(second, report())
	target(second, "after a new report from there")

	// After a restart the peer stays on its route until a new one works, and checks both.
	if _, err := v.patch("a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n", true); err != nil {
		t.Fatal(err)
	}
	next, fresh := v.ice.Load().local, udp(t)
	send(first, newCheck(t, session.Ufrag+":x", session.Pwd))
	answered(first)
	send(fresh, newCheck(t, next.Ufrag+":x", next.Pwd))
	answered(fresh)
	target(second, "after checks without nomination")
	send(first, report())
	target(first, "after a report on the old route, whose checks were not the latest")
	send(fresh, newCheck(t, next.Ufrag+":x", next.Pwd, stun.RawAttribute{Type: stun.AttrUseCandidate}))
	answered(fresh)
	target(fresh, "after the new session's nomination")
}
