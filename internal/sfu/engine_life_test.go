package sfu_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/pion/webrtc/v4"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

func TestEngine_RestartsICE(t *testing.T) {
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 25)
	viewer := newPeer(t, nil).subscribe()
	sub := s.subscribe(viewer, sfu.SubscribeConfig{})
	track := viewer.track(s.ctx, webrtc.RTPCodecTypeVideo)
	read(t, track)
	tag := sub.ETag()
	if answer, err := sub.Patch("a=candidate:1 1 UDP 2130706431 169.254.169.254 80 typ host\r\n", true); answer != "" || err != nil {
		t.Fatalf("a candidate returns %q, %v", answer, err)
	}
	fragment, err := sub.Patch("a=ice-ufrag:newu\r\na=ice-pwd:abcdefghijklmnopqrstuvwxyz\r\na=mid:0\r\n", true)
	if err != nil || !strings.Contains(fragment, "a=ice-ufrag:") || !strings.Contains(fragment, "a=candidate:") {
		t.Fatalf("the restart returns %q, %v", fragment, err)
	}
	if sub.ETag() == tag {
		t.Error("the ETag did not change")
	}
	for range 100 { // media continues meanwhile
		read(t, track)
	}
	sub.Close("test")
	if _, err := sub.Patch("", true); err == nil {
		t.Error("a closed subscriber accepts a fragment")
	}
}

// Any part of an offer that is kept would keep all of its text in memory.
func TestEngine_ReleasesTheOfferOfAConnectedViewer(t *testing.T) {
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 25)
	viewer := newPeer(t, nil).subscribe()
	offer := strings.Clone(viewer.offer())
	text := weak.Make(unsafe.StringData(offer))
	sub, answer, err := s.router.NewViewer("viewer").Subscribe(s.publisher, offer, sfu.SubscribeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	viewer.accept(answer)
	read(t, viewer.track(s.ctx, webrtc.RTPCodecTypeVideo))
	for offer = ""; text.Value() != nil && s.ctx.Err() == nil; {
		runtime.GC()
	}
	if text.Value() != nil {
		t.Error("the offer stays in memory")
	}
	sub.Close("")
}

func TestEngine_SendsClosedOnceAndClosesDownward(t *testing.T) {
	e := listen(t, nil)
	s := newSession(t, e, webrtc.MimeTypeH264, 25)
	ev := newEvents()
	viewer := newPeer(t, nil).subscribe()
	sub := s.subscribe(viewer, sfu.SubscribeConfig{Notify: ev.notify})
	read(t, viewer.track(s.ctx, webrtc.RTPCodecTypeVideo))
	s.publisher.Close("kicked")
	s.publisher.Close("again")
	own := s.events.await(t, s.ctx, "the end", is[sfu.Closed]).(sfu.Closed)
	if own.Cause != sfu.CauseClosed || own.Reason != "kicked" {
		t.Errorf("the publisher got %+v", own)
	}
	gone := ev.await(t, s.ctx, "the end", is[sfu.Closed]).(sfu.Closed)
	if gone.Cause != sfu.CausePublisherGone {
		t.Errorf("the subscriber got %+v", gone)
	}
	<-sub.Done()
	if _, _, err := s.router.NewViewer("late").Subscribe(s.publisher, newPeer(t, nil).subscribe().offer(), sfu.SubscribeConfig{}); err == nil {
		t.Error("a closed publisher can be subscribed to")
	}
	if n := e.Stats().Transports; n != 0 {
		t.Errorf("%d transports are left", n)
	}
}

func TestEngine_EndsATransportThatIsLost(t *testing.T) {
	e := listen(t, func(c *sfu.Config) { c.LostAfter = 1500 * time.Millisecond })
	s := newSession(t, e, webrtc.MimeTypeH264, 25)
	ev := newEvents()
	viewer := newPeer(t, nil).subscribe()
	_, answer, err := s.router.NewViewer("bob").Subscribe(s.publisher, viewer.offer(), sfu.SubscribeConfig{Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	w := newNetworkPath(t, e.Port(), 0)
	viewer.accept(w.rewrite(answer, e.Port()))
	read(t, viewer.track(s.ctx, webrtc.RTPCodecTypeVideo))
	w.setLoss(1)
	start := time.Now()
	end := ev.await(t, s.ctx, "the end", is[sfu.Closed]).(sfu.Closed)
	if end.Cause != sfu.CauseLost || time.Since(start) > 4*time.Second {
		t.Errorf("after %v it got %+v", time.Since(start), end)
	}
}

func TestEngine_TapWritesOneContinuousStream(t *testing.T) {
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 25, "low", "hi")
	k := &sink{}
	detach, err := s.publisher.Tap(housemedia.Video, k)
	if err != nil {
		t.Fatal(err)
	}
	for k.count() < 100 && s.ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	detach()
	n := k.count()
	time.Sleep(60 * time.Millisecond)
	if k.count() != n {
		t.Error("packets are written after detach")
	}
	for i, p := range k.packets {
		if i == 0 && !p.Keyframe || i > 0 && p.Sequence != k.packets[i-1].Sequence+1 {
			t.Fatalf("packet %d: keyframe %v, number %d", i, p.Keyframe, p.Sequence)
		}
	}
}

type sink struct {
	mu      sync.Mutex
	packets []housemedia.Packet
}

func (k *sink) Write(p housemedia.Packet) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.packets = append(k.packets, p)
	return nil
}

func (k *sink) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.packets)
}

// last is the last byte of the last packet.
func (k *sink) last() byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.packets) == 0 {
		return 0
	}
	payload := k.packets[len(k.packets)-1].Payload
	return payload[len(payload)-1]
}

func ExampleListen() {
	e, err := sfu.Listen(sfu.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	fmt.Println(len(e.Candidates()), "candidates")
	// Output: 2 candidates
}

func TestEngine_RejectsAPeerWithAnotherCertificate(t *testing.T) {
	e := listen(t, nil)
	r := e.NewRouter(sfu.RouterConfig{})
	ctx := within(t, 20*time.Second)
	publisher := newPeer(t, nil).publish(webrtc.MimeTypeH264)
	ev := newEvents()
	offer := publisher.offer()
	at := strings.Index(offer, "a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
	other := map[bool]string{true: "01", false: "00"}[offer[at:at+2] == "00"]
	p, answer, err := r.Publish(offer[:at]+other+offer[at+2:], sfu.PublishConfig{Participant: "mallory", Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	publisher.accept(answer)
	end := ev.await(t, ctx, "closing", is[sfu.Closed]).(sfu.Closed)
	if end.Cause != sfu.CauseHandshakeFailed {
		t.Errorf("got %+v", end)
	}
	if s := p.Stats(); s.Transport.Connected {
		t.Errorf("it counts as connected: %+v", s)
	}
}

func TestEngine_IsTheDTLSClientOfAPassivePeer(t *testing.T) {
	e := listen(t, nil)
	r := e.NewRouter(sfu.RouterConfig{})
	ctx := within(t, 20*time.Second)
	publisher := newPeer(t, nil).publish(webrtc.MimeTypeH264)
	ev := newEvents()
	offer := strings.ReplaceAll(publisher.offer(), "a=setup:actpass", "a=setup:passive")
	_, answer, err := r.Publish(offer, sfu.PublishConfig{Participant: "encoder", Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "a=setup:active") {
		t.Fatalf("the answer does not take the client role:\n%s", answer)
	}
	publisher.accept(answer)
	go publisher.play(ctx, 25)
	ev.await(t, ctx, "publishing", is[sfu.MediaStarted])
}
