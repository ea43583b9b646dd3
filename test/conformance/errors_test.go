package conformance

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

// shownErrors are the errors of docs/compatibility.md.
var shownErrors = []ivsrealtime.Code{
	ivsrealtime.ValidationFailed, ivsrealtime.ServiceQuotaExceeded, ivsrealtime.AccessDenied, ivsrealtime.UnrecognizedClient,
	ivsrealtime.InvalidSignature, ivsrealtime.ResourceNotFound, ivsrealtime.UnknownOperation, ivsrealtime.Conflict,
	ivsrealtime.Throttling, ivsrealtime.InternalServerError, ivsrealtime.ServiceUnavailable,
}

// reason is the message of all of them.
const reason = "the reason"

// A seen error is what a client makes of one error, and how many requests it sent.
type seen struct {
	fault
	requests int64
}

// TestErrors_AreShownAsTheDocumentSays has every client meet every error, with the retries
// that it makes by itself, and compares what its user sees with docs/compatibility.md.
func TestErrors_AreShownAsTheDocumentSays(t *testing.T) {
	all := clients(t)
	if c := rust(t); c != nil {
		all = append(all, *c)
	}
	met := make([][]seen, len(all))
	t.Run("clients", func(t *testing.T) {
		for i, c := range all {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, code := range shownErrors {
					met[i] = append(met[i], meet(t, &c, code))
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	lines := errorTables(all, met)
	if folder := os.Getenv("CONFORMANCE_CLIENTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, "errors.md"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	document, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines { // make conformance leaves all of them in .cache/conformance/errors.md
		if !strings.Contains(string(document), line+"\n") {
			t.Errorf("docs/compatibility.md has no line\n%s", line)
		}
	}
}

// meet has a client call an operation that is refused.
func meet(t *testing.T, c *client, code ivsrealtime.Code) seen {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		refuse(w, code)
	}))
	defer server.Close()
	got, err := c.call(t, request{Service: stages, Operation: "StopComposition", Input: map[string]any{"arn": "arn:aws:ivs:eu-west-1:111122223333:composition/aBcDeFgH1234"}, Caller: caller{
		Name: "errors", Endpoint: server.URL, Region: "eu-west-1", AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "secret",
	}})
	if err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	if got.Error == nil || got.Error.Name != string(code) || !strings.Contains(got.Error.Message, reason) {
		t.Errorf("%s: saw %+v", code, got.Error)
		return seen{}
	}
	return seen{*got.Error, requests.Load()}
}

// refuse answers as the server does.
func refuse(w http.ResponseWriter, code ivsrealtime.Code) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("x-amzn-RequestId", "c0ffee")
	h.Set("x-amzn-ErrorType", string(code))
	if code == ivsrealtime.Throttling || code == ivsrealtime.ServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(code.Status())
	_ = json.NewEncoder(w).Encode(map[string]string{"exceptionMessage": reason, "message": reason})
}

// errorTables are the lines of the document: what each client prints, and how often it
// tries. Each client has lines of its own, for not all run everywhere.
func errorTables(all []client, met [][]seen) (lines []string) {
	for i, c := range all {
		cells := []string{c.name}
		for _, s := range met[i] {
			switch ivsrealtime.Code(s.Name) {
			case ivsrealtime.ValidationFailed, ivsrealtime.InvalidSignature, ivsrealtime.Throttling: // of the operation, common to all, tried again
				cells = append(cells, kind(s)+" "+code(s.Shown))
			}
		}
		lines = append(lines, row(cells))
	}
	for i, c := range all {
		cells := []string{c.name}
		for _, s := range met[i] {
			cells = append(cells, strconv.FormatInt(s.requests, 10))
		}
		lines = append(lines, row(cells))
	}
	return lines
}

func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// kind is the SDK's type of an error, if it has one.
func kind(s seen) string {
	if s.Type == "" {
		return "printed:"
	}
	return s.Type + ", printed:"
}

// code is text as Markdown shows it in a cell of a table.
func code(text string) string {
	return "`" + strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(text) + "`"
}
