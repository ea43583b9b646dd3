package signaling_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"rostrum/internal/media"
	"rostrum/internal/peer"
	"rostrum/internal/wire"
)

// A countingTransport counts HTTP requests.
type countingTransport struct{ requests atomic.Int64 }

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// runEvents runs the events socket of our client until the test ends, and returns once it is
// connected.
func (c *fixture) runEvents(t peer.Token) *peer.Events {
	c.Helper()
	events, err := peer.NewEvents(t, nil)
	if err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	connected := make(chan struct{})
	var once sync.Once
	var running sync.WaitGroup
	running.Go(func() {
		_ = events.Run(ctx, func(wire.Message) { once.Do(func() { close(connected) }) }) // the server may be closed
	})
	c.Cleanup(func() { cancel(); running.Wait() })
	select {
	case <-connected:
	case <-c.ctx.Done():
		c.Fatal("the events socket is not connected")
	}
	return events
}

// TestClient_MakesRequestsByMessageWhileItsSocketIsOpen: our Go client publishes, subscribes,
// chooses a layer and ends without an HTTP request; without a socket it makes them over HTTP.
func TestClient_MakesRequestsByMessageWhileItsSocketIsOpen(t *testing.T) {
	for name, messages := range map[string]bool{"with a socket": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			c := newFixture(t, fast)
			transport := &countingTransport{}
			prepare := func(who peer.Token, at peer.Endpoint, err error) peer.Endpoint {
				check(t, err)
				at.Client = &http.Client{Transport: transport}
				if messages {
					at.Events = c.runEvents(who)
				} else if at.Events, err = peer.NewEvents(who, nil); err != nil { // never connected
					t.Fatal(err)
				}
				return at
			}
			alice, carol := c.token("alice"), c.token("carol", viewer)
			at, err := alice.PublishAt()
			published, err := peer.Publish(c.ctx, prepare(alice, at, err), peer.UDPOnly, peer.NewOutlet(media.Opus), peer.NewOutlet(media.H264))
			if err != nil {
				t.Fatal(err)
			}
			at, err = carol.SubscribeAt("alice")
			at = prepare(carol, at, err)
			received, err := peer.Subscribe(c.ctx, at, peer.SubscribeConfig{Network: peer.UDPOnly})
			if err != nil {
				t.Fatal(err)
			}
			if now, err := received.ShowVideo(c.ctx, false); err != nil || now.Video == nil || *now.Video {
				t.Errorf("without video the server answers %+v, %v", now, err)
			}
			if len(received.ICEServers()) != 1 {
				t.Errorf("the ICE servers are %v", received.ICEServers())
			}
			_, err = received.ChooseLayer(c.ctx, "golden")
			if p := problemOf(err); p.Status != http.StatusUnprocessableEntity || p.Code != "INVALID_INPUT" || p.Detail == "" {
				t.Errorf("an unknown layer gives %v", err)
			}
			check(t, errors.Join(received.Close(), published.Close()))
			if _, err = peer.Subscribe(c.ctx, at, peer.SubscribeConfig{}); problemOf(err).Code != "PUBLISHER_NOT_FOUND" {
				t.Errorf("after the end subscribing gives %v", err)
			}
			if n := transport.requests.Load(); messages && n > 0 || !messages && n != 7 {
				t.Errorf("%d HTTP requests", n)
			}
		})
	}
}
