package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

const lobby = "arn:aws:ivs:us-east-1:000000000000:stage/Aa1Bb2Cc3Dd4"

// note writes events into the log of a data folder, as a stage would.
func note(t *testing.T, data string, names ...string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		for _, name := range names {
			tx.Emit(event.ParticipantPublished(event.Participant{StageARN: lobby, SessionID: "st-1", ID: name, UserID: "alice"}, time.Now()))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEventsTail_PrintsWhatMatches(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, "--data-dir", data)
	note(t, data, "p1", "p2")
	stdout, stderr, code := finish(t, rostrum(t, "events", "tail", "--data-dir", data, "--public-url", s.Endpoint, "--stage", lobby,
		"--from", "1h", "--pattern", `{"detail":{"participant_id":["p2"]}}`))
	if code != exitOK || strings.Count(stdout, "\n") != 1 || !strings.Contains(stdout, "Participant Published") || !strings.Contains(stdout, "p2 alice") {
		t.Errorf("expected the one event that matches, saw exit %d: %s%s", code, stdout, stderr)
	}
}

func TestEventsTail_FollowsAStreamAndComesBackToIt(t *testing.T) {
	asked := make(chan string, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		if r.Header.Get("Accept") == "application/json" {
			fmt.Fprint(w, `{"events":[{"cursor":7,"event":{"id":"a"}}],"next":9,"atEnd":true}`)
			return
		}
		if strings.Contains(r.URL.RawQuery, "after=9") {
			fmt.Fprint(w, "retry: 1000\n\n: still here\n\nid: 11\ndata: {\"id\":\"b\"}\n\n")
			return // the line broke
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"no longer"}`)
	}))
	defer server.Close()
	cmd := rostrum(t, "events", "tail", "--endpoint", server.URL, "--after", "3", "--follow", "--json")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAALICE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	stdout, stderr, code := finish(t, cmd)
	if code != exitDenied || !strings.Contains(stderr, "no longer") {
		t.Errorf("expected the end with exit 3 once it is refused, saw exit %d: %s", code, stderr)
	}
	if expected := "{\"cursor\":7,\"event\":{\"id\":\"a\"}}\n{\"cursor\":11,\"event\":{\"id\":\"b\"}}\n"; stdout != expected {
		t.Errorf("printed %s, expected %s", stdout, expected)
	}
	for _, expected := range []string{"after=3", "after=9", "after=11"} {
		if query := <-asked; query != expected {
			t.Errorf("asked for %s, expected %s", query, expected)
		}
	}
}

func TestEventsTail_FlagsWinOverTheEnvironment(t *testing.T) {
	asked := make(chan string, 8)
	server := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			asked <- name + " " + strings.Join(strings.Split(scope, "/")[:3:3], " ")
			fmt.Fprint(w, `{"events":[],"next":0,"atEnd":true}`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	data := filepath.Join(t.TempDir(), "data")
	note(t, data)
	local, other := server("local"), server("other")
	t.Setenv("AWS_ENDPOINT_URL_IVS_REALTIME", other)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAALICE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	today := time.Now().UTC().Format("20060102")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"the environment alone":  {nil, "other AKIAALICE " + today + " eu-west-1"},
		"--endpoint":             {[]string{"--endpoint", local}, "local AKIAALICE " + today + " eu-west-1"},
		"--data-dir":             {[]string{"--data-dir", data, "--public-url", local, "--access-key", "AKIAOPERATOR0000", "--secret-key", "abcdefghijabcdefghij"}, "local AKIAOPERATOR0000 " + today + " us-east-1"},
		"--region":               {[]string{"--region", "us-west-2"}, "other AKIAALICE " + today + " us-west-2"},
		"--public-url and store": {[]string{"--public-url", local, "--data-dir", data, "--region", "us-west-2"}, "local "},
	} {
		_, stderr, code := finish(t, rostrum(t, append([]string{"events", "tail"}, c.args...)...))
		select {
		case got := <-asked:
			if code != exitOK || !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: asked %q, expected %q; exit %d %s", name, got, c.want, code, stderr)
			}
		default:
			t.Errorf("%s: nobody was asked: exit %d %s", name, code, stderr)
		}
	}
}
