package realtime

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rostrum/internal/wire"
)

// connectTwoStages connects to s until the end of the test, and joins two stages.
func connectTwoStages(t *testing.T, s *eventsServer) (*Connection, []*Stage) {
	t.Helper()
	connection, err := Connect(t.Context(), s.connectionToken(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	var stages []*Stage
	for range 2 {
		stage, err := connection.Join(t.Context(), s.token())
		if err != nil {
			t.Fatal(err)
		}
		stages = append(stages, stage)
	}
	return connection, stages
}

// connectionToken is a connection token with the address of s, which does not check it.
func (s *eventsServer) connectionToken() string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode(fmt.Appendf(nil,
		`{"exp":4000000000,"iat":1700000000,"jti":"connection","account_id":"000000000000","region":"us-east-1","events_url":"%s/events","version":"1.0"}`, s.URL)) + ".c2lnbmVk"
}

// withAttachment are messages with an attachment, which is written as JSON; those that can't
// have one are left as they are.
func withAttachment(attachment string, messages []string) []string {
	var all []string
	for _, m := range messages {
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(m), &fields) == nil && fields != nil {
			fields["attachment"] = json.RawMessage(attachment)
			changed, err := json.Marshal(fields)
			if err != nil {
				panic(err)
			}
			m = string(changed)
		}
		all = append(all, m)
	}
	return all
}

// Whatever a server sends about one stage, about none, or about one that does not exist, the
// stages of a connection go on with the next message that is whole. What is about one stage does
// not reach the other.
func TestConnection_OutlivesMalformedMessages(t *testing.T) {
	hostile := malformed()
	for _, p := range wire.ServerMessages() {
		if _, closes := p.(wire.Closing); closes && p.Type() != (wire.ConnectionClosed{}).Type() {
			hostile = append(hostile, fmt.Sprintf(`{"type":%q,"attachment":"9","payload":{}}`, p.Type())) // of a stage that is not there
		}
	}
	joined := func(attachment, who string) string {
		return fmt.Sprintf(`{"type":"PARTICIPANT_JOINED","attachment":%q,"payload":{"id":%q}}`, attachment, who)
	}
	empty := withAttachment(`"1"`, []string{emptyState})[0]
	script := []string{"read", empty, "read", strings.Replace(empty, `"1"`, `"2"`, 1), "wait"}
	for _, attachment := range []string{`"1"`, `"2"`, `"9"`, `""`, `null`, `7`, `{}`, `"__proto__"`, `"` + strings.Repeat("x", 100_000) + `"`} {
		about := hostile
		if attachment == `"1"` || attachment == `"2"` {
			about = malformedAboutAStage(hostile)
		}
		script = append(script, withAttachment(attachment, about)...)
	}
	script = append(script, joined("1", "bob"), joined("9", "eve"), joined("2", "carol"),
		`{"type":"ATTACH_FAILED","attachment":"1","payload":{"code":"STAGE_AT_CAPACITY","retryAfter":-9}}`,
		`{"type":"KICKED","attachment":"2","payload":[]}`, "wait", `{"type":"CONNECTION_CLOSED","payload":7}`, "stay")
	s := newEventsServer(t, script)
	connection, stages := connectTwoStages(t, s)
	s.going <- struct{}{}
	for i, want := range []string{"bob", "carol"} {
		var got []string
		for e := range stages[i].Events() {
			if e, ok := e.(ParticipantJoined); ok {
				got = append(got, e.Participant.ID)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("on stage %d joined %q, want %q", i+1, got, want)
		}
		if _, ok := errors.AsType[*Problem](stages[i].Err()); !ok {
			t.Errorf("stage %d ends with %v", i+1, stages[i].Err())
		}
	}
	if err := connection.Err(); err != nil {
		t.Errorf("the connection ended with its stages: %v", err)
	}
	s.going <- struct{}{}
	<-connection.Done()
	if _, ok := errors.AsType[*Problem](connection.Err()); !ok {
		t.Errorf("the connection ends with %v", connection.Err())
	}
}

// malformedAboutAStage leaves out what is whole on a connection, whatever its payload: an
// ATTACH_FAILED with an empty payload refuses its stage.
func malformedAboutAStage(messages []string) []string {
	var all []string
	for _, m := range messages {
		if !strings.Contains(m, string((wire.AttachFailed{}).Type())) && !strings.Contains(m, `"attachment":"9"`) {
			all = append(all, m)
		}
	}
	return all
}

// What a server may ask to wait for fits into a Duration, and is no time in the past.
func TestProblem_BoundsTheTimeToWait(t *testing.T) {
	for seconds, want := range map[int]float64{-1 << 62: 0, -1: 0, 0: 0, 5: 5, 1 << 62: maxRetryAfter.Seconds()} {
		problem, _ := errors.AsType[*Problem](problemOf(wire.Reply{Error: &wire.Problem{Status: 503, RetryAfter: seconds}}))
		if got := problem.RetryAfter.Seconds(); got != want {
			t.Errorf("%d seconds are %v, want %v", seconds, got, want)
		}
	}
}

// A stage that is refused when it comes back is tried again as the server says, and not for ever.
func TestConnection_GivesUpAStageThatIsRefusedAgainAndAgain(t *testing.T) {
	refused := `{"type":"ATTACH_FAILED","attachment":"1","payload":{"code":"STAGE_AT_CAPACITY","retryAfter":1}}`
	s := newEventsServer(t,
		[]string{"read", withAttachment(`"1"`, []string{emptyState})[0], "wait"},
		[]string{"read", refused, "read", refused, "stay"})
	connection, err := Connect(t.Context(), s.connectionToken(), Config{Rejoin: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stage, err := connection.Join(t.Context(), s.token())
	if err != nil {
		t.Fatal(err)
	}
	s.going <- struct{}{}
	<-stage.Done()
	if err := stage.Err(); !errors.Is(err, StageAtCapacity) {
		t.Errorf("it ends with %v", err)
	}
}

// A stage whose node goes away is attached again; the connection and its other stages stay.
func TestConnection_AttachesAStageWhoseNodeGoesAwayAgain(t *testing.T) {
	first, second := withAttachment(`"1"`, []string{emptyState})[0], withAttachment(`"2"`, []string{emptyState})[0]
	whole := `{"type":"PARTICIPANT_JOINED","attachment":"1","payload":{"id":"bob"}}`
	s := newEventsServer(t, []string{
		"read", first, "read", second, "wait", `{"type":"GOING_AWAY","attachment":"1","payload":{"reason":"going-away"}}`,
		"read", `{"type":"ATTACHED","attachment":"1","payload":{}}`, first, whole, "stay",
	})
	_, stages := connectTwoStages(t, s)
	s.going <- struct{}{}
	var got []string
	for e := range stages[0].Events() {
		if got = append(got, fmt.Sprintf("%T", e)); len(got) == 3 {
			break
		}
	}
	if want := "[realtime.ConnectionLost realtime.ConnectionRestored realtime.ParticipantJoined]"; fmt.Sprint(got) != want {
		t.Errorf("the stage has the events %v, want %s", got, want)
	}
	select {
	case e := <-stages[1].Events():
		t.Errorf("the other stage has the event %+v", e)
	default:
	}
	if len(s.asked) != 1 {
		t.Errorf("it connected %d times", len(s.asked))
	}
}
