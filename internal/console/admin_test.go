package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rostrum/internal/console"
	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// do sends a request of a page and returns its answer as text, with the code of an error.
func (f *fixture) do(cookie *http.Cookie, method, path, body string) string {
	return text(f.send(request{method: method, path: "/console/data/" + path, body: body, cookie: cookie}))
}

// administration are requests for those who manage keys; operation for those who run the server.
var (
	administration = [][3]string{
		{"GET", "keys", ""}, {"POST", "keys", `{"user":"eve"}`}, {"PUT", "keys/AKIAREADER", `{"user":"eve","unrestricted":true}`},
		{"DELETE", "keys/AKIAREADER", ""}, {"POST", "keys/AKIAREADER/revoke", "{}"}, {"POST", "keys/AKIAREADER/may", `{"action":"ivs:GetStage","resource":"*"}`}, {"GET", "actions", ""},
	}
	operation = [][3]string{
		{"GET", "targets", ""}, {"POST", "targets", `{"name":"x","webhook":{"url":"https://hook.example/"}}`}, {"DELETE", "targets/x", ""},
		{"POST", "targets/x/test", "{}"}, {"POST", "targets/x/send", `{"cursor":1}`}, {"GET", "targets/x/dead", ""}, {"POST", "targets/x/redeliver", "{}"},
		{"GET", "log?after=0", ""}, {"GET", "settings", ""}, {"POST", "doctor", "{}"},
	}
)

func TestAdministration_IsForKeysWithoutPolicies(t *testing.T) {
	f := newFixture(t, "")
	f.addKey(t, store.AccessKey{ID: "AKIAFULL", Account: account, Secret: "s", Policies: []json.RawMessage{json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}})
	f.addKey(t, store.AccessKey{ID: "AKIAOTHER", Account: "444455556666", Secret: "s", UserName: "olga"})
	reader, full, other := f.signIn(t, keyBody("AKIAREADER", "reader-secret")), f.signIn(t, keyBody("AKIAFULL", "s")), f.signIn(t, keyBody("AKIAOTHER", "s"))
	for _, q := range append(append([][3]string{}, administration...), operation...) {
		for who, cookie := range map[string]*http.Cookie{"a reader": reader, "a key that a policy allows all": full, "nobody": nil} {
			if got := f.do(cookie, q[0], q[1], q[2]); !strings.HasPrefix(got, "AccessDeniedException") && !strings.HasPrefix(got, "MissingAuthenticationToken") {
				t.Errorf("%s: %s %s is answered with %s", who, q[0], q[1], got)
			}
		}
	}
	for _, q := range operation {
		if got := f.do(other, q[0], q[1], q[2]); !strings.HasPrefix(got, "AccessDeniedException") {
			t.Errorf("another account: %s %s is answered with %s", q[0], q[1], got)
		}
	}
	foreign := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	for _, q := range append(append([][3]string{}, administration...), operation...) {
		if a := f.send(request{method: q[0], path: "/console/data/" + q[1], body: q[2], cookie: f.signIn(t, keyBody("AKIAALICE", "alice-secret")), headers: foreign}); code(a) != ivsrealtime.AccessDenied {
			t.Errorf("a page of another origin: %s %s is answered with %d", q[0], q[1], a.StatusCode)
		}
	}
}

func TestKeys_StayInTheirAccount(t *testing.T) {
	f := newFixture(t, "")
	f.addKey(t, store.AccessKey{ID: "AKIAOTHER", Account: "444455556666", Secret: "s", UserName: "olga"})
	other := f.signIn(t, keyBody("AKIAOTHER", "s"))
	if got := f.do(other, "GET", "keys", ""); !strings.Contains(got, "olga") || strings.Contains(got, "alice") {
		t.Errorf("the keys of another account are %s", got)
	}
	for _, q := range administration {
		if strings.Contains(q[1], "AKIAREADER") {
			if got := f.do(other, q[0], q[1], q[2]); !strings.HasPrefix(got, "ResourceNotFoundException") {
				t.Errorf("another account: %s %s is answered with %s", q[0], q[1], got)
			}
		}
	}
	var made struct{ AccessKeyID, SecretAccessKey, Account string }
	_, answered, _ := strings.Cut(f.do(other, "POST", "keys", `{"user":"new","unrestricted":true}`), " ")
	if err := json.Unmarshal([]byte(answered), &made); err != nil || made.Account != "444455556666" {
		t.Errorf("a key of another account is made as %s, %v", answered, err)
	}
}

func TestKeys_AreMadeChangedRevokedAndDeleted(t *testing.T) {
	f := newFixture(t, "")
	alice := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	var made struct{ AccessKeyID, SecretAccessKey string }
	_, answered, _ := strings.Cut(f.do(alice, "POST", "keys", `{"user":"zoe","policies":["IVSReadOnlyAccess"],"tags":{"team":"red"}}`), " ")
	if err := json.Unmarshal([]byte(answered), &made); err != nil || len(made.SecretAccessKey) != 40 {
		t.Fatalf("a key is made as %s, %v", answered, err)
	}
	id := made.AccessKeyID
	if got := f.do(alice, "GET", "keys", ""); !strings.Contains(got, id) || strings.Contains(got, made.SecretAccessKey) || strings.Contains(got, "alice-secret") {
		t.Errorf("the list of keys is %s", got)
	}
	zoe := f.signIn(t, keyBody(id, made.SecretAccessKey))
	for _, c := range []struct{ action, allowed string }{{"ivs:GetStage", `"allowed":true`}, {"ivs:DeleteStage", `"allowed":false`}, {"FlyStage", "ValidationException"}} {
		if got := f.do(alice, "POST", "keys/"+id+"/may", fmt.Sprintf(`{"action":%q,"resource":"arn:aws:ivs:eu-west-1:111122223333:stage/x"}`, c.action)); !strings.Contains(got, c.allowed) {
			t.Errorf("whether it may %s is answered with %s", c.action, got)
		}
	}
	for what, body := range map[string]string{
		"a statement without an effect": `{"user":"zoe","policies":[{"Version":"2012-10-17","Statement":[{"Action":"*"}]}]}`,
		"an unknown built-in policy":    `{"user":"zoe","policies":["Everything"]}`,
		"no user":                       `{"unrestricted":true}`,
		"an unknown member":             `{"user":"zoe","unrestricted":true,"admin":true}`,
		"a time that is past":           `{"user":"zoe","unrestricted":true,"expires":"2020-01-01T00:00:00Z"}`,
		"no policies":                   `{"user":"zoe"}`,
		"an empty list of policies":     `{"user":"zoe","policies":[]}`,
		"policies of no effect":         `{"user":"zoe","unrestricted":true,"policies":["IVSReadOnlyAccess"]}`,
	} {
		for _, q := range [][2]string{{"POST", "keys"}, {"PUT", "keys/" + id}} {
			if got := f.do(alice, q[0], q[1], body); !strings.HasPrefix(got, "ValidationException") {
				t.Errorf("%s: %s is answered with %s", what, q[0], got)
			}
		}
	}
	if got := f.do(alice, "PUT", "keys/"+id, `{"user":"zoe2","unrestricted":true,"tags":{"team":"blue"}}`); !strings.Contains(got, "zoe2") || !strings.Contains(got, "blue") || !strings.Contains(got, `"boundedByPolicies":false`) {
		t.Errorf("a change is answered with %s", got)
	}
	for _, q := range [][2]string{{"PUT", ""}, {"DELETE", ""}, {"POST", "/revoke"}} {
		if got := f.do(alice, q[0], "keys/AKIAALICE"+q[1], `{"user":"alice","unrestricted":true}`); !strings.HasPrefix(got, "ConflictException") {
			t.Errorf("%s of the user's own key is answered with %s", q[0], got)
		}
	}
	if got := f.do(alice, "POST", "keys/"+id+"/revoke", "{}"); !strings.Contains(got, `"revoked":"`) {
		t.Errorf("revoking is answered with %s", got)
	}
	if got := text(f.send(request{method: http.MethodGet, path: "/console/session", cookie: zoe})); !strings.HasPrefix(got, "ExpiredTokenException") { // at once
		t.Errorf("the session of a revoked key is answered with %s", got)
	}
	f.do(alice, "DELETE", "keys/"+id, "")
	if got := f.do(alice, "GET", "keys", ""); strings.Contains(got, id) {
		t.Errorf("after it was deleted the list is %s", got)
	}
}

func TestTargets_AreAddedTestedAndRemoved(t *testing.T) {
	f := newFixture(t, "")
	alice := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Method }))
	defer receiver.Close()
	added := f.do(alice, "POST", "targets", fmt.Sprintf(`{"name":"hook","webhook":{"url":%q,"allowPrivate":true}}`, receiver.URL))
	if !strings.Contains(added, `"secret":"`) {
		t.Errorf("a webhook is added without its secret: %s", added)
	}
	for what, body := range map[string]string{"a bad pattern": `{"name":"bad","pattern":{"source":"x"},"webhook":{"url":"https://hook.example/"}}`, "no kind": `{"name":"bad"}`, "a bad name": `{"name":"<b>","file":{"path":"/x"}}`} {
		if got := f.do(alice, "POST", "targets", body); !strings.HasPrefix(got, "ValidationException") {
			t.Errorf("%s is answered with %s", what, got)
		}
	}
	if again := f.do(alice, "POST", "targets", `{"name":"hook","webhook":{"url":"https://hook.example/"}}`); !strings.HasPrefix(again, "ConflictException") {
		t.Errorf("a second target of the name is answered with %s", again)
	}
	if list := f.do(alice, "GET", "targets", ""); !strings.Contains(list, receiver.URL) || strings.Contains(list, `"secret"`) {
		t.Errorf("the targets are %s", list)
	}
	if tested := f.do(alice, "POST", "targets/hook/test", "{}"); !strings.Contains(tested, "tookMs") || <-got != http.MethodPost {
		t.Errorf("a test is answered with %s", tested)
	}
	for _, of := range []string{account, "444455556666"} {
		err := f.store.Write(t.Context(), func(tx *store.Tx) error {
			tx.Emit(event.Event{ID: "of-" + of, DetailType: "x", Account: of, Region: region, Time: time.Now(), Detail: json.RawMessage(`{}`)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sent := f.do(alice, "POST", "targets/hook/send", `{"cursor":1}`); !strings.Contains(sent, "tookMs") {
		t.Errorf("sending an event again is answered with %s", sent)
	}
	for _, cursor := range []int{2, 3} { // of another account, and none
		if sent := f.do(alice, "POST", "targets/hook/send", fmt.Sprintf(`{"cursor":%d}`, cursor)); !strings.HasPrefix(sent, "ResourceNotFoundException") {
			t.Errorf("sending event %d is answered with %s", cursor, sent)
		}
	}
	if removed := f.do(alice, "DELETE", "targets/hook", ""); strings.Contains(f.do(alice, "GET", "targets", ""), receiver.URL) {
		t.Errorf("removing is answered with %s", removed)
	}
}

func TestLogRing_KeepsTheNewestLines(t *testing.T) {
	var ring console.LogRing
	for n := range 5001 {
		fmt.Fprintf(&ring, "{\"msg\":%q}\n", fmt.Sprint("line ", n+1))
	}
	for _, c := range []struct {
		after, first int64
		count        int
	}{{0, 3002, 2000}, {4000, 4001, 1001}, {5001, 0, 0}, {9999, 0, 0}} {
		lines, last := ring.After(c.after)
		if len(lines) != c.count || last != 5001 {
			t.Fatalf("after %d there are %d lines, the last %d; expected %d", c.after, len(lines), last, c.count)
		}
		for i, l := range lines {
			if l.Number != c.first+int64(i) || string(l.Line) != fmt.Sprintf(`{"msg":"line %d"}`, l.Number) {
				t.Fatalf("line %d after %d is %d, %s", i, c.after, l.Number, l.Line)
			}
		}
	}
	fmt.Fprintf(&ring, `{"level":"WARN","msg":"long","x":%q}`, strings.Repeat("x", 1<<20))
	lines, _ := ring.After(5001)
	if text := string(lines[0].Line); len(text) > 4096 || !strings.Contains(text, `"msg":"long"`) || !json.Valid(lines[0].Line) {
		t.Errorf("a long line is kept as %.200s", text)
	}
}
