package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v3"

	"rostrum/internal/media"
)

// onShard runs f on the publisher's shard.
func (g *testBench) onShard(f func(s *shard)) { g.publisher.transport.call(f) }

func (g *testBench) drops(d Drop) uint64 { return g.engine.Stats().Drops[d] }

func (g *testBench) video(n uint16, ssrc uint32, body string) []byte {
	return g.encrypt(&rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: n, Timestamp: uint32(n) * 3000, SSRC: ssrc, Marker: true}, []byte(body))
}

// idr is a STAP-A with a parameter set of unknown size and an IDR slice.
const idr = "\x18\x00\x02\x67\x42\x00\x02\x68\xce\x00\x02\x65\x88"

func TestHostile_DropsReplayedAndForgedPackets(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	good := g.video(1, 78, idr)
	forged := g.video(2, 78, idr)
	forged[len(forged)-1] ^= 1
	short := good[:13]
	g.onShard(func(s *shard) {
		for _, b := range [][]byte{good, good, forged, short} {
			g.publisher.transport.receive(s, b)
		}
	})
	if r, f := g.drops(Replayed), g.drops(Forged); r != 1 || f != 2 {
		t.Errorf("%d replayed and %d forged packets were counted, want 1 and 2", r, f)
	}
	if n := g.publisher.Stats().Tracks[1].Layers[0].Packets; n != 1 {
		t.Errorf("%d packets were accepted, want 1", n)
	}
}

func TestHostile_LimitsSSRCs(t *testing.T) {
	g := newTestBench(t, 1, Config{}, browserOffer, watchOffer)
	var packets [][]byte
	for i := range uint32(500) {
		packets = append(packets, g.video(1, 1000+i, idr)) // without RID, so of no layer
	}
	g.onShard(func(s *shard) {
		for _, b := range packets {
			g.publisher.transport.receive(s, b)
		}
		if n := len(g.publisher.sources); n > maxSources {
			t.Errorf("%d sources", n)
		}
		if n := len(g.publisher.unknownSSRCs); n > maxUnknownSSRCs {
			t.Errorf("%d unknown SSRCs are stored", n)
		}
	})
	if n := g.drops(TooManySources); n != 500-maxUnknownSSRCs {
		t.Errorf("%d packets were dropped undecrypted, want %d", n, 500-maxUnknownSSRCs)
	}
}

func TestHostile_AnActiveLayerKeepsItsSSRC(t *testing.T) {
	g := newTestBench(t, 0, Config{}, browserOffer, watchOffer)
	rid := func(n uint16, ssrc uint32) []byte {
		h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: n, SSRC: ssrc, Timestamp: 1}
		_ = h.SetExtension(10, []byte("hi"))
		return g.encrypt(&h, []byte(idr))
	}
	first, other := rid(1, 500), rid(9, 501)
	g.onShard(func(s *shard) {
		g.publisher.transport.receive(s, first)
		g.publisher.transport.receive(s, other)
		if from := g.publisher.source(501); from != nil {
			t.Errorf("SSRC 501 took layer %q", from.layer.label)
		}
	})
}

func TestHostile_LimitsKeyframeRequestsToThePublisher(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	first := g.video(1, 78, idr)
	requests := 0
	g.onShard(func(s *shard) {
		g.publisher.transport.receive(s, first)
		s.flushBursts()
		l := g.publisher.track(media.Video).layers[0]
		start := s.now
		for i := range 10_000 {
			v := g.viewers[0]
			s.now = start + time.Duration(i)*100*time.Microsecond
			v.receiveRTCP(s, &rtcp.PictureLossIndication{MediaSSRC: v.subs[1].track.ssrc})
			v.receiveRTCP(s, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: v.subs[1].track.ssrc}}})
			if l.takeKeyframeRequest(s.now) { // one second in total
				requests++
			}
		}
	})
	if requests < 3 || requests > 4 {
		t.Errorf("20,000 requests in a second caused %d, want one every 300 ms", requests)
	}
}

func TestHostile_LimitsRetransmissions(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	var packets [][]byte
	for i := range uint16(400) {
		body := "\x41" + strings.Repeat("x", 1100)
		if i == 0 {
			body = idr + body
		}
		packets = append(packets, g.video(i, 78, body))
	}
	g.onShard(func(s *shard) {
		u := g.viewers[0].subs[1]
		u.forwarder.SetTarget(0)
		for _, b := range packets {
			g.publisher.transport.receive(s, b)
			s.flushBursts()
		}
		var all []rtcp.NackPair
		for i := range 65_536 / 17 {
			all = append(all, rtcp.NackPair{PacketID: uint16(i * 17), LostPackets: 0xffff})
		}
		for range 20 {
			g.viewers[0].receiveRTCP(s, &rtcp.TransportLayerNack{MediaSSRC: u.track.ssrc, Nacks: all})
		}
		if limit := uint64(repairBurst/1100 + 1); u.counts.resent == 0 || u.counts.resent > limit {
			t.Errorf("%d packets were retransmitted, want at most %d", u.counts.resent, limit)
		}
	})
}

func TestHostile_RTCPDoesNotAffectSSRCsOfOthers(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	first := g.video(1, 78, idr)
	g.onShard(func(s *shard) {
		g.publisher.transport.receive(s, first)
		l := g.publisher.track(media.Video).layers[0]
		g.publisher.receiveRTCP(s, &rtcp.Goodbye{Sources: []uint32{1, 2, 4_000_000_000}})
		if !l.rate.active {
			t.Error("a BYE for other SSRCs stopped the layer")
		}
		v := g.viewers[0]
		v.receiveRTCP(s, &rtcp.Goodbye{Sources: []uint32{v.subs[1].track.ssrc}})
		v.receiveRTCP(s, &rtcp.SenderReport{SSRC: 78, NTPTime: 1 << 63})
		v.receiveRTCP(s, &rtcp.TransportLayerNack{MediaSSRC: 78, Nacks: []rtcp.NackPair{{PacketID: 1}}})
		v.receiveRTCP(s, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e30})
		v.receiveRTCP(s, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 0})
		if l.timeline.Load() != nil || v.subs[1].counts.nacks != 0 {
			t.Error("a viewer's RTCP affected the publisher")
		}
	})
}

func TestHostile_StopsSendingWithoutConsent(t *testing.T) {
	g := newTestBench(t, 1, Config{LostAfter: time.Hour}, singleOffer, watchOffer)
	g.onShard(func(s *shard) {
		v := g.viewers[0].transport
		v.lastConsent = s.now - consentTTL
		if v.sendRoute(s) == nil {
			t.Error("consent ended early")
		}
		v.lastConsent--
		if v.sendRoute(s) != nil {
			t.Error("media is sent after 30 s without consent")
		}
		packet, err := newSRTPContext(t).EncryptRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 1}, nil)
		if err != nil {
			t.Error(err)
		}
		v.receive(s, packet)
		if v.sendRoute(s) != nil {
			t.Error("a viewer's report, which may come from another address, renewed consent")
		}
	})
}

func TestHostile_IgnoresChecksWithoutThePassword(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	v := g.viewers[0].transport
	before := v.route.Load()
	ufrag := v.ice.Load().local.Ufrag
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	attacker := udp(t)
	use := stun.RawAttribute{Type: stun.AttrUseCandidate}
	for _, b := range [][]byte{
		newCheck(t, ufrag+":x", "a-guessed-password-of-24", use),
		newCheck(t, "nobody:x", "a-guessed-password-of-24", use),
		{0}, {1}, bytes.Repeat([]byte{0}, 1500), {},
		append([]byte{22, 0xfe, 0xfd}, make([]byte, 200)...), // like a ClientHello
		append([]byte{0x80, 106}, make([]byte, 100)...),
		append([]byte{0x80, 200}, make([]byte, 100)...),
		{0xff, 0xff},
	} {
		if _, err := attacker.WriteToUDP(b, to); err != nil {
			t.Fatal(err)
		}
	}
	_ = attacker.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, _, err := attacker.ReadFromUDP(make([]byte, 2000)); err == nil {
		t.Errorf("an attacker got a response of %d bytes", n)
	}
	if v.route.Load() != before {
		t.Error("the route switched to an attacker")
	}
	if s, u := g.drops(StunRefused), g.drops(UnknownAddress); s < 4 || u < 3 {
		t.Errorf("counted %d rejected checks and %d unknown addresses", s, u)
	}
	// With the password, the check is answered.
	if _, err := attacker.WriteToUDP(newCheck(t, ufrag+":x", v.ice.Load().local.Pwd, use), to); err != nil {
		t.Fatal(err)
	}
	_ = attacker.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, _, err := attacker.ReadFromUDP(make([]byte, 2000)); err != nil {
		t.Errorf("the peer gets no response: %v", err)
	}
}

func TestHostile_ForwardsDuringAFloodOfClientHellos(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	stop := make(chan struct{})
	done := make(chan struct{})
	attacker := udp(t)
	go func() {
		defer close(done)
		hello := append([]byte{22, 0xfe, 0xfd}, make([]byte, 250)...)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = attacker.WriteToUDP(hello, to)
			}
		}
	}()
	send := func(n uint16, body string) {
		if _, err := g.publisherConn.WriteToUDP(g.video(n, 78, body), to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	send(1, idr)
	for n := range uint16(200) {
		send(n+2, "\x41abc")
	}
	got := g.received(0, 300*time.Millisecond)
	close(stop)
	<-done
	// The kernel's queue loses some, which NACKs would repair.
	if len(got) < 100 {
		t.Errorf("%d of 201 packets were forwarded during %d ClientHellos", len(got), g.drops(UnknownAddress))
	}
	if n := g.engine.Stats().HalfOpen; n != 0 {
		t.Errorf("the flood opened %d transports", n)
	}
}

func TestHostile_LimitsAndEndsHalfOpenTransports(t *testing.T) {
	e, err := Listen(Config{MaxHalfOpen: 5, ConnectTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := e.NewRouter(RouterConfig{})
	closed := make(chan Event, 16)
	for i := range 8 {
		_, _, err := r.Publish(crlf(singleOffer), PublishConfig{Participant: fmt.Sprint(i), Notify: func(ev Event) { closed <- ev }})
		if want := i >= 5; errors.Is(err, ErrBusy) != want {
			t.Errorf("offer %d: %v", i, err)
		}
	}
	for range 5 {
		if c, ok := (<-closed).(Closed); !ok || c.Cause != CauseNeverConnected {
			t.Errorf("got %+v", c)
		}
	}
	if s := e.Stats(); s.HalfOpen != 0 || s.Transports != 0 {
		t.Errorf("%+v are left", s)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if len(e.index.ufrags) != 0 || len(e.index.addresses) != 0 {
		t.Errorf("%d ufrags and %d addresses are left", len(e.index.ufrags), len(e.index.addresses))
	}
}

func TestHostile_LimitsTheHandshakeBuffer(t *testing.T) {
	g := newTestBench(t, 1, Config{}, singleOffer, watchOffer)
	v := g.viewers[0].transport
	g.onShard(func(s *shard) {
		v.mediaReady = false
		for range 100_000 {
			v.receive(s, append([]byte{22}, make([]byte, 1200)...))
			v.receive(s, append([]byte{0x80, 96}, make([]byte, 1200)...))
		}
		if v.dtlsConn.waiting() > dtlsQueueSize || len(v.early.all) > maxEarlyPackets {
			t.Errorf("%d DTLS records and %d packets wait", v.dtlsConn.waiting(), len(v.early.all))
		}
	})
	if g.drops(TooEarly) < 199_000 {
		t.Errorf("only %d were counted as too early", g.drops(TooEarly))
	}
}

func TestHostile_ClosesTCPConnectionsWithoutAValidCheck(t *testing.T) {
	e, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	for name, b := range map[string][]byte{
		"a giant frame":                {0xff, 0xff, 1, 2, 3},
		"an empty frame":               {0, 0, 0, 0},
		"HTTP":                         []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a check for an unknown ufrag": frame(newCheck(t, "nobody:x", "a-guessed-password-of-24")),
		"media before a check":         frame(append([]byte{0x80, 96}, make([]byte, 50)...)),
		"a ClientHello before a check": frame(append([]byte{22, 0xfe, 0xfd}, make([]byte, 50)...)),
	} {
		c, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), e.Port()).String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(b)
		_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
		var ne net.Error
		if n, err := c.Read(make([]byte, 10)); err == nil || errors.As(err, &ne) && ne.Timeout() {
			t.Errorf("%s: got %d bytes, %v; want the connection closed", name, n, err)
		}
		c.Close()
	}
}

func TestHostile_LimitsTheBufferOfASlowTCPReader(t *testing.T) {
	mine, theirs := net.Pipe() // Write waits for a reader
	defer theirs.Close()
	e, err := Listen(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	c := newTCPConn(e.tcp, mine, 0)
	e.wg.Add(1)
	go c.write()
	refused := 0
	for range 2000 {
		n, _ := c.send(nil, make([]byte, 1200), 1200)
		refused += n
	}
	c.pending.mu.Lock()
	waiting := len(c.pending.bytes)
	c.pending.mu.Unlock()
	if waiting > maxTCPPending || refused < 1000 {
		t.Errorf("%d bytes are queued, %d datagrams were refused", waiting, refused)
	}
	c.close()
}
