package realtime_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
	"rostrum/realtime"
)

// A holdingProxy passes on the messages of a socket, in the direction of the client only once
// the client has sent so many.
type holdingProxy struct {
	*httptest.Server
	holdUntil int
	sent      chan string // what the client sent: type, place or participant
}

func newHoldingProxy(t *testing.T, target string, holdUntil int) *holdingProxy {
	t.Helper()
	p := &holdingProxy{holdUntil: holdUntil, sent: make(chan string, 100)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(t, target, w, r) }))
	t.Cleanup(p.Close)
	return p
}

func (p *holdingProxy) serve(t *testing.T, target string, w http.ResponseWriter, r *http.Request) {
	offered := []string{r.Header.Get("Sec-WebSocket-Protocol")}
	client, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: offered})
	if err != nil {
		t.Error(err)
		return
	}
	defer client.CloseNow()
	server, _, err := websocket.Dial(r.Context(), target, &websocket.DialOptions{Subprotocols: offered})
	if err != nil {
		t.Error(err)
		return
	}
	defer server.CloseNow()
	server.SetReadLimit(1 << 20)
	client.SetReadLimit(1 << 20)
	ctx, cancel := context.WithCancel(r.Context())
	var passing sync.WaitGroup
	enough := make(chan struct{})
	passing.Go(func() {
		defer cancel()
		for n := 1; ; n++ {
			_, data, err := client.Read(ctx)
			if err != nil {
				return
			}
			p.sent <- told(data)
			if n == p.holdUntil {
				close(enough)
			}
			if server.Write(ctx, websocket.MessageText, data) != nil {
				return
			}
		}
	})
	passing.Go(func() {
		defer cancel()
		for {
			_, data, err := server.Read(ctx)
			if err != nil {
				return
			}
			select {
			case <-enough:
			case <-ctx.Done():
			}
			if client.Write(ctx, websocket.MessageText, data) != nil {
				return
			}
		}
	})
	passing.Wait()
}

// client is one whose every connection goes to the proxy.
func (p *holdingProxy) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, p.Listener.Addr().String())
	}}}
}

// told is the type of a message, and whom it is about.
func told(message []byte) string {
	var m struct {
		Type    string
		Payload wire.Subscribe
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return err.Error()
	}
	if m.Type == "SUBSCRIBE" && m.Payload.Place > 0 {
		return m.Type + " " + strings.Repeat("I", m.Payload.Place)
	}
	return strings.TrimSpace(m.Type + " " + m.Payload.ParticipantID)
}

// next is the next message that is no report of quality.
func (p *holdingProxy) next(s *stageServer) string {
	s.Helper()
	for {
		if m := await(s, p.sent); m != "QUALITY" {
			return m
		}
	}
}

// Nothing of the server comes before the client has subscribed to two publishers, whose ids it
// does not know. What it then subscribes to is there already; what nobody takes is ended.
func TestConnection_SubscribesWithTheRequestToJoin(t *testing.T) {
	s := newStageServer(t)
	alice, bob := s.join("alice", realtime.Config{}), s.join("bob", realtime.Config{})
	for _, publisher := range []*realtime.Stage{alice, bob} {
		video := realtime.NewTrack(realtime.H264)
		_, err := publisher.Publish(s.ctx, video)
		s.check(err)
		s.sendPictures(video)
		until(s, bob, func(e realtime.PublishChanged) bool {
			return e.Participant.ID == publisher.Token().ParticipantID && e.Participant.Publishing
		})
	}
	proxy := newHoldingProxy(t, s.authority.Endpoints().Events, 3)
	connection, err := realtime.Connect(s.ctx, s.connectionToken(s.authority.Endpoints().Events), realtime.Config{Client: proxy.client(), Network: realtime.UDPOnly, EarlySubscriptions: 2})
	s.check(err)
	defer connection.Close()
	carol, err := connection.Join(s.ctx, s.token("carol"))
	s.check(err)
	if first := proxy.next(s); first != "ATTACH" {
		t.Errorf("first comes %q", first)
	}
	if places := map[string]bool{proxy.next(s): true, proxy.next(s): true}; !places["SUBSCRIBE I"] || !places["SUBSCRIBE II"] {
		t.Errorf("with the request to join it sent %v", places)
	}

	sub, got := s.subscribe(carol, "bob")
	if first := await(s, got.samples); !first.Keyframe {
		t.Error("the first sample is no keyframe")
	}
	if sub.ParticipantID() != "bob" {
		t.Errorf("it receives %s", sub.ParticipantID())
	}
	if m := proxy.next(s); m != "END" {
		t.Errorf("after two early subscriptions, of which one was taken, comes %q", m)
	}
	_, err = carol.Subscribe(s.ctx, "alice", realtime.SubscribeConfig{})
	s.check(err)
	if m := proxy.next(s); m != "SUBSCRIBE alice" {
		t.Errorf("whom nobody took in time is subscribed to by %q", m)
	}
}

// What was made early goes with its stage, at any time.
func TestConnection_EndsEarlySubscriptionsWithTheStage(t *testing.T) {
	s := newStageServer(t)
	alice := s.join("alice", realtime.Config{})
	_, err := alice.Publish(s.ctx, realtime.NewTrack(realtime.Opus))
	s.check(err)
	connection, err := realtime.Connect(s.ctx, s.connectionToken(s.authority.Endpoints().Events), realtime.Config{Network: realtime.UDPOnly, EarlySubscriptions: 3})
	s.check(err)
	defer connection.Close()
	for range 3 {
		bob, err := connection.Join(s.ctx, s.token("bob"))
		s.check(err)
		s.check(bob.Close())
	}
	if _, err := connection.Join(s.ctx, s.token("eve")[:40]); err == nil {
		t.Error("what is no token joins")
	}
}
