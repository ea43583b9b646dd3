package sfu

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// testBench is an engine with one publisher and some viewers, without handshakes: only the
// packet path.
type testBench struct {
	t             testing.TB
	engine        *Engine
	router        *Router
	publisher     *Publisher
	encryptSource *srtp.Context // of the publisher
	publisherConn *net.UDPConn
	viewers       []*Subscriber
	viewerConns   []*net.UDPConn
	decrypters    []*srtp.Context
	scratch       rtp.Header
	buffer        []byte
}

var (
	benchKey  = []byte("0123456789abcdef")
	benchSalt = []byte("0123456789ab")
)

func newSRTPContext(t testing.TB, options ...srtp.ContextOption) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(benchKey, benchSalt, srtp.ProtectionProfileAeadAes128Gcm, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func udp(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func newTestBench(t testing.TB, viewers int, cfg Config, offer, watch string) *testBench {
	t.Helper()
	if cfg.Shards == 0 {
		cfg.Shards = 1
	}
	e, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	g := &testBench{t: t, engine: e, router: e.NewRouter(RouterConfig{}), encryptSource: newSRTPContext(t), publisherConn: udp(t)}
	if g.publisher, _, err = g.router.Publish(crlf(offer), PublishConfig{Participant: "p"}); err != nil {
		t.Fatal(err)
	}
	g.connect(g.publisher.transport, g.publisherConn)
	g.subscribe(viewers, watch)
	return g
}

// subscribe adds viewers of the publisher.
func (g *testBench) subscribe(viewers int, watch string) {
	t := g.t
	t.Helper()
	for i := range viewers {
		v := g.router.NewViewer(fmt.Sprint(i))
		s, _, err := v.Subscribe(g.publisher, crlf(watch), SubscribeConfig{})
		if err != nil {
			t.Fatal(err)
		}
		sink := udp(t)
		g.viewers, g.viewerConns, g.decrypters = append(g.viewers, s), append(g.viewerConns, sink), append(g.decrypters, newSRTPContext(t))
		g.connect(s.transport, sink)
	}
}

// connect completes the handshake of a transport with the peer behind conn.
func (g *testBench) connect(t *Transport, conn *net.UDPConn) {
	addr := netip.MustParseAddrPort(conn.LocalAddr().String())
	via := &route{addr: addr}
	seal, err := newSRTPEncrypter(benchKey, benchSalt, srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		g.t.Fatal(err)
	}
	open := newSRTPContext(g.t, replayProtection...)
	done := make(chan struct{})
	t.runOnShard(func(s *shard) {
		s.socket.prepare(via)
		t.route.Store(via)
		s.bindAddress(t, addr)
		t.setKeys(s, srtpKeys{seal, open, "test"})
		close(done)
	})
	<-done
}

// encrypt makes one SRTP packet of the publisher.
func (g *testBench) encrypt(h *rtp.Header, payload []byte) []byte {
	n, err := h.MarshalTo(g.buffer[:cap(g.buffer)])
	if err != nil {
		g.buffer = make([]byte, 4096)
		n, _ = h.MarshalTo(g.buffer)
	}
	b, err := g.encryptSource.EncryptRTP(nil, append(g.buffer[:n], payload...), &g.scratch)
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

const watchOffer = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 106 107
c=IN IP4 0.0.0.0
a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=recvonly
a=rtcp-mux
a=rtpmap:106 H264/90000
a=rtcp-fb:106 nack
a=rtcp-fb:106 nack pli
a=rtcp-fb:106 transport-cc
a=rtcp-fb:106 goog-remb
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:107 rtx/90000
a=fmtp:107 apt=106
`

// singleOffer is browserOffer without simulcast, with announced SSRCs.
var singleOffer = strings.NewReplacer("a=rid:hi send\n", "", "a=rid:low send\n", "", "a=simulcast:send hi;~low\n", "a=ssrc:78 cname:c\n").Replace(browserOffer)

// From a publisher's SRTP packet to the encrypted packets for its viewers, and for a
// retransmission, nothing may be allocated.
func TestPacketPath_AllocatesNothing(t *testing.T) {
	for name, offer := range map[string]string{"one layer": singleOffer, "simulcast": browserOffer} {
		t.Run(name, func(t *testing.T) {
			g := newTestBench(t, 10, Config{}, offer, watchOffer)
			const rounds, perRound = 300, 9
			var packets [][]byte
			payload := append([]byte{0x41}, make([]byte, 1100)...)
			for i := range (rounds + 100) * perRound {
				h := rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: uint16(i), Timestamp: uint32(i / perRound * 3000), SSRC: 78, Marker: i%perRound == perRound-1}
				if name == "simulcast" {
					_ = h.SetExtension(10, []byte("hi"))
				}
				body := payload
				if i == 0 {
					body = append([]byte(idr), make([]byte, 1000)...)
				}
				packets = append(packets, g.encrypt(&h, body))
			}
			p := g.publisher
			allocs := math.Inf(1)
			var before, after runtime.MemStats
			p.transport.call(func(s *shard) {
				next := 0
				round := func() {
					for range perRound {
						p.receiveMedia(s, packets[next])
						next++
					}
					s.flushBursts()
				}
				for _, v := range g.viewers {
					v.sender.pacingBitrate, v.sender.lastAckedSent = 1<<36, 1 // no time passes in which the pacer could earn credit
					v.subs[1].target.Store(0)
					v.subs[1].forwarder.SetTarget(0)
				}
				for range 90 {
					round()
				}
				for range 3 { // other goroutines allocate too
					runtime.ReadMemStats(&before)
					for range rounds / 3 {
						round()
					}
					runtime.ReadMemStats(&after)
					allocs = min(allocs, float64(after.Mallocs-before.Mallocs)/float64(rounds/3*perRound*len(g.viewers)))
				}
			})
			// A slab is allocated once for many packets.
			if allocs > 0.01 {
				t.Errorf("%.3f allocations per forwarded packet", allocs)
			}
			v := g.viewers[0]
			if got := v.subs[1].counts.packets; got < rounds*perRound {
				t.Fatalf("only %d packets were forwarded", got)
			}
			p.transport.call(func(s *shard) {
				last := uint16(v.subs[1].forwarder.lastSent)
				if n := testing.AllocsPerRun(40, func() { v.subs[1].retransmit(s, last-5); s.out.flush() }); n > 0 {
					t.Errorf("%.1f allocations per retransmission", n)
				}
			})
		})
	}
}

// BenchmarkFanOut measures the CPU time of the shard's thread for each packet that it sends to
// one of N viewers, with 2.5 Mbps of video and audio, paced as browsers do.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{50, 200, 1000} {
		b.Run(fmt.Sprintf("viewers=%d", n), func(b *testing.B) { runFanOut(b, n, singleOffer) })
	}
	// With simulcast every packet has a transport-wide number.
	b.Run("simulcast/viewers=200", func(b *testing.B) { runFanOut(b, 200, browserOffer) })
}

func runFanOut(b *testing.B, n int, offer string) {
	g := newTestBench(b, n, Config{}, offer, watchOffer)
	stop := make(chan struct{})
	defer close(stop)
	for _, sink := range g.viewerConns {
		go func() {
			buffer := make([]byte, 2048)
			for {
				if _, err := sink.Read(buffer); err != nil {
					return
				}
			}
		}()
	}
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(g.engine.Port())}
	payload := make([]byte, 1172)
	var seq, audioSeq uint16
	send := func(h rtp.Header, body []byte) {
		if offer == browserOffer && h.PayloadType == 106 {
			_ = h.SetExtension(10, []byte("hi"))
		}
		if _, err := g.publisherConn.WriteToUDP(g.encrypt(&h, body), to); err != nil {
			b.Fatal(err)
		}
	}
	frame := func(i int) {
		count := 8
		payload[0] = 0x41
		if i%60 == 0 {
			count = 40
			copy(payload, idr)
		}
		for k := range count {
			send(rtp.Header{Version: 2, PayloadType: 106, SequenceNumber: seq, Timestamp: uint32(i * 3000), SSRC: 78, Marker: k == count-1}, payload)
			seq++
			if payload[0] = 0x41; k%3 == 2 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		for range 2 {
			send(rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: audioSeq, Timestamp: uint32(audioSeq) * 960, SSRC: 77}, payload[:100])
			audioSeq++
		}
	}
	forwarded := func() (count uint64, cpu time.Duration) {
		g.publisher.transport.call(func(s *shard) {
			for _, v := range g.viewers {
				for _, u := range v.subs {
					count += u.counts.packets
				}
			}
			cpu = threadTime()
		})
		return count, cpu
	}
	for i := range 10 {
		frame(i)
	}
	before, cpuBefore := forwarded()
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		frame(10 + i)
		time.Sleep(33*time.Millisecond - time.Since(start))
	}
	b.StopTimer()
	after, cpuAfter := forwarded()
	packets := float64(after - before)
	b.ReportMetric(float64((cpuAfter-cpuBefore).Nanoseconds())/1000/packets, "µs/packet")
	b.ReportMetric(packets/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric(float64((cpuAfter-cpuBefore).Nanoseconds())/float64(b.Elapsed().Nanoseconds())*100, "%core")
}

// received reads and decrypts what was sent to one viewer.
func (g *testBench) received(viewer int, wait time.Duration) (packets []rtp.Packet) {
	buffer := make([]byte, 2048)
	for {
		_ = g.viewerConns[viewer].SetReadDeadline(time.Now().Add(wait))
		n, err := g.viewerConns[viewer].Read(buffer)
		if err != nil {
			return packets
		}
		if buffer[1] >= 192 && buffer[1] <= 223 {
			continue
		}
		plain, err := g.decrypters[viewer].DecryptRTP(nil, buffer[:n], nil)
		if err != nil {
			g.t.Fatalf("viewer %d cannot decrypt packet %d: %v", viewer, binary.BigEndian.Uint16(buffer[2:]), err)
		}
		var p rtp.Packet
		if err := p.Unmarshal(plain); err != nil {
			g.t.Fatal(err)
		}
		packets = append(packets, p)
	}
}
