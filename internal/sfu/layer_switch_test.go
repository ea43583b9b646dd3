package sfu_test

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

// A viewer's path narrows to 600 kbps and widens again. The layer must go down within two and a
// half seconds and up within ten, while all audio is forwarded.
func TestEngine_SwitchesLayersWithTheBandwidth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	s := newSession(t, listen(t, nil), webrtc.MimeTypeH264, 0, "low", "mid", "hi") // 240, 720, 1,200 kbps
	ctx := within(t, 60*time.Second)
	ev := newEvents()
	viewer := newPeer(t, nil).subscribe()
	sub, answer, err := s.router.NewViewer("bob").Subscribe(s.publisher, viewer.offer(), sfu.SubscribeConfig{Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	w := newNetworkPath(t, s.engine.Port(), 0)
	viewer.accept(w.rewrite(answer, s.engine.Port()))
	go drain(viewer.track(ctx, webrtc.RTPCodecTypeVideo))
	await := func(what string, limit time.Duration, fits func(sfu.SubscriptionStats) bool) {
		t.Helper()
		start := time.Now()
		for {
			st := sub.Stats()
			v := st.Subscriptions[1]
			if fits(v) {
				t.Logf("%s after %v: %s at an estimate of %d", what, time.Since(start).Round(10*time.Millisecond), v.Current, st.Estimate)
				return
			}
			if time.Since(start) > limit {
				t.Fatalf("%s: not within %v, %s flows at an estimate of %d\n%+v", what, limit, v.Current, st.Estimate, v)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	await("the best layer", 8*time.Second, func(v sfu.SubscriptionStats) bool { return v.Current == "hi" })
	time.Sleep(2 * time.Second)
	w.setRate(600e3)
	await("down", 2500*time.Millisecond, func(v sfu.SubscriptionStats) bool { return v.Current == "low" })
	published := func() uint64 { return s.publisher.Stats().Tracks[0].Layers[0].Packets }
	before, sent := sub.Stats().Subscriptions[0].Packets, published()
	time.Sleep(3 * time.Second)
	sent = published() - sent // read before the forwarded packets: on a busy machine time passes in between
	if v := sub.Stats().Subscriptions; v[1].Current == "hi" || v[1].Paused || v[0].Packets-before < sent*95/100 {
		t.Errorf("on the narrow path %q flows (paused %v), with %d of %d audio packets in 3 s", v[1].Current, v[1].Paused, v[0].Packets-before, sent)
	}
	w.setRate(0)
	await("up", 10*time.Second, func(v sfu.SubscriptionStats) bool { return v.Current == "hi" })

	w.setRate(120e3) // less than the smallest layer
	await("pause", 12*time.Second, func(v sfu.SubscriptionStats) bool { return v.Paused && v.Reason == sfu.PausedByBandwidth })
	ev.await(t, ctx, "the pause", func(e sfu.Event) bool {
		l, ok := e.(sfu.LayerSelected)
		return ok && l.Kind == housemedia.Video && l.Paused && l.Reason == sfu.PausedByBandwidth
	})
	w.setRate(0)
	await("resume", 15*time.Second, func(v sfu.SubscriptionStats) bool { return !v.Paused })
}
