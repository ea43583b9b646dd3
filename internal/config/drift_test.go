package config

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rostrum/internal/control"
)

// What is written about the settings elsewhere is held against their
// declaration here. UPDATE=1 go test -run Drift ./internal/config writes it anew.

func declared(t *testing.T) []declaration {
	t.Helper()
	s, err := Parse()
	if err != nil {
		t.Fatal(err)
	}
	return s.sources.declared
}

// holdTo compares a file with what it should be, or writes it.
func holdTo(t *testing.T, path, expected string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(expected), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(seen) != expected {
		t.Errorf("%s is not what the settings' declarations say; UPDATE=1 go test -run Drift ./internal/config writes:\n%s", path, expected)
	}
}

// sample writes the commented configuration file.
func sample(all []declaration) string {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# Configuration of rostrum serve: rostrum serve --config rostrum.yaml")
	fmt.Fprintln(&b, "#")
	fmt.Fprintln(&b, "# Every setting, with its default. A flag (--log-level) and a variable")
	fmt.Fprintln(&b, "# (ROSTRUM_LOG_LEVEL) win over this file. rostrum config check reads it strictly.")
	group := ""
	for _, d := range all {
		if d.Name == "config" {
			continue
		}
		if d.Group.Title != group {
			group = d.Group.Title
			fmt.Fprintf(&b, "\n# -- %s --\n", group)
		}
		fmt.Fprintf(&b, "\n# %s\n", d.Help)
		value := d.Default
		switch {
		case d.IsBool():
			value = "false"
		case d.key() == "account":
			value = `"` + value + `"`
		case value == "":
			value = `"" # ` + d.PlaceHolder
		}
		fmt.Fprintf(&b, "# %s: %s\n", d.key(), value)
		if d.key() == "limits" {
			b.WriteString(sampleLimits())
		}
	}
	return b.String()
}

// sampleLimits lists the single limits, with both profiles' values.
func sampleLimits() string {
	var b strings.Builder
	b.WriteString("#\n# or a map over a profile; 0 is no limit. Values of the profiles open and aws:\n# limits:\n#   profile: open\n")
	free, managed := control.OpenLimits(), control.AWSLimits()
	theirs := limitFields(&managed)
	ours := limitFields(&free)
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		fmt.Fprintf(&b, "#   %-30s # open %v, aws %v\n", fmt.Sprintf("%s: %v", name, ours[name]), ours[name], theirs[name])
	}
	return b.String()
}

func TestDrift_SampleConfigurationIsWhatIsDeclared(t *testing.T) {
	const path = "../../deploy/rostrum.yaml"
	holdTo(t, path, sample(declared(t)))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Every key, uncommented, is one that serve takes; and all together are the
	// defaults.
	active := regexp.MustCompile(`(?m)^# ([a-z_]+:( |$)|  [a-z_]+: )`).ReplaceAllString(string(raw), "$1")
	active = strings.Replace(active, "limits: open\n", "", 1)
	s, err := parse(t, active)
	if err == nil {
		err = s.CheckSafety()
	}
	if err != nil {
		t.Errorf("the sample, uncommented, is refused: %v\n%s", err, active)
	}
}

func TestDrift_ManualListsEverySetting(t *testing.T) {
	const path, begin, end = "../../docs/operations.md", "<!-- settings -->\n", "<!-- /settings -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(raw), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no %s … %s", path, begin, end)
	}
	var table strings.Builder
	table.WriteString("| flag · variable · YAML key | default | what |\n|---|---|---|\n")
	for _, d := range declared(t) {
		names := fmt.Sprintf("`--%s` · `%s`", d.Name, d.variable())
		if d.Name != "config" {
			names += fmt.Sprintf(" · `%s`", d.key())
		}
		byDefault := "none"
		if d.IsBool() {
			byDefault = "off"
		} else if d.Default != "" {
			byDefault = "`" + d.Default + "`"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", names, byDefault, d.Help)
	}
	holdTo(t, path, before+begin+table.String()+end+after)
}

// What is deployed by variables must name settings that are there.
func TestDrift_DeploymentsSetWhatIsThere(t *testing.T) {
	known := map[string]bool{}
	for _, d := range declared(t) {
		known[d.variable()] = true
	}
	for _, name := range []string{"Containerfile", "compose.yaml", "compose-cluster.yaml"} {
		text, err := os.ReadFile("../../deploy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		variables := regexp.MustCompile(`ROSTRUM_[A-Z0-9_]*[A-Z0-9]`).FindAllString(string(text), -1)
		if len(variables) < 3 {
			t.Errorf("%s sets %d variables, expected more", name, len(variables))
		}
		for _, variable := range variables {
			if !known[variable] {
				t.Errorf("%s sets %s, which is no setting", name, variable)
			}
		}
	}
}
