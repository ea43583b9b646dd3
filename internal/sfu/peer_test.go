package sfu_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/sfu"
)

// A peer is a pion client for tests.
type peer struct {
	*webrtc.PeerConnection
	t      *testing.T
	tracks []*outgoing // video layers, then audio
	sender *webrtc.RTPSender
	media  chan *webrtc.TrackRemote
	pli    chan struct{}
}

func newPeer(t *testing.T, change func(*webrtc.SettingEngine)) *peer {
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
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{PeerConnection: pc, t: t, media: make(chan *webrtc.TrackRemote, 4), pli: make(chan struct{}, 64)}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.media <- track })
	t.Cleanup(func() { _ = pc.Close() })
	return p
}

// publishes makes the peer send one video layer for each RID (one without, when none is
// given) and sound.
func (p *peer) publishes(mime string, rids ...string) *peer {
	p.t.Helper()
	if len(rids) == 0 {
		rids = []string{""}
	}
	for _, rid := range rids {
		track := newOutgoing(p.t, mime, "video", rid)
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
	audio := newOutgoing(p.t, webrtc.MimeTypeOpus, "audio", "")
	if _, err := p.AddTrack(audio); err != nil {
		p.t.Fatal(err)
	}
	p.tracks = append(p.tracks, audio)
	for _, rid := range rids {
		go p.listen(rid)
	}
	return p
}

// listen hears the keyframe requests for one encoding.
func (p *peer) listen(rid string) {
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
			select {
			case p.pli <- struct{}{}:
			default:
			}
		}
	}
}

// watches makes the peer receive sound and picture.
func (p *peer) watches() *peer {
	p.t.Helper()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			p.t.Fatal(err)
		}
	}
	return p
}

func (p *peer) offer() string { return offerOf(p.t, p.PeerConnection) }

func (p *peer) accepts(answer string) { accept(p.t, p.PeerConnection, answer) }

// track waits for the medium of a kind.
func (p *peer) track(ctx context.Context, kind webrtc.RTPCodecType) *webrtc.TrackRemote {
	p.t.Helper()
	for {
		select {
		case track := <-p.media:
			if track.Kind() == kind {
				go func() { // what isn't read looks like loss to the sender
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
			p.t.Fatalf("no %s came", kind)
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

// play sends a picture of each layer every 20 ms, a keyframe at the start, every gop
// pictures (0: never), and when one is asked for. The first byte behind the NAL header tells
// the layer.
func (p *peer) play(ctx context.Context, gop int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	h264 := func(layer int, key bool) []byte {
		if key {
			return append([]byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, byte(layer), 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, byte(layer), 1}, fill(5000)...)
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

// outgoing is one encoding on its way out. It writes RIDs, which pion leaves to its users.
type outgoing struct {
	*webrtc.TrackLocalStaticRTP
	mime, rid string
	packets   rtp.Packetizer
	ticks     uint32 // in 20 ms
}

func newOutgoing(t *testing.T, mime, id, rid string) *outgoing {
	t.Helper()
	var options []func(*webrtc.TrackLocalStaticRTP)
	if rid != "" {
		options = append(options, webrtc.WithRTPStreamID(rid))
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, "p", options...)
	if err != nil {
		t.Fatal(err)
	}
	o := &outgoing{TrackLocalStaticRTP: track, mime: mime, rid: rid, ticks: 1800}
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

func (o *outgoing) write(data []byte, extensions []webrtc.RTPHeaderExtensionParameter) {
	for _, p := range o.packets.Packetize(data, o.ticks) {
		for _, e := range extensions {
			if o.rid != "" && strings.HasSuffix(e.URI, ":rtp-stream-id") {
				_ = p.SetExtension(uint8(e.ID), []byte(o.rid))
			}
		}
		_ = o.WriteRTP(p)
	}
}

// fill is n bytes without start codes.
func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)%200 + 7
	}
	return b
}

// A wire relays UDP between one peer and the engine, and loses some.
type wire struct {
	front, back *net.UDPConn
	mu          sync.Mutex
	loss        float64
	client      *net.UDPAddr
	rate        float64   // bits a second towards the peer, 0 without limit
	free        time.Time // when the limited link has sent what waits
	queue       chan timed
}

// timed is a datagram on the limited link.
type timed struct {
	data []byte
	at   time.Time
}

// queueTime is how long a datagram may wait for the limited link.
const queueTime = 250 * time.Millisecond

func newWire(t *testing.T, port uint16, loss float64) *wire {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{front: front, back: back, loss: loss, queue: make(chan timed, 4096)}
	t.Cleanup(func() { front.Close(); w.current().Close(); close(w.queue) })
	go w.deliver()
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := front.ReadFromUDP(b)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.client = from
			w.mu.Unlock()
			if !w.loses() {
				_, _ = w.current().Write(b[:n])
			}
		}
	}()
	go w.backward(back)
	return w
}

func (w *wire) backward(back *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, err := back.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		client := w.client
		w.mu.Unlock()
		if client != nil && !w.loses() {
			w.enqueue(b[:n])
		}
	}
}

// enqueue puts a datagram on the link, or drops it from the tail of its queue.
func (w *wire) enqueue(b []byte) {
	defer func() { _ = recover() }() // the queue is closed when the test ends
	w.mu.Lock()
	now := time.Now()
	at := now
	if w.rate > 0 {
		if w.free.Before(now) {
			w.free = now
		}
		if w.free.Sub(now) > queueTime {
			w.mu.Unlock()
			return
		}
		w.free = w.free.Add(time.Duration(float64(len(b)+28) * 8 / w.rate * 1e9))
		at = w.free
	}
	w.mu.Unlock()
	select {
	case w.queue <- timed{bytes.Clone(b), at}:
	default:
	}
}

func (w *wire) deliver() {
	for d := range w.queue {
		if wait := time.Until(d.at); wait > 0 {
			time.Sleep(wait)
		}
		w.mu.Lock()
		client := w.client
		w.mu.Unlock()
		_, _ = w.front.WriteToUDP(d.data, client)
	}
}

func (w *wire) setRate(bps float64) {
	w.mu.Lock()
	w.rate = bps
	w.mu.Unlock()
}

// rebind gives the peer another address, as a NAT does that forgot it.
func (w *wire) rebind(t *testing.T) {
	t.Helper()
	back, err := net.DialUDP("udp4", nil, w.current().RemoteAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	old := w.back
	w.back = back
	w.mu.Unlock()
	old.Close()
	go w.backward(back)
}

func (w *wire) current() *net.UDPConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back
}

func (w *wire) loses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return rand.Float64() < w.loss
}

func (w *wire) setLoss(share float64) {
	w.mu.Lock()
	w.loss = share
	w.mu.Unlock()
}

// through rewrites an answer so that its candidates lead over the wire.
func (w *wire) through(answer string, port uint16) string {
	return strings.ReplaceAll(answer, fmt.Sprintf(" 127.0.0.1 %d ", port), fmt.Sprintf(" 127.0.0.1 %d ", w.front.LocalAddr().(*net.UDPAddr).Port))
}

// events collects what an owner is told.
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

// await waits for an event that fits.
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
			t.Fatalf("%s didn't happen, only %+v", what, e.all)
		}
	}
}

func is[T sfu.Event](e sfu.Event) bool {
	_, ok := e.(T)
	return ok
}
