package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/target"
)

// receiver is a webhook's other end.
type receiver struct {
	*httptest.Server
	header http.Header
	body   []byte
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		r.header = q.Header
		r.body, _ = io.ReadAll(q.Body)
	}))
	t.Cleanup(r.Close)
	return r
}

func TestTargets_AreAddedTestedRotatedAndRemoved(t *testing.T) {
	data, hook := t.TempDir(), receive(t)
	targets := func(args ...string) []string {
		return append(append([]string{"targets"}, args...), "--data-dir", data)
	}
	made := answer[target.Status](t, targets("add", "hook", "--webhook", hook.URL, "--allow-private", "--pattern", `{"source":["aws.ivs"]}`)...)
	if len(made.Secret) < 40 || len(made.KeyIDs) != 1 {
		t.Fatalf("expected a new target with its secret, saw %+v", made)
	}
	answer[map[string]any](t, targets("test", "hook")...)
	if err := event.Verify(hook.header, hook.body, time.Now(), event.Secret{ID: made.KeyIDs[0], Key: made.Secret}); err != nil || !strings.Contains(string(hook.body), "Target Tested") {
		t.Errorf("the receiver got %s: %v", hook.body, err)
	}
	rotated := answer[target.Status](t, targets("rotate", "hook")...)
	if rotated.Secret == "" || rotated.Secret == made.Secret || len(rotated.KeyIDs) != 2 || rotated.KeyIDs[1] != made.KeyIDs[0] {
		t.Errorf("expected a second secret before the first, saw %+v", rotated)
	}
	answer[map[string]any](t, targets("test", "hook")...)
	for _, secret := range []event.Secret{{ID: made.KeyIDs[0], Key: made.Secret}, {ID: rotated.KeyIDs[0], Key: rotated.Secret}} {
		if err := event.Verify(hook.header, hook.body, time.Now(), secret); err != nil {
			t.Errorf("by key %s: %v", secret.ID, err)
		}
	}
	changed := answer[target.Status](t, targets("add", "hook", "--replace", "--webhook", "https://events.example.com/ivs", "--disabled")...)
	if changed.Secret != "" || !changed.Disabled || len(changed.KeyIDs) != 2 {
		t.Errorf("expected the changed target to keep its secrets, saw %+v", changed)
	}
	if all := answer[[]target.Status](t, targets("list")...); len(all) != 1 || all[0].Webhook.URL != "https://events.example.com/ivs" || all[0].Secret != "" {
		t.Errorf("expected the one target without secret, saw %+v", all)
	}
	if others := answer[[]target.Status](t, targets("list", "--account", "111111111111")...); len(others) != 0 {
		t.Errorf("expected no target of another account, saw %+v", others)
	}
	if dead := answer[[]target.DeadDelivery](t, targets("dead", "hook")...); len(dead) != 0 {
		t.Errorf("expected no dead delivery, saw %+v", dead)
	}
	answer[map[string]any](t, targets("redeliver", "hook")...)
	answer[map[string]string](t, targets("remove", "hook")...)
	for _, args := range [][]string{{"test", "hook"}, {"remove", "hook"}, {"dead", "hook"}, {"add", "hook", "--replace", "--file", filepath.Join(data, "x")}} {
		if _, stderr, code := finish(t, rostrum(t, targets(args...)...)); code != exitFailure || !strings.Contains(stderr, "hook") {
			t.Errorf("%v of a target that is gone: exit %d, %s", args, code, stderr)
		}
	}
}

func TestTargets_NonsenseIsRefused(t *testing.T) {
	data := t.TempDir()
	for name, c := range map[string]struct {
		args      []string
		complaint string
	}{
		"no kind":           {nil, "--webhook"},
		"two kinds":         {[]string{"--webhook", "https://a.example", "--file", "/x"}, "--file"},
		"plain http":        {[]string{"--webhook", "http://a.example"}, "https"},
		"a broken pattern":  {[]string{"--file", "/x", "--pattern", "{"}, "pattern"},
		"a bus of AWS":      {[]string{"--bus", "default", "--bus-source", "aws.ivs"}, "aws."},
		"a pathless file":   {[]string{"--file", "x"}, "absolute"},
		"a negative number": {[]string{"--file", "/x", "--keep=-1"}, "negative"},
	} {
		_, stderr, code := finish(t, rostrum(t, append([]string{"targets", "add", "a", "--data-dir", data}, c.args...)...))
		if code != exitUsage || !strings.Contains(stderr, c.complaint) {
			t.Errorf("%s: expected exit 2 naming %s, saw %d: %s", name, c.complaint, code, stderr)
		}
	}
}

func TestTargets_OfTheConfigurationAreKeptAndHideTheirSecrets(t *testing.T) {
	const config = `targets:
  - name: lambda
    rostrum_events: true
    pattern: {detail-type: [IVS Stage Update]}
    webhook: {url: https://events.example.com/ivs, secret: a-very-long-secret-of-mine}
  - name: audit
    pattern: '{"source":["aws.ivs"]}'
    file: {path: DIR/events.jsonl, max_bytes: 1000000, keep: 3}
`
	dir := t.TempDir()
	file := filepath.Join(dir, "rostrum.yaml")
	write(t, dir, "rostrum.yaml", strings.ReplaceAll(config, "DIR", dir))
	data := filepath.Join(dir, "data")
	server := serve(t, "--data-dir", data, "--config", file)
	all := answer[[]target.Status](t, "targets", "list", "--data-dir", data)
	if len(all) != 2 || !all[0].Configured || all[1].Webhook == nil || !all[1].RostrumEvents || len(all[1].KeyIDs) != 1 || all[0].File.Keep != 3 {
		t.Errorf("expected both targets of the file, saw %+v", all)
	}
	if _, stderr, code := finish(t, rostrum(t, "targets", "remove", "audit", "--data-dir", data)); code != exitFailure || !strings.Contains(stderr, "configuration") {
		t.Errorf("expected that the file alone may change its targets, saw exit %d: %s", code, stderr)
	}
	server.stop(t, syscall.SIGTERM)
	serve(t, "--data-dir", data)
	if all := answer[[]target.Status](t, "targets", "list", "--data-dir", data); len(all) != 0 {
		t.Errorf("expected targets to go with their file, saw %+v", all)
	}
	stdout, _, code := finish(t, rostrum(t, "config", "print", "--config", file))
	if code != exitOK || strings.Contains(stdout, "a-very-long-secret") || !strings.Contains(stdout, "events.example.com") {
		t.Errorf("expected the targets without their secret, saw exit %d: %s", code, stdout)
	}
}
