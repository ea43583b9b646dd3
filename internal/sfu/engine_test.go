package sfu_test

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"go.uber.org/goleak"

	"rostrum/internal/sfu"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

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

// peerAPI makes pion peers that may use loopback.
func peerAPI(t *testing.T, change func(*webrtc.SettingEngine)) *webrtc.API {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICETimeouts(2*time.Second, 5*time.Second, 200*time.Millisecond)
	if change != nil {
		change(&s)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s))
}

// connect makes an offer of pc, has answer answer it and returns once connected.
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
		t.Fatalf("the answer was refused: %v\n%s", err, answer)
	}
}

func TestEngine_CarriesSoundAndPicture(t *testing.T) {
	e := listen(t, nil)
	r := e.NewRouter(sfu.RouterConfig{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	pub, err := peerAPI(t, nil).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	video, _ := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "video", "p")
	audio, _ := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "p")
	for _, track := range []webrtc.TrackLocal{video, audio} {
		if _, err := pub.AddTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	started := make(chan sfu.Event, 64)
	p, answer, err := r.Publish(offerOf(t, pub), sfu.PublishConfig{Participant: "alice", Notify: func(e sfu.Event) { started <- e }})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pub, answer)
	go send(ctx, video, audio)

	sub, err := peerAPI(t, nil).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := sub.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan string, 2)
	sub.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for range 30 {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
		}
		got <- track.Kind().String()
	})
	v := r.NewViewer("bob")
	s, answer, err := v.Subscribe(p, offerOf(t, sub), sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, sub, answer)
	for range 2 {
		select {
		case <-got:
		case <-ctx.Done():
			t.Fatalf("no media came\npublisher %+v\nsubscriber %+v\nengine %+v", p.Stats(), s.Stats(), e.Stats())
		}
	}
	t.Logf("publisher %+v\nsubscriber %+v\nengine %+v", p.Stats(), s.Stats(), e.Stats())
}

// send plays keyframes and deltas until ctx ends.
func send(ctx context.Context, video, audio *webrtc.TrackLocalStaticSample) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		nal := append([]byte{0, 0, 0, 1, 0x41, 0x9a}, make([]byte, 3000)...)
		if i%50 == 0 {
			nal = append([]byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88}, make([]byte, 6000)...)
		}
		_ = video.WriteSample(media.Sample{Data: nal, Duration: 20 * time.Millisecond})
		_ = audio.WriteSample(media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond})
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
