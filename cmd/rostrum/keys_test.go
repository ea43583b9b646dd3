package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"rostrum/internal/control"
	"rostrum/internal/operator"
	"rostrum/internal/server"
)

// answer runs the binary, which must succeed, and reads its JSON.
func answer[T any](t *testing.T, args ...string) T {
	t.Helper()
	stdout, stderr, code := finish(t, rostrum(t, append(args, "--json")...))
	var v T
	if err := json.Unmarshal([]byte(stdout), &v); code != exitOK || err != nil {
		t.Fatalf("%v: exit %d, %v: %s%s", args, code, err, stdout, stderr)
	}
	return v
}

func TestKeys_AreMadeListedAndRevoked(t *testing.T) {
	data := t.TempDir()
	policyFile := filepath.Join(data, "policy.json")
	write(t, data, "policy.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ivs:Get*","Resource":"*"}]}`)
	made := answer[operator.Key](t, "keys", "create", "--data-dir", data, "--user", "ci", "--policy", policyFile, "--policy", "IVSReadOnlyAccess", "--tag", "team=video", "--expires", "1h")
	if len(made.Secret) != 40 || !made.Bounded || made.Tags["team"] != "video" || made.Expires.Sub(made.Created).Hours() != 1 {
		t.Errorf("expected a bounded key for an hour with its secret, saw %+v", made)
	}
	answer[operator.Key](t, "keys", "revoke", made.ID, "--data-dir", data)
	all := answer[[]operator.Key](t, "keys", "list", "--data-dir", data)
	if len(all) != 1 || all[0].ID != made.ID || all[0].Secret != "" || all[0].Revoked.IsZero() || all[0].User != "ci" {
		t.Errorf("expected the one key, revoked, without secret; saw %+v", all)
	}
	if others := answer[[]operator.Key](t, "keys", "list", "--data-dir", data, "--account", "111111111111"); len(others) != 0 {
		t.Errorf("expected no key of another account, saw %+v", others)
	}
}

func TestKeys_MayExplainsWhichStatementDecides(t *testing.T) {
	data := t.TempDir()
	write(t, data, "policy.json", `{"Version":"2012-10-17","Statement":[
		{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"},
		{"Sid":"NoStage","Effect":"Deny","Action":"ivs:Delete*","Resource":"arn:aws:ivs:*:stage/*","Condition":{"StringEquals":{"aws:ResourceTag/kept":"yes"}}}]}`)
	made := answer[operator.Key](t, "keys", "create", "--data-dir", data, "--policy", filepath.Join(data, "policy.json"))
	stage := "arn:aws:ivs:us-east-1:" + made.Account + ":stage/abcdefghijkl"
	may := func(args ...string) (stdout, stderr string, code int) {
		return finish(t, rostrum(t, append([]string{"keys", "may", made.ID, "ivs:DeleteStage", stage, "--data-dir", data}, args...)...))
	}
	if out, said, code := may(); code != exitOK || !strings.HasPrefix(out, `allowed: allow by Statement[0] "All"`) || !strings.Contains(out, "aws:ResourceTag/kept is missing") {
		t.Errorf("without the tag: exit %d, %s%s", code, out, said)
	}
	out, said, code := may("--tag", "kept=yes", "--json")
	var verdict control.Verdict
	if err := json.Unmarshal([]byte(out), &verdict); err != nil || code != exitDenied || verdict.Allowed || verdict.Decision != "explicit deny" || !verdict.Statements[1].Decides {
		t.Errorf("with the tag: exit %d, %v, %s%s", code, err, out, said)
	}
}

func TestKeys_NonsenseIsRefused(t *testing.T) {
	data := t.TempDir()
	write(t, data, "broken.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}`)
	for _, c := range []struct {
		name      string
		args      []string
		code      int
		complaint string
	}{
		{"a policy that can't be evaluated", []string{"create", "--policy", filepath.Join(data, "broken.json")}, exitUsage, "broken.json"},
		{"a policy that is no file and not built in", []string{"create", "--policy", "IVSNoAccess"}, exitUsage, "IVSNoAccess"},
		{"a past expiry", []string{"create", "--expires=-1h"}, exitUsage, "past"},
		{"a key nobody has", []string{"revoke", "RSTRNONE"}, exitFailure, "RSTRNONE"},
		{"an action nobody knows", []string{"may", "RSTRNONE", "ivs:GetStag", "*"}, exitUsage, "ivs:GetStag"},
		{"what a key nobody has may do", []string{"may", "RSTRNONE", "ivs:GetStage", "*"}, exitFailure, "RSTRNONE"},
		{"an ephemeral store", []string{"list", "--ephemeral"}, exitFailure, "ephemeral"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, stderr, code := finish(t, rostrum(t, append([]string{"keys"}, append(c.args, "--data-dir", data)...)...))
			if code != c.code || !strings.Contains(stderr, c.complaint) {
				t.Errorf("expected exit %d and %q, saw exit %d and %q", c.code, c.complaint, code, stderr)
			}
		})
	}
}

func TestKeys_WantAFolderThatIsThere(t *testing.T) {
	_, stderr, code := finish(t, rostrum(t, "keys", "list", "--data-dir", filepath.Join(t.TempDir(), "none")))
	if code != exitFailure || !strings.Contains(stderr, "rostrum serve creates it") {
		t.Errorf("expected exit 1 and what to do, saw exit %d and %q", code, stderr)
	}
}

func TestEnv_PrintsTheSameKeyEveryTime(t *testing.T) {
	data := t.TempDir()
	first := answer[environment](t, "env", "--data-dir", data)
	if again := answer[environment](t, "env", "--data-dir", data); first != again || first.Endpoint != "http://127.0.0.1:7080" || first.AccessKey == "" {
		t.Errorf("expected %+v again, saw %+v", first, again)
	}
	if other := answer[environment](t, "env", "--data-dir", data, "--account", "222222222222"); other.AccessKey == first.AccessKey {
		t.Errorf("expected another key for another account, saw %s twice", other.AccessKey)
	}
	const id, strong = "OWNKEY1", "kQ3vT8xZp1LmN6rB9wYc"
	own := answer[environment](t, "env", "--data-dir", data, "--access-key", id, "--secret-key", strong, "--public-url", "https://rostrum.example/", "--region", "eu-west-1")
	if expected := (environment{Endpoint: "https://rostrum.example", AccessKey: id, SecretKey: strong, Region: "eu-west-1"}); own != expected {
		t.Errorf("expected %+v, saw %+v", expected, own)
	}
}

func TestEnv_IsWhatAShellTakes(t *testing.T) {
	stdout, stderr, code := finish(t, rostrum(t, "env", "--data-dir", t.TempDir()))
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "export AWS_") && !strings.HasPrefix(line, "unset AWS_") {
			t.Errorf("expected exports alone, saw %q", line)
		}
	}
	for in, expected := range map[string]string{"plain-1": "plain-1", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''"} {
		if seen := server.ShellQuote(in); seen != expected {
			t.Errorf("quote(%q): expected %s, saw %s", in, expected, seen)
		}
	}
}

func TestBackup_CanBeStartedOn(t *testing.T) {
	data := t.TempDir()
	key := answer[environment](t, "env", "--data-dir", data)
	backup := filepath.Join(t.TempDir(), "copy")
	answer[map[string]string](t, "backup", backup, "--data-dir", data)
	if restored := answer[environment](t, "env", "--data-dir", backup); restored != key {
		t.Errorf("expected %+v from the copy, saw %+v", key, restored)
	}
	if _, stderr, code := finish(t, rostrum(t, "backup", backup, "--data-dir", data)); code != exitFailure || !strings.Contains(stderr, "exists already") {
		t.Errorf("expected that a backup is not overwritten, saw exit %d, %s", code, stderr)
	}
}
