package signaling_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/stage"
	"rostrum/internal/testpattern"
)

// heeding is a publisher of hi, mid and low who leaves out what nobody watches.
type heeding struct {
	*scene
	token   peer.Token
	video   *peer.Outlet
	running sync.WaitGroup
	hangUp  context.CancelFunc // ends its events socket
}

// publishHeeding has a participant publish a pattern without keyframes other than those that
// are asked for, and listen to the events socket.
func (c *scene) publishHeeding(t peer.Token) *heeding {
	c.Helper()
	source, err := peer.NewPatternSource(peer.PatternConfig{
		Simulcast: true, NoAudio: true,
		Video: testpattern.VideoConfig{Width: 1280, Height: 720, FPS: 10, Keyframe: time.Hour, Bitrate: 400_000},
	})
	if err != nil {
		c.Fatal(err)
	}
	at, err := t.PublishAt()
	if err != nil {
		c.Fatal(err)
	}
	h := &heeding{scene: c, token: t, video: source.Outlets()[0]}
	p, err := peer.Publish(c.ctx, at, peer.UDPOnly, h.video)
	if err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	h.running.Go(func() { _ = source.Run(ctx) }) // it fails when the publication has ended
	c.Cleanup(func() {
		cancel()
		h.hangUp()
		h.running.Wait()
		_ = p.Close() // its server may have gone
	})
	h.heed()
	return h
}

// heed opens the events socket.
func (h *heeding) heed() {
	h.Helper()
	events, err := peer.NewEvents(h.token, nil)
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.ctx)
	h.hangUp = cancel
	h.running.Go(func() { _ = peer.Heed(ctx, events, h.video) })
}

// untilSends waits until exactly these of hi, mid and low are sent.
func (h *heeding) untilSends(what string, sent [3]bool) {
	h.Helper()
	h.eventually(what, func() bool {
		for layer, want := range sent {
			if h.video.Resting(layer) == want {
				return false
			}
		}
		return true
	})
}

// TestDoor_HasLayersLeftOutThatNobodyWatches: only the smallest layer is sent while nobody
// watches. One that a viewer chooses comes back within a second, from a keyframe on; a machine
// that is busy with other tests may take another. Without a socket, which couldn't tell when one
// is watched again, all are sent.
func TestDoor_HasLayersLeftOutThatNobodyWatches(t *testing.T) {
	c := newScene(t, stage.Config{Linger: time.Second, Grace: 5 * time.Second})
	h := c.publishHeeding(c.token("alice"))
	h.untilSends("sending the smallest layer alone", [3]bool{false, false, true})
	bytes := func() uint64 { _, all := h.video.Sent(); return all }
	before := bytes()
	time.Sleep(2 * time.Second)
	if rate := (bytes() - before) * 8 / 2; rate > 150_000 {
		t.Errorf("%d bits a second are still sent", rate)
	}

	whole := make(chan time.Time, 1)
	small := make(chan struct{}, 1)
	s, err := c.trySubscribe(c.token("bob", viewer), "alice", func(_ *peer.Inlet, r peer.Received) {
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
	if _, err := s.ChooseLayer(c.ctx, "hi"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the word that the best layer is wanted", func() bool { return !h.video.Resting(0) })
	told := time.Since(asked)
	select {
	case at := <-whole:
		if took := at.Sub(asked); took > 2*time.Second {
			t.Errorf("the best layer came %v after it was asked for; its publisher was told after %v", took, told)
		} else {
			t.Logf("the best layer came %v after it was asked for; its publisher was told after %v", took, told)
		}
	case <-c.ctx.Done():
		t.Fatal("the best layer never came")
	}
	h.untilSends("sending the watched layer and all below", [3]bool{true, true, true})
	if _, err := s.ChooseLayer(c.ctx, "mid"); err != nil {
		t.Fatal(err)
	}
	h.untilSends("leaving out what is above the watched layer", [3]bool{false, true, true})
	h.hangUp()
	h.untilSends("sending all without a socket", [3]bool{true, true, true})
	h.heed()
	h.untilSends("leaving out again what a new socket tells of", [3]bool{false, true, true})
}
