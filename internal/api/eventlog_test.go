package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rostrum/internal/control"
	"rostrum/internal/event"
	"rostrum/internal/store"
)

// emptyHash is the SHA-256 of no body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// eventLog is a page of the event log.
type eventLog struct {
	Events []struct {
		Cursor int64
		Event  struct {
			ID, Account string
			Resources   []string
			Detail      map[string]any
		}
	}
	Next  int64
	AtEnd bool
}

func (h *fixture) emit(t testing.TB, events ...event.Event) {
	t.Helper()
	err := h.store.Write(context.Background(), func(tx *store.Tx) error {
		tx.Emit(events...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func stageARN(account, id string) string {
	return fmt.Sprintf("arn:aws:ivs:%s:%s:stage/%s", region, account, id)
}

func person(stage, id string) event.Participant {
	return event.Participant{StageARN: stage, SessionID: "st-1", ID: id, UserID: "user of " + id}
}

// get reads the event log; parameters come in pairs.
func get(path string, parameters ...string) request {
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return request{method: http.MethodGet, path: path + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")}
}

func TestEventLog_PagesThroughTheCallersEvents(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	mine, hers, theirs := stageARN(account, "Aa1Bb2Cc3Dd4"), stageARN(account, "Zz1Bb2Cc3Dd4"), stageARN(other, "Aa1Bb2Cc3Dd4")
	for range 5 {
		h.emit(t, event.ParticipantPublished(person(mine, "p1"), time.Now()),
			event.ParticipantPublished(person(theirs, "p2"), time.Now()),
			event.SessionStarted(strings.Replace(mine, region, "ap-south-1", 1), "st-9", time.Now()),
			event.ParticipantUnpublished(person(hers, "p3"), time.Now()))
	}
	var first, second, third eventLog
	h.call(t, get("/event-log", "limit", "6"), &first)
	h.call(t, get("/event-log", "limit", "6", "after", fmt.Sprint(first.Next)), &second)
	h.call(t, get("/event-log", "after", fmt.Sprint(second.Next)), &third)
	if len(first.Events) != 6 || len(second.Events) != 4 || len(third.Events) != 0 || first.AtEnd || !third.AtEnd || third.Next != 20 {
		t.Errorf("pages of %d, %d and %d events, at end %v %v, next %d; expected 6, 4, 0, ending at 20", len(first.Events), len(second.Events), len(third.Events), first.AtEnd, third.AtEnd, third.Next)
	}
	for _, e := range append(first.Events, second.Events...) {
		if e.Event.Account != account || strings.Contains(e.Event.Resources[0], "ap-south-1") {
			t.Errorf("the log shows an event of another account or region: %+v", e)
		}
	}
	for name, tt := range map[string]struct {
		q        request
		expected int
	}{
		"of one stage":              {get("/event-log", "stage", mine), 5},
		"of a pattern":              {get("/event-log", "pattern", `{"detail":{"event_name":[{"suffix":"Unpublished"}]}}`), 5},
		"from a time to come":       {get("/event-log", "from", time.Now().Add(time.Minute).Format(time.RFC3339)), 0},
		"from a time before":        {get("/event-log", "from", time.Now().Add(-time.Minute).Format(time.RFC3339)), 10},
		"of a stage without events": {get("/event-log", "stage", stageARN(account, "Nn1Nn1Nn1Nn1")), 0},
	} {
		var log eventLog
		if h.call(t, tt.q, &log); len(log.Events) != tt.expected {
			t.Errorf("%s: %d events, expected %d", name, len(log.Events), tt.expected)
		}
	}
	for name, tt := range map[string]struct {
		q    request
		code string
	}{
		"another account's stage": {get("/event-log", "stage", theirs), "AccessDeniedException"},
		"another region's stage":  {get("/event-log", "stage", strings.Replace(mine, region, "ap-south-1", 1)), "ResourceNotFoundException"},
		"a negative cursor":       {get("/event-log", "after", "-1"), "ValidationException"},
		"too many":                {get("/event-log", "limit", "1001"), "ValidationException"},
		"a broken pattern":        {get("/event-log", "pattern", "{"), "ValidationException"},
		"an unknown parameter":    {get("/event-log", "since", "1"), "ValidationException"},
		"a state without stage":   {get("/event-log/state"), "ValidationException"},
		"a state in the future":   {get("/event-log/state", "stage", mine, "at", "2999-01-01T00:00:00Z"), "ValidationException"},
		"another account's state": {get("/event-log/state", "stage", theirs), "AccessDeniedException"},
		"no signature":            {request{method: http.MethodGet, path: "/event-log", unsigned: true}, "MissingAuthenticationToken"},
	} {
		a := h.send(t, tt.q)
		if code, message := a.fault(); code != tt.code {
			t.Errorf("%s: %d %s %q, expected %s", name, a.StatusCode, code, message, tt.code)
		}
	}
}

func TestEventLog_EvaluatesPolicies(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	mine, hers := stageARN(account, "Aa1Bb2Cc3Dd4"), stageARN(account, "Zz1Bb2Cc3Dd4")
	h.addKey(t, account, "AKIAREADER", "reader-secret", "reader",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rostrum:ReadEvents","Resource":"`+mine+`"}]}`)
	h.addKey(t, account, "AKIANOBODY", "noStages-secret", "noStages",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivs:*","Resource":"*"}]}`)
	for name, tt := range map[string]struct {
		key, secret string
		q           request
		allowed     bool
	}{
		"a stage that is allowed":            {"AKIAREADER", "reader-secret", get("/event-log", "stage", mine), true},
		"its state":                          {"AKIAREADER", "reader-secret", get("/event-log/state", "stage", mine), true},
		"another stage":                      {"AKIAREADER", "reader-secret", get("/event-log", "stage", hers), false},
		"all stages":                         {"AKIAREADER", "reader-secret", get("/event-log"), false},
		"who may all of the managed service": {"AKIANOBODY", "noStages-secret", get("/event-log", "stage", mine), false},
	} {
		tt.q.key, tt.q.secret = tt.key, tt.secret
		a := h.send(t, tt.q)
		if code, message := a.fault(); (a.StatusCode == 200) != tt.allowed || !tt.allowed && (code != "AccessDeniedException" || !strings.Contains(message, "rostrum:ReadEvents")) {
			t.Errorf("%s: %d %s %q, expected allowed: %v", name, a.StatusCode, code, message, tt.allowed)
		}
	}
}

func TestEventLog_RebuildsTheStateOfAStage(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	stage := stageARN(account, "Aa1Bb2Cc3Dd4")
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	replica := person(stage, "p3")
	replica.Source = &event.Source{StageARN: stageARN(account, "Zz1Bb2Cc3Dd4"), SessionID: "st-7"}
	h.emit(t,
		event.SessionStarted(stage, "st-1", at(0)),
		event.ParticipantJoined(person(stage, "p1"), at(0), map[string]string{"seat": "1"}),
		event.ParticipantPublished(person(stage, "p1"), at(10)),
		event.ParticipantJoined(person(stage, "p2"), at(20), nil),
		event.ParticipantJoined(replica, at(24), nil),
		event.ParticipantPublished(replica, at(25)),
		event.ParticipantUnpublished(person(stage, "p1"), at(30)),
		event.ParticipantUnpublished(replica, at(35)),
		event.ParticipantLeft(replica, at(38)),
		event.ParticipantLeft(person(stage, "p1"), at(40)),
		event.ParticipantLeft(person(stage, "p2"), at(50)),
		event.SessionEnded(stage, "st-1", at(80)),
		event.SessionStarted(stage, "st-2", at(100)),
	)
	for second, expected := range map[int]string{
		-1: "", 5: "st-1 p1", 15: "st-1 p1+", 22: "st-1 p1+ p2", 27: "st-1 p1+ p2 p3+", 32: "st-1 p1 p2 p3+", 37: "st-1 p1 p2 p3", 45: "st-1 p2", 60: "st-1", 90: "", 110: "st-2",
	} {
		var state event.StageState
		h.call(t, get("/event-log/state", "stage", stage, "at", at(second).Format(time.RFC3339)), &state)
		seen := state.SessionID
		for _, p := range state.Participants {
			seen += " " + p.ID
			if p.Publishing {
				seen += "+"
			}
		}
		if seen != expected || state.Complete != (second >= 0) {
			t.Errorf("after %d s: %q, complete %v, expected %q", second, seen, state.Complete, expected)
		}
	}
}

// stream opens the log as server-sent events.
func (h *fixture) stream(t *testing.T, ctx context.Context, lastID string, parameters ...string) *bufio.Scanner {
	t.Helper()
	return h.streamAs(t, ctx, aws.Credentials{AccessKeyID: "AKIAALICE", SecretAccessKey: "alice-secret"}, lastID, parameters...)
}

func (h *fixture) streamAs(t *testing.T, ctx context.Context, key aws.Credentials, lastID string, parameters ...string) *bufio.Scanner {
	t.Helper()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+get("/event-log", parameters...).path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		q.Header.Set("Last-Event-ID", lastID)
	}
	if err := v4.NewSigner().SignHTTP(ctx, key, q, emptyHash, "ivs", region, time.Now()); err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Body.Close() })
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream answers %d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	return bufio.NewScanner(a.Body)
}

// next reads the next event of a stream.
func next(t *testing.T, s *bufio.Scanner) (id, participant string) {
	t.Helper()
	for s.Scan() {
		if text, ok := strings.CutPrefix(s.Text(), "id: "); ok {
			id = text
		}
		if text, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			var e struct {
				Detail struct {
					ParticipantID string `json:"participant_id"`
				}
			}
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("data %s: %v", text, err)
			}
			return id, e.Detail.ParticipantID
		}
	}
	t.Fatalf("the stream ended: %v", s.Err())
	return "", ""
}

func TestEventLog_StreamResumesAtLastEventID(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	stage := stageARN(account, "Aa1Bb2Cc3Dd4")
	ctx, cancel := context.WithCancel(t.Context())
	s := h.stream(t, ctx, "", "stage", stage)
	h.emit(t, event.ParticipantPublished(person(stage, "p1"), time.Now()))
	id, who := next(t, s)
	if who != "p1" {
		t.Errorf("the stream shows %s, expected p1", who)
	}
	cancel()
	h.emit(t, event.ParticipantPublished(person(stageARN(other, "Aa1Bb2Cc3Dd4"), "theirs"), time.Now()),
		event.ParticipantPublished(person(stage, "p2"), time.Now()))
	s = h.stream(t, t.Context(), id, "stage", stage)
	if _, who := next(t, s); who != "p2" {
		t.Errorf("a reader that reconnected gets %s, expected p2", who)
	}
	h.emit(t, event.ParticipantPublished(person(stage, "p3"), time.Now()))
	if _, who := next(t, s); who != "p3" {
		t.Errorf("then %s, expected p3", who)
	}
}

func TestEventLog_EndsStreamsOfRevokedCallers(t *testing.T) {
	stage := stageARN(account, "Aa1Bb2Cc3Dd4")
	for name, change := range map[string]func(*store.AccessKey){
		"the key is revoked": func(k *store.AccessKey) { k.Revoked = time.Now() },
		"the key expires":    func(k *store.AccessKey) { k.Expires = time.Now() },
		"the policies allow no more": func(k *store.AccessKey) {
			k.Policies = []json.RawMessage{[]byte(`{"Version":"2012-10-17","Statement":[]}`)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFixture(t, control.OpenLimits())
			h.addKey(t, account, "AKIAREADER", "reader-secret", "reader")
			key := aws.Credentials{AccessKeyID: "AKIAREADER", SecretAccessKey: "reader-secret"}
			s := h.streamAs(t, t.Context(), key, "", "stage", stage)
			h.emit(t, event.ParticipantPublished(person(stage, "p1"), time.Now()))
			if _, who := next(t, s); who != "p1" {
				t.Fatalf("the stream shows %s, expected p1", who)
			}
			err := h.store.Write(t.Context(), func(tx *store.Tx) error {
				return tx.UpdateAccessKey("AKIAREADER", func(k *store.AccessKey) error { change(k); return nil })
			})
			if err != nil {
				t.Fatal(err)
			}
			changed, ended := time.Now(), make(chan time.Time)
			go func() {
				for s.Scan() {
				}
				ended <- time.Now()
			}()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case at := <-ended:
					if took := at.Sub(changed); took > 2*time.Second { // one, and a slow machine
						t.Errorf("the stream ended after %s", took)
					}
					return
				case <-tick.C:
					if time.Since(changed) > 5*time.Second {
						t.Fatal("the stream goes on")
					}
					h.emit(t, event.ParticipantPublished(person(stage, "p2"), time.Now()))
				}
			}
		})
	}
}

func TestEventLog_StreamsToAPresignedURL(t *testing.T) {
	h := newFixture(t, control.OpenLimits())
	stage := stageARN(account, "Aa1Bb2Cc3Dd4")
	h.emit(t, event.ParticipantPublished(person(stage, "p1"), time.Now()))
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+get("/event-log", "stage", stage).path+"&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	key := aws.Credentials{AccessKeyID: "AKIAALICE", SecretAccessKey: "alice-secret"}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), key, q, emptyHash, "ivs", region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	q, err = http.NewRequestWithContext(t.Context(), http.MethodGet, signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "text/event-stream")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(a.Body)
		t.Fatalf("answered by %d %s", a.StatusCode, body)
	}
	if _, who := next(t, bufio.NewScanner(a.Body)); who != "p1" {
		t.Errorf("the stream shows %s, expected p1", who)
	}
}
