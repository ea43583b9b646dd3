package signaling_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/stage"
	"rostrum/internal/testpattern"
	"rostrum/realtime"
	"rostrum/test/tcppath"
)

// A pausingPublisher publishes hi, mid and low and pauses unused layers.
type pausingPublisher struct {
	*fixture
	path    *tcppath.Path
	video   *realtime.LocalTrack
	running sync.WaitGroup
}

// publishPausing publishes a test pattern with keyframes on request only, and
// follows the events socket.
func (c *fixture) publishPausing(t realtime.Token) *pausingPublisher {
	c.Helper()
	source, err := peer.NewPatternSource(peer.PatternConfig{
		Simulcast: true, NoAudio: true,
		Video: testpattern.VideoConfig{Width: 1280, Height: 720, FPS: 10, Keyframe: time.Hour, Bitrate: 400_000},
	})
	if err != nil {
		c.Fatal(err)
	}
	h := &pausingPublisher{fixture: c, path: &tcppath.Path{}, video: source.Tracks()[0]}
	s, err := realtime.Join(c.ctx, t.Raw, realtime.Config{Network: realtime.UDPOnly, Client: h.path.Client(c)})
	if err != nil {
		c.Fatal(err)
	}
	if _, err := s.Publish(c.ctx, h.video); err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	h.running.Go(func() { _ = source.Run(ctx) }) // it fails when the publication has ended
	c.Cleanup(func() {
		cancel()
		h.running.Wait()
		_ = s.Close()
	})
	return h
}

// untilSends waits until exactly these of hi, mid and low are sent.
func (h *pausingPublisher) untilSends(what string, sent [3]bool) {
	h.Helper()
	h.eventually(what, func() bool {
		for layer, want := range sent {
			if h.video.IsPaused(layer) == want {
				return false
			}
		}
		return true
	})
}

// TestServer_PausesUnusedLayers: without viewers only the smallest layer is
// sent. A layer that a viewer selects resumes, with a keyframe. Without a
// socket all are sent.
func TestServer_PausesUnusedLayers(t *testing.T) {
	c := newFixture(t, stage.Config{Linger: time.Second, Grace: 5 * time.Second})
	h := c.publishPausing(c.token("alice"))
	h.untilSends("only the smallest layer is sent", [3]bool{false, false, true})
	bytes := func() uint64 { return h.video.Stats().Bytes }
	before := bytes()
	time.Sleep(2 * time.Second)
	if rate := (bytes() - before) * 8 / 2; rate > 150_000 {
		t.Errorf("%d bit/s are still sent", rate)
	}

	whole := make(chan time.Time, 1)
	small := make(chan struct{}, 1)
	s, err := c.trySubscribe(c.token("bob", viewer), "alice", func(_ *realtime.RemoteTrack, r realtime.Received) {
		switch r.Width {
		case 1280:
			select {
			case whole <- time.Now():
			default:
			}
		case 320:
			select {
			case small <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-small
	asked := time.Now()
	if _, err := s.SelectLayer(c.ctx, "hi"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the publisher resumes the best layer", func() bool { return !h.video.IsPaused(0) })
	resumed := time.Since(asked)
	select {
	case at := <-whole:
		t.Logf("the best layer arrived %v after it was selected; its publisher resumed it after %v", at.Sub(asked), resumed)
	case <-c.ctx.Done():
		t.Fatal("the best layer never arrived")
	}
	h.untilSends("the selected layer and all below are sent", [3]bool{true, true, true})
	if _, err := s.SelectLayer(c.ctx, "mid"); err != nil {
		t.Fatal(err)
	}
	h.untilSends("layers above the selected one are paused", [3]bool{false, true, true})
	h.path.Cut()
	h.untilSends("all are sent without a socket", [3]bool{true, true, true})
	h.path.Mend()
	h.untilSends("the new socket pauses them again", [3]bool{false, true, true})
}
