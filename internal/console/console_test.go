package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/api"
	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/console"
	"rostrum/internal/control"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

const (
	account = "111122223333"
	region  = "eu-west-1"

	readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivs:Get*","ivs:List*"],"Resource":"*"}]}`
)

// noStages has no live stages.
type noStages struct{}

func (noStages) Disconnect(context.Context, string, string, string) error      { return nil }
func (noStages) StageDeleted(context.Context, string) error                    { return nil }
func (noStages) Replicate(context.Context, control.Replication) error          { return nil }
func (noStages) StopReplication(context.Context, string, string, string) error { return nil }

// A fixture is a console with its API, on a store with an operator and a reader.
type fixture struct {
	http.Handler
	console *console.Server
	store   *store.Store
	buckets bucket.Buckets
	host    string
	ended   sync.WaitGroup // requests to the server of listen
}

func newFixture(t *testing.T, publicURL string) *fixture {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, host: "127.0.0.1:7080", buckets: bucket.Folders(t.TempDir())}
	f.addKey(t, store.AccessKey{ID: "AKIAALICE", Account: account, Secret: "alice-secret", UserName: "alice"})
	f.addKey(t, store.AccessKey{ID: "AKIAREADER", Account: account, Secret: "reader-secret", UserName: "reader", Policies: []json.RawMessage{json.RawMessage(readOnly)}})
	authority, err := authority.New(ctx, s, authority.Config{PublicURL: "http://127.0.0.1:7080"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(ctx, s, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	compositions := composition.NewRegistry(composition.Parts{Store: s, Authority: authority, Node: n}, composition.Config{})
	t.Cleanup(func() { _ = compositions.Close() })
	channels := channel.NewRegistry(s, n, channel.Config{Ingest: "127.0.0.1:1935", Public: "http://127.0.0.1:7080"})
	t.Cleanup(func() { _ = channels.Close() })
	plane, err := control.New(ctx, control.Parts{Store: s, Authority: authority, Live: noStages{}, Channels: channels, Compositions: compositions, Buckets: f.buckets}, control.OpenLimits())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	f.console = console.New(plane, console.Config{
		Store: s, LogRing: new(console.LogRing),
		Settings: func() any { return []string{"listen"} }, Examine: func(context.Context) any { return []string{"fine"} },
		PublicURL: publicURL, Region: region, Account: account, Log: log,
		Figures: func() console.Figures { return console.Figures{Participants: 7} },
		Recordings: console.Recordings{Buckets: f.buckets, Address: func(_, bucket, prefix string, _ time.Time) string {
			return "/buckets/" + bucket + "/" + prefix + "/media/hls/multivariant.m3u8?signature=s"
		}},
	})
	t.Cleanup(func() { _ = f.console.Close() })
	mux := http.NewServeMux()
	for _, pattern := range f.console.Patterns() {
		mux.Handle(pattern, f.console)
	}
	mux.Handle("/", api.New(plane, api.Config{Session: f.console.Authenticate, Log: log}))
	f.Handler = mux
	return f
}

func (f *fixture) addKey(t *testing.T, key store.AccessKey) {
	t.Helper()
	err := f.store.Write(t.Context(), func(tx *store.Tx) error {
		_ = tx.CreateAccount(store.Account{ID: key.Account, Created: time.Now()}) // it may be there
		key.Created = time.Now()
		return tx.CreateAccessKey(key)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) updateKey(t *testing.T, id string, change func(*store.AccessKey)) {
	t.Helper()
	err := f.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.UpdateAccessKey(id, func(k *store.AccessKey) error { change(k); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A request is one of a page of the console, unless its headers say otherwise.
type request struct {
	method, path, body string
	from               string
	cookie             *http.Cookie
	headers            map[string]string // "" removes one
}

func (f *fixture) send(q request) *http.Response {
	if q.method == "" {
		q.method = http.MethodPost
	}
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	r.Host = f.host
	if r.RemoteAddr = "192.0.2.1:1234"; q.from != "" {
		r.RemoteAddr = q.from
	}
	r.Header.Set(console.PageHeader, "1")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "http://"+f.host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range q.headers {
		if value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	if q.cookie != nil {
		r.AddCookie(&http.Cookie{Name: q.cookie.Name, Value: q.cookie.Value})
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

func keyBody(id, secret string) string {
	return fmt.Sprintf(`{"accessKeyId":%q,"secretAccessKey":%q}`, id, secret)
}

// signIn returns the cookie of a session.
func (f *fixture) signIn(t *testing.T, body string) *http.Cookie {
	t.Helper()
	a := f.send(request{path: "/console/sign-in", body: body})
	if a.StatusCode != http.StatusOK || len(a.Cookies()) != 1 {
		t.Fatalf("signing in is answered with %d and %d cookies: %s", a.StatusCode, len(a.Cookies()), text(a))
	}
	return a.Cookies()[0]
}

func text(a *http.Response) string {
	body, _ := io.ReadAll(a.Body)
	return a.Header.Get("x-amzn-ErrorType") + " " + string(body)
}

// code is the error of an answer; empty if it is none.
func code(a *http.Response) ivsrealtime.Code {
	return ivsrealtime.Code(a.Header.Get("x-amzn-ErrorType"))
}

func linkBody(link string) string {
	_, code, _ := strings.Cut(link, "#sign-in=")
	return fmt.Sprintf(`{"link":%q}`, code)
}

func TestSession_StandsForItsAccessKey(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	var made ivsrealtime.CreateStageOutput
	a := f.send(request{path: "/CreateStage", body: `{"name":"show"}`, cookie: cookie})
	if err := json.NewDecoder(a.Body).Decode(&made); a.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("CreateStage is answered with %d, %v", a.StatusCode, err)
	}
	if expected := "arn:aws:ivs:" + region + ":" + account + ":stage/"; !strings.HasPrefix(made.Stage.ARN, expected) {
		t.Errorf("the stage is %s, expected %s…", made.Stage.ARN, expected)
	}
	a = f.send(request{method: http.MethodGet, path: "/console/session", cookie: cookie})
	if body := text(a); !strings.Contains(body, `"userName":"alice"`) || !strings.Contains(body, `"restricted":false`) || !strings.Contains(body, `"node":true`) {
		t.Errorf("the session is described as %s", body)
	}
	if a = f.send(request{path: "/ListStages", body: `{}`}); code(a) != ivsrealtime.MissingAuthentication {
		t.Errorf("without a cookie the API answers %s", text(a))
	}
}

func TestSession_IsHeldToThePoliciesOfItsKey(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAREADER", "reader-secret"))
	if a := f.send(request{path: "/ListStages", body: `{}`, cookie: cookie}); a.StatusCode != http.StatusOK {
		t.Errorf("a reader's ListStages is answered with %s", text(a))
	}
	for path, body := range map[string]string{"/CreateStage": `{}`, "/DeleteStage": `{"arn":"arn:aws:ivs:eu-west-1:111122223333:stage/AbsentAbsent"}`} {
		if a := f.send(request{path: path, body: body, cookie: cookie}); code(a) != ivsrealtime.AccessDenied {
			t.Errorf("a reader's %s is answered with %d %s", path, a.StatusCode, text(a))
		}
	}
	if a := f.send(request{method: http.MethodGet, path: "/console/live", cookie: cookie}); code(a) != ivsrealtime.AccessDenied {
		t.Errorf("a reader sees the figures of the server: %d", a.StatusCode)
	}
}

func TestSignIn_RefusesWhatProvesNoKey(t *testing.T) {
	f := newFixture(t, "")
	f.addKey(t, store.AccessKey{ID: "AKIAREVOKED", Account: account, Secret: "s", Revoked: time.Now()})
	f.addKey(t, store.AccessKey{ID: "AKIAEXPIRED", Account: account, Secret: "s", Expires: time.Now().Add(-time.Hour)})
	f.addKey(t, store.AccessKey{ID: "AKIATEMPORARY", Account: account, Secret: "s", SessionToken: "token"})
	for what, c := range map[string]struct {
		body string
		code ivsrealtime.Code
	}{
		"an unknown key":                     {keyBody("AKIANOBODY", ""), ivsrealtime.UnrecognizedClient},
		"no key":                             {`{}`, ivsrealtime.UnrecognizedClient},
		"a wrong secret":                     {keyBody("AKIAALICE", "alice-secre"), ivsrealtime.UnrecognizedClient},
		"a revoked key":                      {keyBody("AKIAREVOKED", "s"), ivsrealtime.UnrecognizedClient},
		"an expired key":                     {keyBody("AKIAEXPIRED", "s"), ivsrealtime.UnrecognizedClient},
		"a temporary key without its token":  {keyBody("AKIATEMPORARY", "s"), ivsrealtime.UnrecognizedClient},
		"a link that was never made":         {`{"link":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`, ivsrealtime.UnrecognizedClient},
		"a region that is none":              {`{"accessKeyId":"AKIAALICE","secretAccessKey":"alice-secret","region":"<b>"}`, ivsrealtime.InvalidSignature},
		"a body that is no JSON":             {`accessKeyId=AKIAALICE`, ivsrealtime.ValidationFailed},
		"a body that is larger than any key": {keyBody("AKIAALICE", strings.Repeat("x", 5000)), ivsrealtime.ValidationFailed},
	} {
		a := f.send(request{path: "/console/sign-in", body: c.body, from: fmt.Sprintf("192.0.2.%d:1", 10+len(what))})
		if code(a) != c.code || len(a.Cookies()) > 0 {
			t.Errorf("%s: %d %s, %d cookies, expected %s", what, a.StatusCode, text(a), len(a.Cookies()), c.code)
		}
	}
	if a := f.send(request{path: "/console/sign-in", body: `{"accessKeyId":"AKIATEMPORARY","secretAccessKey":"s","sessionToken":"token"}`}); a.StatusCode != http.StatusOK {
		t.Errorf("a temporary key with its token is refused: %s", text(a))
	}
}

func TestSignIn_LimitsFailuresOfANetwork(t *testing.T) {
	f := newFixture(t, "")
	const attacker, other = "198.51.100.7:999", "203.0.113.1:999"
	right, wrong := keyBody("AKIAALICE", "alice-secret"), keyBody("AKIAALICE", "guess")
	for range 10 {
		if a := f.send(request{path: "/console/sign-in", body: wrong, from: attacker}); code(a) != ivsrealtime.UnrecognizedClient {
			t.Fatalf("a wrong secret is answered with %s", text(a))
		}
	}
	if a := f.send(request{path: "/console/sign-in", body: wrong, from: attacker}); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("after ten failures, another is answered with %d", a.StatusCode)
	}
	if a := f.send(request{path: "/console/sign-in", body: wrong, from: other}); code(a) != ivsrealtime.UnrecognizedClient {
		t.Errorf("another network is refused, too: %s", text(a))
	}
	// Behind a proxy all operators come from the attacker's network.
	for what, body := range map[string]string{"the right secret": right, "a link": linkBody(f.console.SignInLink("AKIAALICE"))} {
		if a := f.send(request{path: "/console/sign-in", body: body, from: attacker}); a.StatusCode != http.StatusOK {
			t.Errorf("after ten failures, %s is answered with %d", what, a.StatusCode)
		}
	}
}

func TestSignIn_LinkWorksOnce(t *testing.T) {
	f := newFixture(t, "")
	link := f.console.SignInLink("AKIAALICE")
	if !strings.HasPrefix(link, "/console/#") {
		t.Errorf("the code is not in the fragment of %s", link)
	}
	cookie := f.signIn(t, linkBody(link))
	if a := f.send(request{path: "/ListStages", body: `{}`, cookie: cookie}); a.StatusCode != http.StatusOK {
		t.Errorf("the session of a link is refused: %s", text(a))
	}
	if a := f.send(request{path: "/console/sign-in", body: linkBody(link)}); code(a) != ivsrealtime.UnrecognizedClient {
		t.Errorf("a used link is answered with %d %s", a.StatusCode, text(a))
	}
}

func TestSignIn_LinkIsShortLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := console.New(new(control.Plane), console.Config{})
		defer s.Close()
		body := linkBody(s.SignInLink("AKIAALICE"))
		time.Sleep(15 * time.Minute)
		r := httptest.NewRequest(http.MethodPost, "/console/sign-in", strings.NewReader(body))
		r.Header.Set(console.PageHeader, "1")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if code(w.Result()) != ivsrealtime.UnrecognizedClient {
			t.Errorf("a link of 15 minutes ago is answered with %d", w.Code)
		}
	})
}

func TestSession_AnswersPagesOfThisServerOnly(t *testing.T) {
	f := newFixture(t, "https://stages.example")
	f.host = "stages.example"
	own := map[string]string{"Origin": "https://stages.example"}
	a := f.send(request{path: "/console/sign-in", body: keyBody("AKIAALICE", "alice-secret"), headers: own})
	if a.StatusCode != http.StatusOK {
		t.Fatalf("the server's own page is refused: %s", text(a))
	}
	cookie := a.Cookies()[0]
	link := linkBody(f.console.SignInLink("AKIAALICE"))
	for what, headers := range map[string]map[string]string{
		"a page of another origin":   {"Origin": "https://evil.example"},
		"a page without an origin":   {"Origin": "null"},
		"a page of another site":     {"Origin": "", "Sec-Fetch-Site": "cross-site"},
		"a page of the same site":    {"Origin": "", "Sec-Fetch-Site": "same-site"},
		"an address typed in":        {"Origin": "", "Sec-Fetch-Site": "none"},
		"a form, without the header": {console.PageHeader: ""},
	} {
		for _, q := range []request{
			{path: "/CreateStage", body: `{}`}, {path: "/console/sign-in", body: link}, {path: "/console/sign-out"},
			{method: http.MethodGet, path: "/console/session"}, {method: http.MethodGet, path: "/console/live"},
			{method: http.MethodGet, path: "/console/data/recordings"}, {method: http.MethodGet, path: "/console/data/recording"},
			{path: "/console/data/recording/verify"}, {path: "/console/data/layout", body: `{}`},
		} {
			q.cookie, q.headers = cookie, headers
			if a := f.send(q); a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 {
				t.Errorf("%s: %s is answered with %d", what, q.path, a.StatusCode)
			}
		}
	}
	if a := f.send(request{path: "/CreateStage", body: `{}`, cookie: cookie, headers: own}); a.StatusCode != http.StatusOK {
		t.Errorf("then the server's own page is refused: %s", text(a))
	}
	f.host = "10.0.0.1:7080" // as a proxy passes on
	if a := f.send(request{path: "/console/sign-in", body: link, headers: own}); a.StatusCode != http.StatusOK {
		t.Errorf("the page is refused behind a proxy, or its link was used up by others: %s", text(a))
	}
}

func TestSession_CookieStaysWithTheBrowser(t *testing.T) {
	for publicURL, expected := range map[string]struct {
		name   string
		secure bool
	}{
		"":                       {"rostrum-console-7080", false},
		"https://stages.example": {"__Host-rostrum-console-7080", true},
	} {
		c := newFixture(t, publicURL).signIn(t, keyBody("AKIAALICE", "alice-secret"))
		if c.Name != expected.name || c.Secure != expected.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 40 {
			t.Errorf("%q: the cookie is %s", publicURL, c)
		}
	}
}

func TestSession_EndsWithItsKey(t *testing.T) {
	const keyCacheTTL = time.Second // package control's
	for what, change := range map[string]func(*store.AccessKey){
		"revoked":           func(k *store.AccessKey) { k.Revoked = time.Now() },
		"expired":           func(k *store.AccessKey) { k.Expires = time.Now() },
		"with a new secret": func(k *store.AccessKey) { k.Secret = "another" },
	} {
		t.Run(what, func(t *testing.T) {
			f := newFixture(t, "")
			cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
			f.updateKey(t, "AKIAALICE", change)
			refused := func() bool {
				return code(f.send(request{path: "/ListStages", body: `{}`, cookie: cookie})) == ivsrealtime.ExpiredToken
			}
			for end := time.Now().Add(20 * keyCacheTTL); !refused(); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the session of the key goes on")
				}
			}
			f.updateKey(t, "AKIAALICE", func(k *store.AccessKey) {
				k.Revoked, k.Expires, k.Secret = time.Time{}, time.Time{}, "alice-secret"
			})
			if !refused() {
				t.Error("a session that has ended is open again")
			}
		})
	}
}

func TestSession_EndsBySigningOut(t *testing.T) {
	f := newFixture(t, "")
	mine, other := f.signIn(t, keyBody("AKIAALICE", "alice-secret")), f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	a := f.send(request{path: "/console/sign-out", cookie: mine})
	if a.StatusCode != http.StatusNoContent || len(a.Cookies()) != 1 || a.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out is answered with %d and %v", a.StatusCode, a.Cookies())
	}
	if a := f.send(request{path: "/ListStages", body: `{}`, cookie: mine}); code(a) != ivsrealtime.ExpiredToken {
		t.Errorf("then the session is answered with %d", a.StatusCode)
	}
	if a := f.send(request{path: "/ListStages", body: `{}`, cookie: other}); a.StatusCode != http.StatusOK {
		t.Errorf("another session of the key has ended, too: %s", text(a))
	}
}
