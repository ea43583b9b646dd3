// Package call has the publishers and subscribers of tests with the real server.
package call

import (
	"context"
	"testing"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// Publish sends small pictures from a stage until ctx ends, and waits for that at the end of the
// test. A keyframe comes at the given distance, and where one is asked for.
func Publish(ctx context.Context, t testing.TB, from *realtime.Stage, keyframe time.Duration) *realtime.Publication {
	t.Helper()
	const pictureTime = time.Second / 15
	pattern, err := testpattern.NewVideo(testpattern.VideoConfig{Width: 320, Height: 176, FPS: 15, Bitrate: 150_000, Keyframe: keyframe})
	if err != nil {
		t.Fatal(err)
	}
	video := realtime.NewTrack(realtime.H264)
	publication, err := from.Publish(ctx, video)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pictureTime)
		defer tick.Stop()
		for n := uint32(0); ; n++ {
			wanted := false
			select {
			case <-video.KeyframeWanted(0):
				wanted = true
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			data, key := pattern.Frame(n, time.Now(), wanted)
			_ = video.WriteSample(0, realtime.Sample{Time: time.Duration(n) * pictureTime, Keyframe: key, Data: data}) // it may be reconnecting
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return publication
}

// Subscribe receives what somebody publishes on a stage. Keyframes that arrive are sent, if the
// one before was taken.
func Subscribe(ctx context.Context, t testing.TB, by *realtime.Stage) (*realtime.Subscription, <-chan realtime.Received) {
	t.Helper()
	e := AwaitEvent(ctx, t, by, func(e realtime.PublishChanged) bool { return e.Participant.Publishing })
	keyframes := make(chan realtime.Received, 1)
	subscription, err := by.Subscribe(ctx, e.Participant.ID, realtime.SubscribeConfig{OnSample: func(_ *realtime.RemoteTrack, r realtime.Received) {
		if r.Keyframe {
			select {
			case keyframes <- r:
			default:
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return subscription, keyframes
}

// AwaitEvent returns the first event of a type that fits.
func AwaitEvent[E realtime.Event](ctx context.Context, t testing.TB, stage *realtime.Stage, fits func(E) bool) E {
	t.Helper()
	var none E
	for {
		select {
		case e, open := <-stage.Events():
			if !open {
				t.Fatalf("the stage ended with %v; there was no %T", stage.Err(), none)
			}
			if e, ok := e.(E); ok && fits(e) {
				return e
			}
		case <-ctx.Done():
			t.Fatalf("there was no %T", none)
		}
	}
}
