package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rostrum/internal/sigv4"
)

type putEntry struct {
	Source, DetailType, Detail, EventBusName string
	Resources                                []string
	Time                                     float64
}

// counter is an event bus that takes requests only as AWS would: signed, and
// within the limits of PutEvents.
type counter struct {
	t      *testing.T
	refuse func(n int, e putEntry) bool // the n-th entry ever
	enough func(taken int)              // told of progress

	tooLarge int // a request of as many bytes is refused; 0 for none

	mu       sync.Mutex
	n        int
	requests int
	taken    []putEntry
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v := sigv4.NewVerifier("events", func(_ context.Context, id string) (sigv4.Key, bool, error) {
		return sigv4.Key{Secret: "bus-secret"}, id == "BUSKEY", nil
	}, sigv4.Config{})
	if id, err := v.Verify(r, body); err != nil || id.Region != "eu-west-1" {
		c.t.Errorf("the request is signed wrongly: %+v, %v", id, err)
	}
	if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
		c.t.Errorf("the operation is %q, expected PutEvents", target)
	}
	var in struct{ Entries []putEntry }
	if err := json.Unmarshal(body, &in); err != nil {
		c.t.Errorf("the body %s: %v", body, err)
	}
	size, failed := 0, 0
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	var results []string
	for _, e := range in.Entries {
		size += 14 + len(e.Source) + len(e.DetailType) + len(e.Detail) + len(strings.Join(e.Resources, ""))
		c.n++
		if c.refuse != nil && c.refuse(c.n, e) {
			failed++
			results = append(results, `{"ErrorCode":"ThrottlingException","ErrorMessage":"slower"}`)
			continue
		}
		c.taken = append(c.taken, e)
		results = append(results, fmt.Sprintf(`{"EventId":"e%d"}`, c.n))
	}
	if len(in.Entries) == 0 || len(in.Entries) > 10 || size > 256<<10 && len(in.Entries) > 1 {
		c.t.Errorf("a request has %d entries of %d bytes, allowed are 10 of 262144", len(in.Entries), size)
	}
	if c.tooLarge > 0 && size >= c.tooLarge {
		c.taken = c.taken[:len(c.taken)-len(in.Entries)]
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ValidationException","message":"Total size of the entries in the request is over the limit."}`)
		return
	}
	if c.enough != nil {
		c.enough(len(c.taken))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fmt.Fprintf(w, `{"FailedEntryCount":%d,"Entries":[%s]}`, failed, strings.Join(results, ","))
}

func busTo(t *testing.T, c *counter) *bus {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	b, err := newBus(t.Context(), Target{Name: "bus", Bus: &Bus{Name: "stages", Region: "eu-west-1", Endpoint: server.URL}, Secrets: []Secret{{"BUSKEY", "bus-secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBus_PutsEventsAsTheServiceTakesThem(t *testing.T) {
	c := &counter{t: t, refuse: func(n int, _ putEntry) bool { return n == 2 }}
	events := []Event{aJoin(), aJoin(), aJoin()}
	errs := busTo(t, c).Send(t.Context(), events)
	if errs[0] != nil || errs[1] == nil || errs[2] != nil || !strings.Contains(errs[1].Error(), "ThrottlingException") {
		t.Errorf("answers are %v, expected the second alone to be refused", errs)
	}
	e := c.taken[0]
	if e.Source != DefaultBusSource || e.DetailType != events[0].DetailType || e.Detail != string(events[0].Detail) || e.EventBusName != "stages" ||
		len(e.Resources) != 1 || e.Resources[0] != events[0].Resource || int64(e.Time) != events[0].Time.Unix() {
		t.Errorf("the entry is %+v, expected the event %+v", e, events[0])
	}
}

func TestBus_HasTheBusDecideAboutLargeEvents(t *testing.T) {
	c := &counter{t: t, tooLarge: 1_000_000}
	var events []Event
	for range 10 {
		e := aJoin()
		e.Detail = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 100_000))
		events = append(events, e)
	}
	events[2].Detail = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 300_000))
	events[3].Detail = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 1_000_000))
	errs := busTo(t, c).Send(t.Context(), events)
	var s *RetryError
	for i, err := range errs {
		if tooLarge := i == 3; tooLarge != (errors.As(err, &s) && s.Final) || !tooLarge && err != nil {
			t.Errorf("event %d: %v, expected only the fourth to be too large for good", i, err)
		}
	}
	if len(c.taken) != 9 {
		t.Errorf("%d events were taken, expected 9", len(c.taken))
	}
}

// A bus may have a smaller limit than requests are made for.
func TestBus_PutsEventsAloneWhenTheirRequestIsRefused(t *testing.T) {
	c := &counter{t: t, tooLarge: 4000}
	events := []Event{aJoin(), aJoin(), aJoin()}
	events[1].Detail = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 5000))
	var s *RetryError
	for i, err := range busTo(t, c).Send(t.Context(), events) {
		if tooLarge := i == 1; tooLarge != (errors.As(err, &s) && s.Final) || !tooLarge && err != nil {
			t.Errorf("event %d: %v, expected only the second to be refused", i, err)
		}
	}
	if len(c.taken) != 2 {
		t.Errorf("%d events were taken, expected 2", len(c.taken))
	}
}

func TestBus_RepeatsWhatWasRefusedInOrder(t *testing.T) {
	m := newMemory(Target{Name: "bus"})
	c := &counter{t: t, refuse: func(n int, _ putEntry) bool { return n == 3 || n == 8 }}
	b := busTo(t, c)
	for i := range 20 {
		m.emit("x", i)
		m.emit("y", i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dispatcher := NewDispatcher(m, "node", DispatcherConfig{})
	dispatcher.openSender = func(context.Context, Target) (Sender, error) { return b, nil }
	c.enough = func(taken int) {
		if taken == 40 {
			cancel()
		}
	}
	if err := dispatcher.Run(ctx); err != nil {
		t.Error(err)
	}
	seen := map[string][]string{}
	for _, e := range c.taken {
		var d struct{ N json.Number }
		if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
			t.Fatal(err)
		}
		seen[e.Resources[0]] = append(seen[e.Resources[0]], d.N.String())
	}
	if x, y := seen["x"], seen["y"]; len(x) != 20 || len(y) != 20 || !inOrder(x) || !inOrder(y) {
		t.Errorf("the bus has x %v and y %v, expected 20 of each in order", x, y)
	}
}
