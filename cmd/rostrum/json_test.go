package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inCamelCase matches the names of members, as the API writes them.
var inCamelCase = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

// With --json each command prints one document a line: a list is one array, also an empty one.
func TestJSON_IsOneDocumentALine(t *testing.T) {
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	note(t, data)
	settings := []string{"--data-dir", data}
	print := func(args ...string) []any {
		t.Helper()
		stdout, stderr, code := finish(t, rostrum(t, append(append(args, "--json"), settings...)...))
		if code != exitOK && args[0] != "doctor" { // which finds what it finds
			t.Fatalf("%v: code %d: %s", args, code, stderr)
		}
		var all []any
		for line := range strings.Lines(stdout) {
			var document any
			if err := json.Unmarshal([]byte(line), &document); err != nil {
				t.Errorf("%v prints %q: %v", args, line, err)
			}
			all = append(all, document)
		}
		return all
	}
	one := func(args ...string) map[string]any {
		t.Helper()
		documents := print(args...)
		if len(documents) != 1 {
			t.Fatalf("%v prints %d documents, expected one", args, len(documents))
		}
		object, ok := documents[0].(map[string]any)
		if !ok {
			t.Fatalf("%v prints %v, expected an object", args, documents[0])
		}
		for name := range object {
			if !inCamelCase.MatchString(name) && strings.Join(args[:2], " ") != "config print" { // whose names are those of the settings
				t.Errorf("%v: the member %s is not in camel case", args, name)
			}
		}
		return object
	}
	list := func(n int, args ...string) {
		t.Helper()
		documents := print(args...)
		if len(documents) != 1 {
			t.Fatalf("%v prints %d documents, expected one array", args, len(documents))
		}
		if entries, ok := documents[0].([]any); !ok || n >= 0 && len(entries) != n {
			t.Errorf("%v prints %v, expected an array of %d", args, documents[0], n)
		}
	}
	list(0, "on-air")
	list(0, "nodes")
	list(0, "targets", "list")
	list(0, "recordings", "list")
	list(-1, "doctor", "--listen", "127.0.0.1:0")
	one("env", "--region", "eu-west-1")
	one("config", "check")
	one("config", "print")
	key := one("keys", "create", "--user", "ci")["accessKeyId"].(string)
	list(2, "keys", "list")
	one("keys", "may", key, "ivs:CreateStage", "*")
	one("keys", "revoke", key)
	one("targets", "add", "log", "--file", filepath.Join(folder, "events"))
	list(1, "targets", "list")
	one("targets", "test", "log")
	list(0, "targets", "dead", "log")
	one("targets", "redeliver", "log")
	one("targets", "remove", "log")
	one("backup", filepath.Join(folder, "backup"))
	settings = nil
	one("version", "--json")
}
