package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"rostrum/internal/event"
)

func TestReceiver_TakesEachSignedEventOnce(t *testing.T) {
	const secret = "a-secret-of-the-webhook"
	handled, fail := 0, true
	server := httptest.NewServer(receiver(secret, func([]byte) error {
		if fail {
			return errors.New("not now")
		}
		handled++
		return nil
	}))
	defer server.Close()
	send := func(secrets ...event.Secret) error {
		t.Helper()
		l, err := event.OpenSender(t.Context(), event.Target{Name: "hook", Webhook: &event.Webhook{URL: server.URL, AllowPrivate: true}, Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		e := event.SessionStarted("arn:aws:ivs:us-east-1:111122223333:stage/Aa1Bb2Cc3Dd4", "st-1", time.Now())
		e.ID = "the same"
		return l.Send(context.Background(), []event.Event{e})[0]
	}
	right, wrong := event.Secret{ID: "k1", Key: secret}, event.Secret{ID: "k2", Key: "another"}
	if err := send(wrong); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("signed by another: %v, expected 403", err)
	}
	if err := send(right); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("while the handler fails: %v, expected 503", err)
	}
	fail = false
	for range 2 {
		if err := send(wrong, right); err != nil {
			t.Errorf("signed by both keys: %v", err)
		}
	}
	if handled != 1 {
		t.Errorf("the event was handled %d times, expected once", handled)
	}
	if a, err := http.Post(server.URL, "application/json", strings.NewReader("{}")); err != nil || a.StatusCode != http.StatusForbidden {
		t.Errorf("unsigned: %v, %v, expected 403", a.Status, err)
	}
}

func TestDrift_ManualShowsTheReceiver(t *testing.T) {
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(code), "// receiver begin\n")
	shown, _, ok2 := strings.Cut(rest, "\n// receiver end")
	if !ok1 || !ok2 || !strings.Contains(string(manual), "```go\n"+shown+"```\n") {
		t.Error("docs/events.md does not show the receiver as it is in main.go")
	}
}
