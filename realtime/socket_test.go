package realtime

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rostrum/internal/wire"
)

// An eventsServer sends a script on each connection to its socket, then closes it unless the
// script ends with "stay". At "wait" it waits for the test, at "read" for a message of the client.
type eventsServer struct {
	*httptest.Server
	scripts chan []string
	going   chan struct{}
	mu      sync.Mutex
	asked   []string // the request of each connection
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
	for _, line := range script {
		switch line {
		case "stay":
			_, _, _ = conn.Read(r.Context())
			return
		case "read":
			if _, _, err := conn.Read(r.Context()); err != nil {
				t.Error(err)
				return
			}
			continue
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

// token is a participant token of alice with the addresses of s, which does not check it.
func (s *eventsServer) token() string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode(fmt.Appendf(nil,
		`{"exp":4000000000,"iat":1700000000,"jti":"alice","resource":"arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl","topic":"abcdefghijkl",
		"whip_url":"%s/whip","events_url":"%s/events","version":"1.0","capabilities":{"allow_publish":true}}`, s.URL, s.URL)) + ".c2lnbmVk"
}

// join joins the stage that the server plays.
func (s *eventsServer) join(t *testing.T) *Stage {
	t.Helper()
	stage, err := Join(t.Context(), s.token(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stage.Close() })
	return stage
}

const emptyState = `{"type":"STAGE_STATE","sequence":1,"payload":{"stageId":"abcdefghijkl","participants":[]}}`

func TestJoin_ReconnectsWithItsLastSequenceUntilRefused(t *testing.T) {
	s := newEventsServer(t,
		[]string{`{"type":"STAGE_STATE","sequence":4,"payload":{"stageId":"abcdefghijkl","participants":[{"id":"bob","userId":"u","attributes":{"a":"b"},"capabilities":["PUBLISH"],"isPublishing":true}]}}`,
			`{"type":"PONG"}`, `not json`, `[1]`, `{"type":"SOMETHING_NEW","sequence":5,"payload":[1,2]}`},
		[]string{`{"type":"GOING_AWAY","payload":{"reason":"going-away"}}`},
	)
	stage := s.join(t)
	bob := Participant{ID: "bob", UserID: "u", Attributes: map[string]string{"a": "b"}, MayPublish: true, Publishing: true}
	if all := stage.Participants(); len(all) != 1 || !reflect.DeepEqual(all[0], bob) {
		t.Errorf("the participants are %+v", all)
	}
	var got []string
	for e := range stage.Events() {
		got = append(got, fmt.Sprintf("%T", e))
	}
	if p, ok := errors.AsType[*Problem](stage.Err()); !ok || p.Status != http.StatusNotFound || p.Detail != "the stage was deleted" {
		t.Errorf("it ended with %v", stage.Err())
	}
	if want := "[realtime.ParticipantJoined realtime.PublishChanged realtime.ConnectionLost realtime.ConnectionRestored realtime.ConnectionLost]"; fmt.Sprint(got) != want {
		t.Errorf("received %v, want %s", got, want)
	}
	if want := "[/events/abcdefghijkl?changes=only /events/abcdefghijkl?changes=only&after=5 /events/abcdefghijkl?changes=only&after=5]"; fmt.Sprint(s.asked) != want {
		t.Errorf("requested %v, want %s", s.asked, want)
	}
}

func TestJoin_EndsWithTheReasonOfARemoval(t *testing.T) {
	for message, want := range map[string]Code{
		`{"type":"KICKED","payload":{"reason":"participant-disconnected","detail":"be nice"}}`:                        ParticipantDisconnected,
		`{"type":"KICKED","payload":{"reason":"token-reused","detail":"be nice"}}`:                                    TokenReused,
		`{"type":"KICKED","payload":{"reason":"failed-exchange","detail":"be nice","code":"TOKEN_EXPIRED"}}`:          TokenExpired,
		`{"type":"STAGE_DELETED","payload":{"reason":"stage-deleted","detail":"be nice"}}`:                            StageDeleted,
		`{"type":"KICKED","payload":{"reason":"something-new","detail":"be nice","code":"CODE_OF_A_SERVER_TO_COME"}}`: "CODE_OF_A_SERVER_TO_COME",
	} {
		s := newEventsServer(t, []string{emptyState, "wait", message}, []string{"stay"})
		stage := s.join(t)
		s.going <- struct{}{}
		<-stage.Done()
		if err := stage.Err(); !errors.Is(err, want) || !strings.Contains(err.Error(), "be nice") {
			t.Errorf("%s ends it with %v, want %s", message, err, want)
		}
		if len(s.asked) != 1 {
			t.Errorf("after %s it connected again", message)
		}
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
		`{"type":"KICKED","payload":{"reason":"participant-disconnected"}}`,
	})
	stage := s.join(t)
	var mu sync.Mutex
	var story []string
	record := func(what string) {
		mu.Lock()
		story = append(story, what)
		mu.Unlock()
		s.going <- struct{}{}
	}
	err := stage.Follow(t.Context(), nil, func(publishing context.Context, p Participant) {
		record("+" + p.ID)
		<-publishing.Done()
		record("-" + p.ID)
	})
	if !errors.Is(err, ParticipantDisconnected) {
		t.Error(err)
	}
	if want := "[+bob +carol +dave -bob -carol -dave]"; fmt.Sprint(story) != want {
		t.Errorf("received %v, want %s", story, want)
	}
}

func TestSocket_RequestsWithoutAReplyAreForHTTP(t *testing.T) {
	s := newEventsServer(t, []string{emptyState, "wait"})
	if _, err := (&socket{}).request(t.Context(), "", wire.End{}); !errors.Is(err, errNoReply) {
		t.Errorf("without a connection a request gives %v", err)
	}
	request := s.join(t).socket.request
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := request(ctx, "", wire.End{}); !errors.Is(err, errNoReply) || ctx.Err() != nil {
		t.Errorf("a server that does not answer gives %v, and leaves %v for HTTP", err, ctx.Err())
	}
	began := time.Now()
	if _, err := request(t.Context(), "", wire.End{}); !errors.Is(err, errNoReply) || time.Since(began) > requestTimeout {
		t.Errorf("the next request gives %v after %v", err, time.Since(began))
	}
	s.going <- struct{}{}
}

func TestSocket_OutlivesCallsWhoseContextHasEnded(t *testing.T) {
	s := newEventsServer(t, []string{emptyState, "stay"})
	stage := s.join(t)
	ended, end := context.WithCancel(t.Context())
	end()
	for range 50 { // a write chooses by chance which of two things it notices first
		if err := stage.socket.send(ended, "", wire.Ping{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("sending with an ended context gives %v", err)
		}
		if _, err := stage.socket.request(ended, "", wire.End{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("a request with an ended context gives %v", err)
		}
	}
	if err := stage.socket.send(t.Context(), "", wire.Ping{}); err != nil {
		t.Errorf("the next message gives %v", err)
	}
	if len(s.asked) != 1 {
		t.Errorf("it connected %d times", len(s.asked))
	}
}

// malformed are messages of a server that have not what their type promises, and texts that are
// no messages.
func malformed() []string {
	var hostile []string
	for _, p := range wire.ServerMessages() {
		if _, closes := p.(wire.Closing); closes {
			continue
		}
		for _, payload := range []string{`null`, `[]`, `7`, `"text"`, `true`, `{}`, `{"participantId":7,"participants":{},"layers":"x","labels":[1],"id":{},"participant":[]}`,
			`{"participants":[null,7,{"id":5}],"layers":[null],"participant":null,"error":{"status":"x"}}`} {
			hostile = append(hostile, fmt.Sprintf(`{"type":%q,"id":"1","payload":%s}`, p.Type(), payload))
		}
		hostile = append(hostile, fmt.Sprintf(`{"type":%q}`, p.Type()), fmt.Sprintf(`{"type":%q,"sequence":-1,"payload":{}}`, p.Type()), fmt.Sprintf(`{"type":%q,"attachment":[],"payload":{}}`, p.Type()))
	}
	return append(hostile, ``, `null`, `[]`, `7`, `{`, `{"type":7}`, `{"type":null}`, `{"type":"NEWER","payload":{}}`, strings.Repeat("[", 100_000))
}

// TestJoin_OutlivesMalformedMessages: whatever a server sends, the stage goes on with the next
// message that is whole, and a malformed last message ends it.
func TestJoin_OutlivesMalformedMessages(t *testing.T) {
	hostile := malformed()
	whole := `{"type":"PARTICIPANT_JOINED","sequence":2,"payload":{"id":"bob","userId":"bob","isPublishing":false}}`
	for _, last := range []string{`{"type":"KICKED"}`, `{"type":"KICKED","payload":null}`, `{"type":"STAGE_DELETED","payload":{"reason":7}}`} {
		t.Run(last, func(t *testing.T) {
			script := append([]string{emptyState}, hostile...)
			stage := newEventsServer(t, append(script, whole, last, "stay")).join(t)
			var joined []string
			for e := range stage.Events() {
				if e, ok := e.(ParticipantJoined); ok {
					joined = append(joined, e.Participant.ID)
				}
			}
			if got := strings.Join(joined, " "); got != "bob" {
				t.Errorf("joined are %q", got)
			}
			if _, ok := errors.AsType[*Problem](stage.Err()); !ok {
				t.Errorf("the stage ends with %v", stage.Err())
			}
		})
	}
}
