package sfu

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/media"
)

// newEarlyPublisher is a publisher whose keys are not known yet.
func (g *testBench) newEarlyPublisher() *Publisher {
	g.t.Helper()
	p, _, err := g.router.Publish(crlf(singleOffer), PublishConfig{Participant: "early"})
	if err != nil {
		g.t.Fatal(err)
	}
	p.transport.assignShard(nil)
	return p
}

func TestTransport_KeepsTheFirstKeyframeUntilTheKeysAreKnown(t *testing.T) {
	g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	p := g.newEarlyPublisher()
	const packets = 400 // as a keyframe of 1080p
	var all [][]byte
	for i := range uint16(packets) {
		h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: i, Timestamp: 1, SSRC: 78, Marker: i == packets-1}
		body := "\x41" + strings.Repeat("x", 1000)
		if i == 0 {
			body = idr + body
		}
		all = append(all, g.encrypt(&h, []byte(body)))
	}
	seal, err := newSRTPEncrypter(benchKey, benchSalt, srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	first, second := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:4000")
	p.transport.call(func(s *shard) {
		v := p.transport
		v.firstRoute.Store(&route{addr: first})
		v.rememberRoute(&route{addr: second}, v.ice.Load().local.Ufrag)
		for _, b := range all {
			s.lastFrom = second
			v.receive(s, b)
		}
		s.lastFrom = first // as if another datagram had come meanwhile
		v.setKeys(s, srtpKeys{seal, newSRTPContext(t, replayProtection...), "test"})
		if got := v.route.Load().addr; got != second {
			t.Errorf("the media came from %s, but what answers it is sent to %s", second, got)
		}
		if s.earlyBytes != 0 || len(v.early.all) != 0 {
			t.Errorf("%d bytes and %d packets are still kept", s.earlyBytes, len(v.early.all))
		}
	})
	if n := p.Stats().Tracks[1].Layers[0].Packets; n != packets {
		t.Errorf("%d of the %d packets before the keys were received as %s", n, packets, media.Video)
	}
}

func TestHostile_LimitsThePacketsBeforeTheKeys(t *testing.T) {
	g := newTestBench(t, 0, Config{}, singleOffer, watchOffer)
	packet := append([]byte{0x80, 96}, make([]byte, 1400)...)
	var all []*Publisher
	for range 2*maxShardEarlyBytes/maxEarlyBytes + 1 {
		all = append(all, g.newEarlyPublisher())
	}
	g.onShard(func(s *shard) {
		for _, p := range all {
			for range 2 * maxEarlyPackets {
				p.transport.receive(s, packet)
			}
			if n := p.transport.early.bytes; n > maxEarlyBytes {
				t.Fatalf("%d bytes are kept for one transport, want at most %d", n, maxEarlyBytes)
			}
		}
		if s.earlyBytes > maxShardEarlyBytes || s.earlyBytes < maxShardEarlyBytes/2 {
			t.Errorf("%d bytes are kept for all, want at most %d", s.earlyBytes, maxShardEarlyBytes)
		}
	})
	for _, p := range all {
		p.Close("")
	}
	g.onShard(func(s *shard) {
		if s.earlyBytes != 0 {
			t.Errorf("%d bytes are still kept after the end", s.earlyBytes)
		}
	})
}
