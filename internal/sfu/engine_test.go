package sfu_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, change func(*sfu.Config)) *sfu.Engine {
	t.Helper()
	cfg := sfu.Config{Shards: 2}
	if change != nil {
		change(&cfg)
	}
	e, err := sfu.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

func accept(t *testing.T, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("the answer was rejected: %v\n%s", err, answer)
	}
}

// session has one publisher, which sends until the test ends.
type session struct {
	t         *testing.T
	ctx       context.Context
	engine    *sfu.Engine
	router    *sfu.Router
	publisher *sfu.Publisher
	peer      *peer
	events    *events
}

func newSession(t *testing.T, e *sfu.Engine, mime string, gop int, rids ...string) *session {
	t.Helper()
	s := &session{t: t, ctx: within(t, 90*time.Second), engine: e, router: e.NewRouter(sfu.RouterConfig{}), events: newEvents()}
	s.peer = newPeer(t, nil).publish(mime, rids...)
	codec, _ := housemedia.CodecNamed(strings.TrimPrefix(mime, "video/"))
	p, answer, err := s.router.Publish(s.peer.offer(), sfu.PublishConfig{Participant: "alice", Codecs: []housemedia.Codec{codec}, Notify: s.events.notify})
	if err != nil {
		t.Fatal(err)
	}
	s.publisher = p
	s.peer.accept(answer)
	go s.peer.play(s.ctx, gop)
	s.events.await(t, s.ctx, "publishing", is[sfu.MediaStarted])
	return s
}

// subscribe subscribes a peer.
func (s *session) subscribe(p *peer, cfg sfu.SubscribeConfig) *sfu.Subscriber {
	s.t.Helper()
	sub, answer, err := s.router.NewViewer("bob").Subscribe(s.publisher, p.offer(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	p.accept(answer)
	return sub
}

func read(t *testing.T, track *webrtc.TrackRemote) *rtp.Packet {
	t.Helper()
	_ = track.SetReadDeadline(time.Now().Add(10 * time.Second))
	p, _, err := track.ReadRTP()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEngine_ForwardsAudioAndVideo(t *testing.T) {
	for name, c := range map[string]struct {
		mime   string
		change func(*sfu.Config)
	}{
		"H.264":                      {webrtc.MimeTypeH264, nil},
		"VP8":                        {webrtc.MimeTypeVP8, nil},
		"portable sockets":           {webrtc.MimeTypeH264, func(c *sfu.Config) { c.Portable = true }},
		"all addresses, many shards": {webrtc.MimeTypeH264, func(c *sfu.Config) { c.Shards, c.Listen = 4, []netip.Addr{netip.IPv4Unspecified()} }},
		"IPv6":                       {webrtc.MimeTypeH264, func(c *sfu.Config) { c.Listen = []netip.Addr{netip.IPv6Loopback()} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, listen(t, c.change), c.mime, 25)
			viewer := newPeer(t, nil).subscribe()
			sub := s.subscribe(viewer, sfu.SubscribeConfig{})
			kinds := map[webrtc.RTPCodecType]bool{}
			for len(kinds) < 2 {
				var track *webrtc.TrackRemote
				select {
				case track = <-viewer.media:
				case <-s.ctx.Done():
					t.Fatalf("only %v was received\n%+v\n%+v", kinds, sub.Stats(), s.engine.Stats())
				}
				kinds[track.Kind()] = true
				last := read(t, track).SequenceNumber
				for range 20 {
					p := read(t, track)
					if p.SequenceNumber != last+1 {
						t.Errorf("%s: packet %d follows %d", track.Kind(), p.SequenceNumber, last)
					}
					last = p.SequenceNumber
				}
			}
			if got := sub.Stats().Transport.Profile; got != "AEAD_AES_128_GCM" {
				t.Errorf("the SRTP profile is %s", got)
			}
		})
	}
}

func TestEngine_SwitchesLayersInOneContinuousStream(t *testing.T) {
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 0, "low", "mid", "hi")
	events := newEvents()
	viewer := newPeer(t, nil).subscribe()
	sub := s.subscribe(viewer, sfu.SubscribeConfig{Choice: sfu.Choice{Layer: "low"}, Notify: events.notify})
	track := viewer.track(s.ctx, webrtc.RTPCodecTypeVideo)
	var last *rtp.Packet
	flows := byte(0xff)
	for _, want := range []struct {
		label string
		mark  byte
	}{{"low", 0}, {"hi", 2}, {"mid", 1}, {"low", 0}, {"hi", 2}} {
		if err := sub.Choose(sfu.Choice{Layer: want.label}); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 40; {
			p := read(t, track)
			if last != nil && p.SequenceNumber != last.SequenceNumber+1 {
				t.Fatalf("while switching to %s, packet %d follows %d", want.label, p.SequenceNumber, last.SequenceNumber)
			}
			if last != nil && int32(p.Timestamp-last.Timestamp) < 0 {
				t.Fatalf("while switching to %s, timestamps go back from %d to %d", want.label, last.Timestamp, p.Timestamp)
			}
			last = p
			if p.Payload[0]&31 == 24 { // parameter sets in a STAP-A, the SPS first
				flows = p.Payload[7]
			}
			layer, ok := deltaLayer(p.Payload)
			if ok && layer != flows {
				t.Fatalf("layer %d flows without a keyframe after %d", layer, flows)
			}
			if ok && flows == want.mark {
				n++
			}
		}
	}
	if err := sub.Choose(sfu.Choice{Layer: "giant"}); err == nil || !strings.Contains(err.Error(), "low") {
		t.Errorf("an unknown layer returns %v", err)
	}
	if err := sub.Choose(sfu.Choice{NoVideo: true}); err != nil {
		t.Fatal(err)
	}
	events.await(t, s.ctx, "the pause", func(e sfu.Event) bool {
		l, ok := e.(sfu.LayerSelected)
		return ok && l.Kind == housemedia.Video && l.Paused && l.Reason == sfu.PausedByChoice
	})
}

// deltaLayer returns the layer of a delta frame that peer.play wrote.
func deltaLayer(payload []byte) (layer byte, ok bool) {
	switch {
	case payload[0]&31 == 1:
		return payload[1], true
	case payload[0]&31 == 28 && payload[1]&0x9f == 0x81: // FU-A, start
		return payload[2], true
	}
	return 0, false
}

func TestEngine_RepairsLossInBothDirections(t *testing.T) {
	e := listen(t, nil)
	r := e.NewRouter(sfu.RouterConfig{})
	ctx := within(t, 40*time.Second)
	publisher := newPeer(t, nil).publish(webrtc.MimeTypeH264)
	ev := newEvents()
	p, answer, err := r.Publish(publisher.offer(), sfu.PublishConfig{Participant: "alice", Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	up := newNetworkPath(t, e.Port(), 0)
	publisher.accept(up.rewrite(answer, e.Port()))
	go publisher.play(ctx, 50)
	ev.await(t, ctx, "publishing", is[sfu.MediaStarted])
	up.setLoss(0.05)

	viewer := newPeer(t, nil).subscribe()
	sub, answer, err := r.NewViewer("bob").Subscribe(p, viewer.offer(), sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	down := newNetworkPath(t, e.Port(), 0)
	viewer.accept(down.rewrite(answer, e.Port()))
	track := viewer.track(ctx, webrtc.RTPCodecTypeVideo)
	read(t, track)
	down.setLoss(0.05)
	got := map[uint16]bool{}
	first := read(t, track).SequenceNumber
	last := first
	for len(got) < 700 {
		n := read(t, track).SequenceNumber
		got[n] = true
		if int16(n-last) > 0 {
			last = n
		}
	}
	missing := 0
	for n := first + 1; n != last-60; n++ { // the newest may still be in transit
		if !got[n] {
			missing++
		}
	}
	ps, ss := p.Stats(), sub.Stats()
	t.Logf("missing %d of %d; publisher nacks %d repaired %d; viewer nacks %d resent %d", missing, len(got),
		ps.Tracks[1].Layers[0].Nacks, ps.Tracks[1].Layers[0].Repaired, ss.Subscriptions[1].Nacks, ss.Subscriptions[1].Resent)
	if missing > len(got)/100 {
		t.Errorf("%d of %d packets were never received, at 5 %% loss each way", missing, len(got))
	}
	if ps.Tracks[1].Layers[0].Nacks == 0 || ss.Subscriptions[1].Resent == 0 {
		t.Errorf("nothing was repaired: %+v %+v", ps, ss)
	}
}

func TestEngine_ReplaysTheKeyframeGroupToNewSubscribers(t *testing.T) {
	// Of one shard: others request a keyframe until they have the group. A keyframe each
	// 200 ms, or each second on a busy machine.
	s := newSession(t, listen(t, func(c *sfu.Config) { c.Shards = 1 }), webrtc.MimeTypeH264, 10)
	var times []time.Duration
	const joins = 15
	before := s.peer.keyframeRequests.Load()
	for range joins {
		viewer := newPeer(t, nil).subscribe()
		offer := viewer.offer()
		start := time.Now()
		sub, answer, err := s.router.NewViewer("v").Subscribe(s.publisher, offer, sfu.SubscribeConfig{})
		if err != nil {
			t.Fatal(err)
		}
		viewer.accept(answer)
		p := read(t, viewer.track(s.ctx, webrtc.RTPCodecTypeVideo))
		times = append(times, time.Since(start))
		if p.Payload[0]&31 != 24 && p.Payload[0]&31 != 7 {
			t.Errorf("the first packet is not of a keyframe: %x", p.Payload[:4])
		}
		sub.Close("")
		_ = viewer.Close()
	}
	slices.Sort(times)
	t.Logf("offer to first keyframe: median %v, worst %v", times[len(times)/2], times[len(times)-1])
	// On a very busy machine a group may be too old now and then.
	if n := s.peer.keyframeRequests.Load() - before; n > joins/2 {
		t.Errorf("%d keyframes were requested for %d joins", n, joins)
	}
}

// tcpOnly removes the UDP candidates of an answer.
func tcpOnly(answer string) string {
	var kept []string
	for _, line := range strings.Split(answer, "\r\n") {
		if !strings.HasPrefix(line, "a=candidate:") || strings.Contains(line, " tcp ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n")
}

// activeTCP makes a peer connect by TCP.
func activeTCP(s *webrtc.SettingEngine) {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	s.DisableActiveTCP(false)
}

func TestEngine_WorksOverTCP(t *testing.T) {
	e := listen(t, nil)
	r := e.NewRouter(sfu.RouterConfig{})
	ctx := within(t, 30*time.Second)
	publisher := newPeer(t, activeTCP).publish(webrtc.MimeTypeH264)
	ev := newEvents()
	p, answer, err := r.Publish(publisher.offer(), sfu.PublishConfig{Participant: "alice", Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	publisher.accept(tcpOnly(answer))
	go publisher.play(ctx, 25)
	c := ev.await(t, ctx, "connecting", is[sfu.Connected]).(sfu.Connected)
	if c.Protocol != "tcp" {
		t.Errorf("the publisher is connected by %s", c.Protocol)
	}
	viewer := newPeer(t, activeTCP).subscribe()
	_, answer, err = r.NewViewer("bob").Subscribe(p, viewer.offer(), sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	viewer.accept(tcpOnly(answer))
	track := viewer.track(ctx, webrtc.RTPCodecTypeVideo)
	last := read(t, track).SequenceNumber
	for range 50 {
		p := read(t, track)
		if p.SequenceNumber != last+1 {
			t.Errorf("packet %d follows %d", p.SequenceNumber, last)
		}
		last = p.SequenceNumber
	}
}

func TestEngine_FollowsAPeerWhoseAddressChanges(t *testing.T) {
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 25)
	viewer := newPeer(t, nil).subscribe()
	sub, answer, err := s.router.NewViewer("bob").Subscribe(s.publisher, viewer.offer(), sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	w := newNetworkPath(t, s.engine.Port(), 0)
	viewer.accept(w.rewrite(answer, s.engine.Port()))
	track := viewer.track(s.ctx, webrtc.RTPCodecTypeVideo)
	read(t, track)
	before := sub.Stats().Transport.Remote
	w.rebind(t)
	deadline := time.Now().Add(8 * time.Second)
	for sub.Stats().Transport.Remote == before && time.Now().Before(deadline) {
		_ = track.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, _, _ = track.ReadRTP()
	}
	if sub.Stats().Transport.Remote == before {
		t.Fatal("media is still sent to the old address")
	}
	for range 50 {
		read(t, track)
	}
}
