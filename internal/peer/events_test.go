package peer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/peer"
	"rostrum/internal/wire"
)

// An eventsServer sends a script on each connection to its socket, then closes it unless the
// script ends with "stay". At "wait" it waits for the test.
type eventsServer struct {
	*httptest.Server
	scripts  chan []string
	going    chan struct{}
	mu       sync.Mutex
	asked    []string // the request of each connection
	received []string // types of messages from the client
}

func newEventsServer(t *testing.T, scripts ...[]string) *eventsServer {
	t.Helper()
	s := &eventsServer{scripts: make(chan []string, len(scripts)), going: make(chan struct{}, 100)}
	for _, script := range scripts {
		s.scripts <- script
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(t, w, r) }))
	t.Cleanup(s.Close)
	return s
}

func (s *eventsServer) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.mu.Unlock()
	var script []string
	select {
	case script = <-s.scripts:
	default:
		http.Error(w, "the stage was deleted", http.StatusNotFound)
		return
	}
	offered := r.Header.Get("Sec-WebSocket-Protocol")
	if !strings.HasPrefix(offered, "ey") || strings.Contains(offered, ",") {
		t.Errorf("the sub-protocols are %q", offered)
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{offered}})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.CloseNow()
	_, hello, err := conn.Read(r.Context())
	if err != nil {
		t.Error(err)
		return
	}
	m, _ := wire.Decode(hello) // compared below
	s.mu.Lock()
	s.received = append(s.received, string(m.Type))
	s.mu.Unlock()
	for _, line := range script {
		switch line {
		case "stay":
			_, _, _ = conn.Read(r.Context())
			return
		case "wait":
			<-s.going
			continue
		}
		if err := conn.Write(r.Context(), websocket.MessageText, []byte(line)); err != nil {
			t.Error(err)
			return
		}
	}
}

func (s *eventsServer) token(t *testing.T) peer.Token {
	return (&server{Server: s.Server}).tokenFor(t, allowed)
}

func TestEvents_ReconnectsWithItsLastSequenceUntilRefused(t *testing.T) {
	s := newEventsServer(t,
		[]string{`{"type":"STAGE_STATE","sequence":4,"payload":{"stageId":"abcdefghijkl","participants":[{"id":"bob","userId":"u","attributes":{"a":"b"},"isPublishing":true}]}}`,
			`{"type":"PONG"}`, `not json`, `[1]`, `{"type":"SOMETHING_NEW","sequence":5,"payload":[1,2]}`},
		[]string{`{"type":"GOING_AWAY","payload":{"reason":"going-away"}}`},
	)
	e, err := peer.NewEvents(s.token(t), nil, wire.ClientInfo{})
	if err != nil {
		t.Fatal(err)
	}
	var got []wire.Type
	err = e.Run(t.Context(), func(m wire.Message) {
		got = append(got, m.Type)
		if state, ok := m.Payload.(wire.StageState); ok && (len(state.Participants) != 1 || state.Participants[0].ID != "bob" || !state.Participants[0].IsPublishing) {
			t.Errorf("the state is %+v", state)
		}
	})
	if p, ok := errors.AsType[*peer.Problem](err); !ok || p.Status != http.StatusNotFound || !strings.Contains(err.Error(), "the stage was deleted") {
		t.Errorf("it ended with %v", err)
	}
	if want := "[STAGE_STATE SOMETHING_NEW GOING_AWAY]"; fmt.Sprint(got) != want {
		t.Errorf("received %v, want %s", got, want)
	}
	if want := "[/events/abcdefghijkl /events/abcdefghijkl?after=5 /events/abcdefghijkl?after=5]"; fmt.Sprint(s.asked) != want {
		t.Errorf("requested %v, want %s", s.asked, want)
	}
	if want := "[CLIENT_INFO CLIENT_INFO]"; fmt.Sprint(s.received) != want {
		t.Errorf("sent %v, want %s", s.received, want)
	}
}

func TestEvents_DoesNotReconnectAfterKicked(t *testing.T) {
	s := newEventsServer(t, []string{`{"type":"KICKED","payload":{"reason":"disconnected by the host"}}`}, []string{"stay"})
	e, err := peer.NewEvents(s.token(t), nil, wire.ClientInfo{})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context(), func(wire.Message) {})
	if !errors.Is(err, peer.ErrKicked) || !strings.Contains(err.Error(), "disconnected by the host") {
		t.Errorf("it ended with %v", err)
	}
}

func TestFollow_ReceivesPublishersWhileTheyPublish(t *testing.T) {
	state := func(publishing ...string) string {
		var all []string
		for _, id := range append(publishing, "alice") { // alice is the participant itself
			all = append(all, fmt.Sprintf(`{"id":%q,"isPublishing":true}`, id))
		}
		return `{"type":"STAGE_STATE","payload":{"participants":[` + strings.Join(all, ",") + `]}}`
	}
	s := newEventsServer(t, []string{
		state("bob"), "wait", state("bob", "carol"), "wait",
		`{"type":"PUBLISH_STATE","payload":{"participantId":"dave","isPublishing":true}}`, "wait",
		`{"type":"PUBLISH_STATE","payload":{"participantId":"bob","isPublishing":false}}`, "wait",
		`{"type":"MUTE_CHANGED","payload":{"participantId":"dave","audioMuted":true}}`,
		`{"type":"PARTICIPANT_LEFT","payload":{"participantId":"carol"}}`, "wait",
		`{"type":"KICKED","payload":{}}`,
	})
	token := s.token(t)
	e, err := peer.NewEvents(token, nil, wire.ClientInfo{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var mu sync.Mutex
	var story []string
	record := func(what string) {
		mu.Lock()
		story = append(story, what)
		mu.Unlock()
		s.going <- struct{}{}
	}
	err = peer.Follow(ctx, token, e, nil, func(visit context.Context, m wire.Participant) {
		record("+" + m.ID)
		<-visit.Done()
		record("-" + m.ID)
	})
	if !errors.Is(err, peer.ErrKicked) {
		t.Error(err)
	}
	if want := "[+bob +carol +dave -bob -carol -dave]"; fmt.Sprint(story) != want {
		t.Errorf("received %v, want %s", story, want)
	}
}

func TestEvents_RequestsWithoutAReplyAreForHTTP(t *testing.T) {
	s := newEventsServer(t, []string{`{"type":"STAGE_STATE","sequence":1,"payload":{"stageId":"abcdefghijkl","participants":[]}}`, "wait"})
	e, err := peer.NewEvents(s.token(t), nil, wire.ClientInfo{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Request(t.Context(), wire.End{}); err == nil {
		t.Error("a request succeeds without a connection")
	}
	connected, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.Run(t.Context(), func(wire.Message) { close(connected) }) // refused in the end
	}()
	<-connected
	var refused *peer.Problem
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := e.Request(ctx, wire.End{}); err == nil || errors.As(err, &refused) || ctx.Err() != nil {
		t.Errorf("a server that does not answer gives %v, and leaves %v for HTTP", err, ctx.Err())
	}
	began := time.Now()
	if _, err := e.Request(t.Context(), wire.End{}); err == nil || time.Since(began) > 4*time.Second {
		t.Errorf("the next request gives %v after %v", err, time.Since(began))
	}
	s.going <- struct{}{}
	<-ended
}
