package sfu_test

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

// TestEngine_LayersFollowThePath narrows a viewer's path from plenty to 600 kbps and widens
// it again: the layer must go down within two seconds and up again within ten, sound flowing
// throughout.
func TestEngine_LayersFollowThePath(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	s := newStage(t, listen(t, nil), webrtc.MimeTypeH264, 0, "low", "mid", "hi") // 240, 720, 1,200 kbps
	ctx := within(t, 60*time.Second)
	ev := newEvents()
	viewer := newPeer(t, nil).watches()
	sub, answer, err := s.router.NewViewer("bob").Subscribe(s.publisher, viewer.offer(), sfu.SubscribeConfig{Notify: ev.notify})
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, s.engine.Port(), 0)
	viewer.accepts(w.through(answer, s.engine.Port()))
	go drain(viewer.track(ctx, webrtc.RTPCodecTypeVideo))
	await := func(what string, most time.Duration, fits func(sfu.SubscriptionStats) bool) {
		t.Helper()
		start := time.Now()
		for {
			st := sub.Stats()
			v := st.Subscriptions[1]
			if fits(v) {
				t.Logf("%s after %v: %s at an estimate of %d", what, time.Since(start).Round(10*time.Millisecond), v.Current, st.Estimate)
				return
			}
			if time.Since(start) > most {
				t.Fatalf("%s: not within %v, %s flows at an estimate of %d\n%+v", what, most, v.Current, st.Estimate, v)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	await("the best layer", 8*time.Second, func(v sfu.SubscriptionStats) bool { return v.Current == "hi" })
	time.Sleep(2 * time.Second)
	w.setRate(600e3)
	await("down", 2500*time.Millisecond, func(v sfu.SubscriptionStats) bool { return v.Current == "low" })
	published := func() uint64 { return s.publisher.Stats().Tracks[0].Layers[0].Packets }
	before, given := sub.Stats().Subscriptions[0].Packets, published()
	time.Sleep(3 * time.Second)
	given = published() - given // before what was forwarded is counted: a busy machine takes its time in between
	if v := sub.Stats().Subscriptions; v[1].Current == "hi" || v[1].Paused || v[0].Packets-before < given*95/100 {
		t.Errorf("on the narrow path %q flows (paused %v), with %d of %d packets of sound in 3 s", v[1].Current, v[1].Paused, v[0].Packets-before, given)
	}
	w.setRate(0)
	await("up", 10*time.Second, func(v sfu.SubscriptionStats) bool { return v.Current == "hi" })

	w.setRate(120e3) // less than the smallest layer
	await("pause", 12*time.Second, func(v sfu.SubscriptionStats) bool { return v.Paused && v.Reason == sfu.PausedByBandwidth })
	ev.await(t, ctx, "being told", func(e sfu.Event) bool {
		l, ok := e.(sfu.LayerSelected)
		return ok && l.Kind == housemedia.Video && l.Paused && l.Reason == sfu.PausedByBandwidth
	})
	w.setRate(0)
	await("resume", 15*time.Second, func(v sfu.SubscriptionStats) bool { return !v.Paused })
}
