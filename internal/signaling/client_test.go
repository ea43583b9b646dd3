package signaling_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"rostrum/internal/media"
	"rostrum/realtime"
)

// A countingTransport counts HTTP requests.
type countingTransport struct{ requests atomic.Int64 }

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// A participant publishes and subscribes.
type participant interface {
	Publish(context.Context, ...*realtime.LocalTrack) (*realtime.Publication, error)
	Subscribe(context.Context, string, realtime.SubscribeConfig) (*realtime.Subscription, error)
}

// endpoints is a participant without an events socket.
type endpoints struct {
	client *http.Client
	token  realtime.Token
}

func (e endpoints) Publish(ctx context.Context, tracks ...*realtime.LocalTrack) (*realtime.Publication, error) {
	at, err := e.token.PublishAt()
	if err != nil {
		return nil, err
	}
	at.Client = e.client
	return realtime.Publish(ctx, at, once, tracks...)
}

func (e endpoints) Subscribe(ctx context.Context, publisher string, cfg realtime.SubscribeConfig) (*realtime.Subscription, error) {
	at, err := e.token.SubscribeAt(publisher)
	if err != nil {
		return nil, err
	}
	at.Client, cfg.Network, cfg.Rejoin = e.client, realtime.UDPOnly, realtime.NoRejoin
	return realtime.Subscribe(ctx, at, cfg)
}

// TestClient_MakesRequestsByMessageWhileItsSocketIsOpen: our Go client publishes, subscribes,
// chooses a layer and ends without an HTTP request; without a socket it makes them over HTTP.
func TestClient_MakesRequestsByMessageWhileItsSocketIsOpen(t *testing.T) {
	for name, messages := range map[string]bool{"with a socket": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			c := newFixture(t, fast)
			transport := &countingTransport{}
			client := &http.Client{Transport: transport}
			join := func(who realtime.Token) participant {
				if !messages {
					return endpoints{client, who}
				}
				s, err := realtime.Join(c.ctx, who.Raw, realtime.Config{Network: realtime.UDPOnly, Rejoin: realtime.NoRejoin, Client: client})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			alice, carol := join(c.token("alice")), join(c.token("carol", viewer))
			handshakes := transport.requests.Load()
			published, err := alice.Publish(c.ctx, realtime.NewTrack(media.Opus), realtime.NewTrack(media.H264))
			if err != nil {
				t.Fatal(err)
			}
			received, err := carol.Subscribe(c.ctx, "alice", realtime.SubscribeConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if now, err := received.Receive(c.ctx, realtime.Video, false); err != nil || now.Video == nil || *now.Video {
				t.Errorf("without video the server answers %+v, %v", now, err)
			}
			if len(received.ICEServers()) != 1 {
				t.Errorf("the ICE servers are %v", received.ICEServers())
			}
			_, err = received.SelectLayer(c.ctx, "golden")
			if p := problemOf(err); p.Status != http.StatusUnprocessableEntity || p.Code != "INVALID_INPUT" || p.Detail == "" {
				t.Errorf("an unknown layer gives %v", err)
			}
			check(t, errors.Join(received.Close(), published.Close()))
			if _, err = carol.Subscribe(c.ctx, "alice", realtime.SubscribeConfig{}); !errors.Is(err, realtime.PublisherNotFound) {
				t.Errorf("after the end subscribing gives %v", err)
			}
			if n := transport.requests.Load() - handshakes; messages && n > 0 || !messages && n != 7 {
				t.Errorf("%d HTTP requests", n)
			}
		})
	}
}
