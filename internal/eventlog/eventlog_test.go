package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A script is a server that gives one answer after the other, and keeps the requests.
type script struct {
	answers []http.HandlerFunc

	mu       sync.Mutex // guards what follows
	requests []*http.Request
}

func (s *script) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, q)
	s.mu.Unlock()
	if n >= len(s.answers) {
		http.Error(w, `{"message":"no more answers"}`, http.StatusForbidden)
		return
	}
	s.answers[n](w, q)
}

// queries are the queries of all requests, decoded.
func (s *script) queries(t *testing.T) (all []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.requests {
		if strings.Contains(q.URL.RawQuery, "+") {
			t.Errorf("%s has a space that is signed otherwise than it is sent", q.URL.RawQuery)
		}
		text, err := url.QueryUnescape(q.URL.RawQuery)
		if err != nil {
			t.Error(err)
		}
		all = append(all, text)
	}
	return all
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func newReader(t *testing.T, filter url.Values, answers ...http.HandlerFunc) (*Reader, *script) {
	t.Helper()
	s := &script{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, nil
	})
	return &Reader{Endpoint: server.URL, Region: "eu-west-1", Credentials: credentials, Filter: filter}, s
}

// collect keeps the cursors of the entries it is called with, and fails at one of them.
func collect(into *[]int64, failAt int64) func(Entry) error {
	return func(e Entry) error {
		*into = append(*into, e.Cursor)
		if e.Cursor == failAt {
			return errStop
		}
		return nil
	}
}

var errStop = errors.New("stop")

func TestParseFrom_TakesADurationOrATime(t *testing.T) {
	now := time.Date(2026, 7, 1, 14, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"0s":                        now,
		"2h":                        now.Add(-2 * time.Hour),
		"1m30s":                     now.Add(-90 * time.Second),
		"2026-07-01T14:03:07Z":      time.Date(2026, 7, 1, 14, 3, 7, 0, time.UTC),
		"2026-07-01T14:03:07.5Z":    time.Date(2026, 7, 1, 14, 3, 7, 500_000_000, time.UTC),
		"2026-07-01T16:03:07+02:00": time.Date(2026, 7, 1, 14, 3, 7, 0, time.UTC),
	} {
		if got, err := ParseFrom(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v, expected %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1s", "yesterday", "2026-07-01", "14:03", "2"} {
		if got, err := ParseFrom(text, now); err == nil || !strings.Contains(err.Error(), "neither a duration") {
			t.Errorf("%q is %v, %v, expected an error that says what is possible", text, got, err)
		}
	}
}

func TestReader_ReadsAllPages(t *testing.T) {
	const first = `{"events":[{"cursor":3,"event":{}},{"cursor":5,"event":{}}],"next":5,"atEnd":false}`
	const second = `{"events":[{"cursor":8,"event":{}}],"next":9,"atEnd":true}`
	from := time.Date(2026, 7, 1, 16, 0, 0, 1, time.FixedZone("", 7200))
	for name, c := range map[string]struct {
		start   Start
		filter  url.Values
		answers []http.HandlerFunc
		failAt  int64
		cursors []int64
		last    int64
		err     string
		queries []string
	}{
		"from a time": {Start{From: from}, nil, []http.HandlerFunc{answer(200, first), answer(200, second)}, 0,
			[]int64{3, 5, 8}, 9, "", []string{"from=2026-07-01T14:00:00.000000001Z", "after=5"}},
		"after a cursor": {Start{After: 2, From: from}, nil, []http.HandlerFunc{answer(200, second)}, 0,
			[]int64{8}, 9, "", []string{"after=2"}},
		"with a filter": {Start{After: 2}, url.Values{"pattern": {`{"detail": ["a b+c"]}`}}, []http.HandlerFunc{answer(200, first), answer(200, second)}, 0,
			[]int64{3, 5, 8}, 9, "", []string{`after=2&pattern={"detail": ["a b+c"]}`, `after=5&pattern={"detail": ["a b+c"]}`}},
		"until handle fails": {Start{After: 2}, nil, []http.HandlerFunc{answer(200, first), answer(200, second)}, 3,
			[]int64{3}, 0, "stop", []string{"after=2"}},
		"until the server fails": {Start{After: 2}, nil, []http.HandlerFunc{answer(200, first), answer(503, `{"message":"wait"}`)}, 0,
			[]int64{3, 5}, 5, "the server answered 503: wait", []string{"after=2", "after=5"}},
		"not what is no page": {Start{After: 2}, nil, []http.HandlerFunc{answer(200, "<html>")}, 0,
			nil, 0, "read a page of events", []string{"after=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newReader(t, c.filter, c.answers...)
			var got []int64
			last, err := r.Read(t.Context(), c.start, collect(&got, c.failAt))
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, expected %q", err, c.err)
			}
			if !slices.Equal(got, c.cursors) || last != c.last {
				t.Errorf("cursors %v, last %d, expected %v, %d", got, last, c.cursors, c.last)
			}
			if got := s.queries(t); !slices.Equal(got, c.queries) {
				t.Errorf("queries %q, expected %q", got, c.queries)
			}
		})
	}
}

func TestReader_SignsRequestsAndSaysWhyTheyAreRefused(t *testing.T) {
	r, s := newReader(t, nil, answer(403, `{"message":"the key is revoked"}`), answer(403, "not JSON"))
	_, err := r.Read(t.Context(), Start{After: 1}, nil)
	if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "the key is revoked") {
		t.Errorf("%v, expected ErrForbidden with the server's reason", err)
	}
	q := s.requests[0]
	if got := q.Header.Get("Authorization"); q.URL.Path != "/event-log" || !strings.Contains(got, "Credential=AKIAEXAMPLE/") || !strings.Contains(got, "/eu-west-1/ivs/aws4_request") {
		t.Errorf("%s is signed as %q", q.URL.Path, got)
	}
	if _, err := r.Read(t.Context(), Start{After: 1}, nil); !errors.Is(err, ErrForbidden) {
		t.Errorf("%v, expected ErrForbidden without a reason", err)
	}
	r.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errStop })
	if _, err := r.Read(t.Context(), Start{After: 1}, nil); !errors.Is(err, errStop) || len(s.requests) != 2 {
		t.Errorf("%v after %d requests, expected none without credentials", err, len(s.requests))
	}
}

func TestReader_FollowsOnFromTheLastEventWhenTheStreamBreaks(t *testing.T) {
	r, s := newReader(t, nil,
		answer(200, ": heartbeat\n\nid: 3\ndata: {\"a\":1}\n\nid: 5\ndata: {\"a\":2}\n\n"),
		answer(503, ""),
		answer(200, "id: six\ndata: {}\n\n"),
		answer(200, "id: 8\ndata: {}\n\n"))
	var got []int64
	err := r.Follow(t.Context(), 2, collect(&got, 0))
	if !errors.Is(err, ErrForbidden) { // the server has no more answers
		t.Errorf("%v, expected ErrForbidden", err)
	}
	if !slices.Equal(got, []int64{3, 5, 8}) {
		t.Errorf("cursors %v", got)
	}
	if got := s.queries(t); !slices.Equal(got, []string{"after=2", "after=5", "after=5", "after=5", "after=8"}) {
		t.Errorf("queries %q", got)
	}
	if accept := s.requests[0].Header.Get("Accept"); accept != "text/event-stream" {
		t.Errorf("accepts %q", accept)
	}
}

func TestReader_FollowEnds(t *testing.T) {
	const stream = "id: 3\ndata: {}\n\nid: 5\ndata: {}\n\n"
	t.Run("when handle fails", func(t *testing.T) {
		r, s := newReader(t, nil, answer(200, stream))
		var got []int64
		if err := r.Follow(t.Context(), 2, collect(&got, 3)); !errors.Is(err, errStop) || !slices.Equal(got, []int64{3}) || len(s.requests) != 1 {
			t.Errorf("%v after %v and %d requests", err, got, len(s.requests))
		}
	})
	t.Run("without an error when its context does", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := newReader(t, nil, func(w http.ResponseWriter, q *http.Request) {
			fmt.Fprint(w, stream)
			_ = http.NewResponseController(w).Flush()
			<-q.Context().Done()
		})
		err := r.Follow(ctx, 2, func(e Entry) error {
			if e.Cursor == 5 {
				cancel()
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestEntry_DescribeFitsOneLine(t *testing.T) {
	for event, want := range map[string]string{
		`{"detail-type":"x","time":"2026-07-01T14:03:07Z","resources":["arn:aws:ivs:eu-west-1:1:stage/abc"],"detail":{"event_name":"Session Started"}}`:                                                                                                                    "2026-07-01T14:03:07Z      Session Started             abc\n",
		`{"time":"2026-07-01T14:03:07Z","resources":["arn:aws:ivs:eu-west-1:1:stage/abc","other"],"detail":{"event_name":"Participant Publish Error","event_time_precise":"2026-07-01T14:03:07.125Z","participant_id":"p","user_id":"u","error_code":"BITRATE_EXCEEDED"}}`: "2026-07-01T14:03:07.125Z  Participant Publish Error   abc p u BITRATE_EXCEEDED\n",
		`{"resources":[]}`: "{\"resources\":[]}\n",
		`7`:                "7\n",
	} {
		var out strings.Builder
		Entry{Event: json.RawMessage(event)}.Describe(&out)
		if out.String() != want {
			t.Errorf("%s is described as %q, expected %q", event, out.String(), want)
		}
	}
}
