package event

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/arn"
)

func aJoin() Event {
	stage := arn.New(arn.Stage, "111122223333", "eu-west-1").String()
	return ParticipantJoined(Participant{StageARN: stage, SessionID: "st-1", ID: "p1"}, time.Now(), nil)
}

func hookTo(t *testing.T, url string, allowPrivate bool) *webhook {
	t.Helper()
	target := Target{Name: "hook", Account: "111122223333", Webhook: &Webhook{URL: url, AllowPrivate: allowPrivate},
		Secrets: []Secret{{"k2", "second"}, {"k1", "first"}}}
	if err := target.Check(); err != nil {
		t.Fatal(err)
	}
	w, err := newWebhook(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestWebhook_SignsWithAllKeysSoThatTheyCanBeChanged(t *testing.T) {
	e := aJoin()
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	if errs := hookTo(t, server.URL, true).Send(t.Context(), []Event{e}); errs[0] != nil {
		t.Fatalf("deliver: %v", errs[0])
	}
	envelope, _ := e.MarshalJSON()
	if string(body) != string(envelope) || header.Get(HeaderEventID) != e.ID || header.Get(HeaderTarget) != "hook" || header.Get("Content-Type") != "application/json" {
		t.Errorf("received %s with %v, expected the envelope %s", body, header, envelope)
	}
	now := time.Now()
	forged := strings.Replace(string(body), "st-1", "st-2", 1)
	for name, tt := range map[string]struct {
		body   string
		at     time.Time
		secret Secret
		good   bool
	}{
		"the new key":            {string(body), now, Secret{"k2", "second"}, true},
		"the old key":            {string(body), now, Secret{"k1", "first"}, true},
		"another body":           {forged, now, Secret{"k1", "first"}, false},
		"another secret":         {string(body), now, Secret{"k1", "second"}, false},
		"a key that is not used": {string(body), now, Secret{"k3", "first"}, false},
		"an old request again":   {string(body), now.Add(6 * time.Minute), Secret{"k1", "first"}, false},
		"one of the future":      {string(body), now.Add(-6 * time.Minute), Secret{"k1", "first"}, false},
	} {
		if err := Verify(header, []byte(tt.body), tt.at, tt.secret); (err == nil) != tt.good {
			t.Errorf("%s: %v, expected it to be good: %v", name, err, tt.good)
		}
	}
}

func TestWebhook_TakesOnlySuccessForSuccess(t *testing.T) {
	var elsewhere atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer inner.Close()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		after  time.Duration
	}{
		"it fails": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 0},
		"it redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
		}, 0},
		"it asks later": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) }, 2 * time.Minute},
		"it hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, 0},
		"its headers never end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			w.WriteHeader(200)
		}, 0},
	} {
		server := httptest.NewServer(tt.answer)
		err := hookTo(t, server.URL+"/?token=hidden", true).Send(t.Context(), []Event{aJoin()})[0]
		var s *RetryError
		switch {
		case err == nil:
			t.Errorf("%s: it was taken for delivered", name)
		case strings.Contains(err.Error(), "hidden"):
			t.Errorf("%s: the error shows the URL: %v", name, err)
		case tt.after > 0 && (!errors.As(err, &s) || s.After != tt.after):
			t.Errorf("%s: %v, expected to be told to wait %v", name, err, tt.after)
		}
		server.Close()
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestWebhook_EndsWithItsContextWhenTheReceiverHangs(t *testing.T) {
	free := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	defer server.Close()
	defer close(free)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := hookTo(t, server.URL, true).Send(ctx, []Event{aJoin()})[0]; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, expected the end of the context", err)
	}
}

func TestWebhook_ReadsNoEndlessAnswer(t *testing.T) {
	stopped := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(stopped)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	if err := hookTo(t, server.URL, true).Send(t.Context(), []Event{aJoin()})[0]; err != nil {
		t.Errorf("a 200 with an endless body: %v, expected it to be delivered", err)
	}
	<-stopped
}

func TestWebhook_UsesItsConnectionAgain(t *testing.T) {
	from := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from[r.RemoteAddr] = true
		_, _ = io.WriteString(w, "thank you")
	}))
	defer server.Close()
	w := hookTo(t, server.URL, true)
	for range 20 {
		if err := w.Send(t.Context(), []Event{aJoin()})[0]; err != nil {
			t.Fatal(err)
		}
	}
	if len(from) != 1 {
		t.Errorf("20 deliveries came over %d connections, expected 1", len(from))
	}
}

func TestWebhook_ReachesNoPrivateAddressUnlessAllowed(t *testing.T) {
	reached := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"} {
		err := hookTo(t, "https://"+host+port+"/", false).Send(t.Context(), []Event{aJoin()})[0]
		if err == nil || reached {
			t.Errorf("%s was reached: %v", host, err)
		}
	}
	if err := hookTo(t, "http://192.0.2.1/", true).Send(t.Context(), []Event{aJoin()})[0]; err == nil || !strings.Contains(err.Error(), "machine alone") {
		t.Errorf("plain http to another machine: %v, expected it to be refused", err)
	}
}

func TestTarget_RefusesWhatCannotWork(t *testing.T) {
	for name, tt := range map[string]struct {
		target Target
		says   string
	}{
		"no kind":            {Target{}, "exactly one"},
		"two kinds":          {Target{Webhook: &Webhook{URL: "https://a.example"}, File: &File{Path: "/x"}}, "exactly one"},
		"plain http":         {Target{Webhook: &Webhook{URL: "http://a.example"}}, "https"},
		"another scheme":     {Target{Webhook: &Webhook{URL: "file:///etc/passwd"}}, "malformed"},
		"a password":         {Target{Webhook: &Webhook{URL: "https://me:pass@a.example"}}, "password"},
		"a relative path":    {Target{File: &File{Path: "events.jsonl"}}, "absolute"},
		"no region":          {Target{Bus: &Bus{Name: "default"}}, "region"},
		"the service's name": {Target{Bus: &Bus{Name: "default", Region: "us-east-1", Source: "aws.ivs"}}, "aws."},
		"a broken pattern":   {Target{Pattern: []byte(`{"detail":[]}`), File: &File{Path: "/x"}}, "pattern"},
	} {
		tt.target.Name = "a"
		if err := tt.target.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, expected an error with %q", name, err, tt.says)
		}
	}
	if err := (&Target{Name: "Über", File: &File{Path: "/x"}}).Check(); err == nil {
		t.Error("a name with other letters was taken")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("1700000000", "k1=00,k2=zz", "{}")
	f.Add("", ",,,=", "")
	f.Fuzz(func(t *testing.T, timestamp, signature, body string) {
		h := http.Header{HeaderTimestamp: {timestamp}, HeaderSignature: {signature}}
		if Verify(h, []byte(body), time.Unix(1700000000, 0), Secret{"k1", "unguessable"}) == nil {
			t.Error("a request that nobody signed is good")
		}
	})
}
