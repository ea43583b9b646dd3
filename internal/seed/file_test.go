package seed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadFile_NamesLineFieldAndRemedy(t *testing.T) {
	for _, c := range []struct{ name, text, expected string }{
		{"nothing", "# comment\n", "it is empty: expected storageConfigurations, encoderConfigurations, publicKeys, stages, ingestConfigurations"},
		{"no mapping", "[]", "line 1: the file must be a mapping with storageConfigurations"},
		{"unknown list", "stage: []", "line 1: stage: there is no such field; there are storageConfigurations"},
		{"unknown field", "stages:\n- nam: lobby", "line 2: stages[0].nam: there is no such field; there are name, participantTokenConfigurations, tags"},
		{"deep field", "stages:\n- name: lobby\n  participantTokenConfigurations:\n  - user: x", "line 4: stages[0].participantTokenConfigurations[0].user: there is no such field"},
		{"number for text", "stages:\n- name: 12", "line 2: stages[0].name must be text (put it in quotes)"},
		{"text for number", "encoderConfigurations:\n- {name: hd, video: {width: wide}}", "line 2: encoderConfigurations[0].video.width must be a whole number"},
		{"number in tags", "stages: [{name: a, tags: {team: 1}}]", "line 1: stages[0].tags.team must be text (put it in quotes)"},
		{"one for a list", "stages: {name: a}", "line 1: stages must be a list"},
		{"no name", "stages: [{tags: {a: b}}]", "stages[0].name is missing: what exists is found by its name"},
		{"no name of a publisher", "stages: [{name: a, testPublishers: [{width: 640}]}]", "stages[0].testPublishers[0].name is missing"},
		{"a name twice", "stages: [{name: a}, {name: a}]", `stages[1].name is "a", as of stages[0]: give it another name`},
		{"missing key", "publicKeys: [{name: a, publicKeyFile: none.pem}]", "publicKeys[0].publicKeyFile: open "},
		{"two keys", "publicKeys: [{name: a, publicKeyFile: none.pem, publicKeyMaterial: x}]", "publicKeys[0].publicKeyFile: publicKeyMaterial is given too: leave one out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadFile("-", strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), "seed standard input: "+c.expected) {
				t.Errorf("expected %q, got %v", c.expected, err)
			}
		})
	}
}

func TestReadFile_ReadsYAMLAndJSONAlike(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"key.pem":   "the key",
		"seed.yaml": "publicKeys:\n- {name: app, publicKeyFile: key.pem}\nstages:\n- {name: lobby, testPublishers: [{name: Ada, width: 640, height: 360}]}\n",
		"seed.json": `{"publicKeys": [{"name": "app", "publicKeyFile": "key.pem"}], "stages": [{"name": "lobby", "testPublishers": [{"name": "Ada", "width": 640, "height": 360}]}]}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"seed.yaml", "seed.json"} {
		f, err := ReadFile(filepath.Join(folder, name), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.PublicKeys[0].PublicKeyMaterial != "the key" || f.Stages[0].TestPublishers[0].Width != 640 || f.CountPublishers() != 1 {
			t.Errorf("%s: read as %+v", name, f)
		}
	}
}

func TestDifference_IsTheFirstGivenFieldThatTheExistingLacks(t *testing.T) {
	existing := map[string]any{"name": "a", "video": map[string]any{"width": 1280.0, "height": 720.0}, "pem": "key\n"}
	for _, c := range []struct {
		given               map[string]any
		field, is, expected string
	}{
		{map[string]any{}, "", "", ""},
		{map[string]any{"video": map[string]any{"width": 1280.0}}, "", "", ""},
		{map[string]any{"pem": "key"}, "", "", ""},
		{map[string]any{"video": map[string]any{"width": 1920.0, "height": 1080.0}}, "video.height", "720", "1080"},
		{map[string]any{"s3": map[string]any{"bucketName": "b"}}, "s3.bucketName", "absent", `"b"`},
	} {
		field, is, wanted := difference(c.given, existing, "")
		if field != c.field || is != c.is || wanted != c.expected {
			t.Errorf("%v: got %q, %q, %q", c.given, field, is, wanted)
		}
	}
}
