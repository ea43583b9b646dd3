package console_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"rostrum/internal/console"
	"rostrum/internal/event"
	"rostrum/internal/store"
)

// listen serves the fixture at an address of its own.
func (f *fixture) listen(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.ended.Add(1)
		defer f.ended.Done()
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.host = strings.TrimPrefix(server.URL, "http://")
}

// stream opens an event stream of the server of listen.
func (f *fixture) stream(t *testing.T, path string, cookie *http.Cookie) io.Reader {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(console.PageHeader, "1")
	r.Header.Set("Accept", "text/event-stream")
	r.AddCookie(cookie)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Body.Close() })
	return a.Body
}

// Streams end with the session, and not only when its page goes or sends a request.
func TestSession_EndsItsStreams(t *testing.T) {
	signOut := func(f *fixture, cookie *http.Cookie) { f.send(request{path: "/console/sign-out", cookie: cookie}) }
	for what, end := range map[string]func(*fixture, *http.Cookie){
		"signing out": signOut,
		"another secret": func(f *fixture, _ *http.Cookie) {
			f.updateKey(t, "AKIAALICE", func(k *store.AccessKey) { k.Secret = "another" })
		},
		"a revoked key": func(f *fixture, _ *http.Cookie) {
			f.updateKey(t, "AKIAALICE", func(k *store.AccessKey) { k.Revoked = time.Now() })
		},
		"an expired key": func(f *fixture, _ *http.Cookie) {
			f.updateKey(t, "AKIAALICE", func(k *store.AccessKey) { k.Expires = time.Now() })
		},
		"a stopped server": func(f *fixture, _ *http.Cookie) { _ = f.console.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			f := newFixture(t, "")
			f.listen(t)
			cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
			var streams []*bufio.Reader
			for path, first := range map[string]string{"/console/live": `"participants":7`, "/event-log": "retry:"} {
				lines := bufio.NewReader(f.stream(t, path, cookie))
				if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, first) {
					t.Fatalf("%s begins with %q, %v", path, line, err)
				}
				streams = append(streams, lines)
			}
			end(f, cookie)
			for _, lines := range streams {
				_, _ = io.Copy(io.Discard, lines) // it blocks if the stream goes on
			}
		})
	}
}

// A stream ends with its session also while events are sent that a page does not read.
func TestSession_EndsAStreamThatIsBehind(t *testing.T) {
	f := newFixture(t, "")
	f.listen(t)
	detail := json.RawMessage(`{"event_name":"` + strings.Repeat("x", 256<<10) + `"}`)
	err := f.store.Write(t.Context(), func(tx *store.Tx) error {
		for n := range 120 { // the first 100 are one write, of more than the buffers of connections hold
			tx.Emit(event.Event{ID: strconv.Itoa(n), DetailType: "x", Account: account, Region: region, Time: time.Now(), Detail: detail})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	body := f.stream(t, "/event-log", cookie)
	if _, err := io.ReadFull(body, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	f.send(request{path: "/console/sign-out", cookie: cookie})
	signedOut := time.Now()
	f.ended.Wait()
	if took := time.Since(signedOut); took > 5*time.Second { // a write may take ten
		t.Errorf("the stream ended after %v", took)
	}
	if rest, _ := io.Copy(io.Discard, body); rest > 24<<20 {
		t.Error("the whole backlog was sent")
	}
}
