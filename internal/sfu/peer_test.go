package sfu_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/sfu"
)

// peer is a pion client for tests.
type peer struct {
	*webrtc.PeerConnection
	t      *testing.T
	tracks []*sentTrack // video layers, then audio
	sender *webrtc.RTPSender
	media  chan *webrtc.TrackRemote
	pli    chan struct{}

	keyframeRequests atomic.Int32
}

func newPeer(t *testing.T, change func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	return newPeerWith(t, webrtc.Configuration{}, change)
}

// newPeerWith makes a peer with ICE servers.
func newPeerWith(t *testing.T, cfg webrtc.Configuration, change func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(m, registry); err != nil {
		t.Fatal(err)
	}
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICETimeouts(2*time.Second, 5*time.Second, 200*time.Millisecond)
	if change != nil {
		change(&s)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{PeerConnection: pc, t: t, media: make(chan *webrtc.TrackRemote, 4), pli: make(chan struct{}, 64)}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.media <- track })
	t.Cleanup(func() { _ = pc.Close() })
	return p
}

// publish makes the peer send audio, and one video layer for each RID, or one without a RID.
func (p *peer) publish(mime string, rids ...string) *peer {
	p.t.Helper()
	if len(rids) == 0 {
		rids = []string{""}
	}
	for _, rid := range rids {
		track := newSentTrack(p.t, mime, "video", rid)
		var err error
		if p.sender == nil {
			p.sender, err = p.AddTrack(track)
		} else {
			err = p.sender.AddEncoding(track)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		p.tracks = append(p.tracks, track)
	}
	audio := newSentTrack(p.t, webrtc.MimeTypeOpus, "audio", "")
	if _, err := p.AddTrack(audio); err != nil {
		p.t.Fatal(err)
	}
	p.tracks = append(p.tracks, audio)
	for _, rid := range rids {
		go p.readKeyframeRequests(rid)
	}
	return p
}

// readKeyframeRequests reads the keyframe requests for one encoding.
func (p *peer) readKeyframeRequests(rid string) {
	for {
		var packets []rtcp.Packet
		var err error
		if rid == "" {
			packets, _, err = p.sender.ReadRTCP()
		} else {
			packets, _, err = p.sender.ReadSimulcastRTCP(rid)
		}
		if err != nil {
			return
		}
		for _, r := range packets {
			if _, ok := r.(*rtcp.PictureLossIndication); !ok {
				continue
			}
			p.keyframeRequests.Add(1)
			select {
			case p.pli <- struct{}{}:
			default:
			}
		}
	}
}

// subscribe makes the peer receive audio and video.
func (p *peer) subscribe() *peer {
	p.t.Helper()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			p.t.Fatal(err)
		}
	}
	return p
}

func (p *peer) offer() string { return offerOf(p.t, p.PeerConnection) }

func (p *peer) accept(answer string) { accept(p.t, p.PeerConnection, answer) }

// track waits for a track of a kind.
func (p *peer) track(ctx context.Context, kind webrtc.RTPCodecType) *webrtc.TrackRemote {
	p.t.Helper()
	for {
		select {
		case track := <-p.media:
			if track.Kind() == kind {
				go func() { // unread packets would look like loss to the sender
					for {
						select {
						case other := <-p.media:
							go drain(other)
						case <-ctx.Done():
							return
						}
					}
				}()
				return track
			}
			go drain(track)
		case <-ctx.Done():
			p.t.Fatalf("no %s was received", kind)
		}
	}
}

func drain(track *webrtc.TrackRemote) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
	}
}

// play sends a frame of each layer every 20 ms: a keyframe at the start, every gop frames (0:
// never), and on request. The first byte after the NAL header is the layer.
func (p *peer) play(ctx context.Context, gop int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	h264 := func(layer int, key bool) []byte {
		if key {
			return append([]byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, byte(layer), 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, byte(layer), 1}, fill(5000)...)
		}
		return append([]byte{0, 0, 0, 1, 0x41, byte(layer), 1}, fill(600+1200*layer)...)
	}
	for i := 0; ctx.Err() == nil; i++ {
		key := i == 0 || gop > 0 && i%gop == 0
		select {
		case <-p.pli:
			key = true
		default:
		}
		for layer, track := range p.tracks[:len(p.tracks)-1] {
			data := h264(layer, key)
			if track.mime == webrtc.MimeTypeVP8 {
				data = append([]byte{1, 0, 0}, fill(800)...)
				if key {
					data = append([]byte{0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1}, fill(3000)...)
				}
			}
			track.write(data, p.sender.GetParameters().HeaderExtensions)
		}
		p.tracks[len(p.tracks)-1].write(fill(80), nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// sentTrack is one encoding that a peer sends. It writes RIDs, which pion leaves to its users.
type sentTrack struct {
	*webrtc.TrackLocalStaticRTP
	mime, rid string
	packets   rtp.Packetizer
	ticks     uint32 // in 20 ms
}

func newSentTrack(t *testing.T, mime, id, rid string) *sentTrack {
	t.Helper()
	var options []func(*webrtc.TrackLocalStaticRTP)
	if rid != "" {
		options = append(options, webrtc.WithRTPStreamID(rid))
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, "p", options...)
	if err != nil {
		t.Fatal(err)
	}
	o := &sentTrack{TrackLocalStaticRTP: track, mime: mime, rid: rid, ticks: 1800}
	var payloader rtp.Payloader = &codecs.H264Payloader{}
	switch mime {
	case webrtc.MimeTypeVP8:
		payloader = &codecs.VP8Payloader{EnablePictureID: true}
	case webrtc.MimeTypeOpus:
		payloader, o.ticks = &codecs.OpusPayloader{}, 960
	}
	o.packets = rtp.NewPacketizer(1200, 0, 0, payloader, rtp.NewRandomSequencer(), 90000)
	return o
}

func (o *sentTrack) write(data []byte, extensions []webrtc.RTPHeaderExtensionParameter) {
	for _, p := range o.packets.Packetize(data, o.ticks) {
		for _, e := range extensions {
			if o.rid != "" && strings.HasSuffix(e.URI, ":rtp-stream-id") {
				_ = p.SetExtension(uint8(e.ID), []byte(o.rid))
			}
		}
		_ = o.WriteRTP(p)
	}
}

// fill returns n bytes without start codes.
func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)%200 + 7
	}
	return b
}

// events collects events.
type events struct {
	mu   sync.Mutex
	all  []sfu.Event
	more chan struct{}
}

func newEvents() *events { return &events{more: make(chan struct{}, 1)} }

func (e *events) notify(ev sfu.Event) {
	e.mu.Lock()
	e.all = append(e.all, ev)
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
}

// await waits for an event.
func (e *events) await(t *testing.T, ctx context.Context, what string, fits func(sfu.Event) bool) sfu.Event {
	t.Helper()
	for {
		e.mu.Lock()
		for _, ev := range e.all {
			if fits(ev) {
				e.mu.Unlock()
				return ev
			}
		}
		e.mu.Unlock()
		select {
		case <-e.more:
		case <-ctx.Done():
			t.Fatalf("no event for %s, only %+v", what, e.all)
		}
	}
}

func is[T sfu.Event](e sfu.Event) bool {
	_, ok := e.(T)
	return ok
}
