package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configVerbs groups the verbs about the configuration.
type configVerbs struct {
	Check configCheckVerb `cmd:"" help:"Tell whether rostrum serve would accept this configuration."`
	Print configPrintVerb `cmd:"" help:"Print the configuration in force, as YAML that can be used again."`
}

// configCheckVerb holds a configuration against all rules that serve has.
type configCheckVerb struct {
	Settings settings `embed:""`
}

// Run answers with the exit code: 0 when serve would start, 1 when it would
// refuse, 2 when the configuration can't be understood.
func (v *configCheckVerb) Run(out *output) error {
	if err := v.Settings.refusal(); err != nil {
		return err
	}
	return out.say(map[string]bool{"ok": true}, func(w io.Writer) {
		fmt.Fprintln(w, "The configuration can be used.")
	})
}

// configPrintVerb prints what is in force and where it came from.
type configPrintVerb struct {
	Settings settings `embed:""`
}

// inForce is a setting as printed for programs.
type inForce struct {
	Value string `json:"value"`
	From  string `json:"from"` // "default", or the flag, variable or line of the file
}

// Run prints the settings. Secrets are hidden, so that the output can be shown
// around; where one was hidden, its line is a comment.
func (v *configPrintVerb) Run(chosen *kong.Context, out *output) error {
	all := declarations(chosen.Flags())
	values := map[string]inForce{}
	var text bytes.Buffer
	for _, d := range all {
		if d.Name == "config" {
			continue
		}
		value := inForce{Value: d.text(), From: "default"}
		if from := v.Settings.origin[d.key()]; from != "" {
			value.From = from
		}
		values[d.key()] = value
		line, err := yamlLine(d, value.Value)
		if err != nil {
			return err
		}
		if d.hides() || d.Name == "access-key" && v.Settings.SecretKey != "" {
			line = "# " + line // an access key is no use without its secret
		}
		fmt.Fprintf(&text, "%-42s # %s\n", line, value.From)
	}
	return out.say(values, func(w io.Writer) { _, _ = text.WriteTo(w) })
}

// yamlLine writes a setting as YAML: text in quotes where YAML would take it
// for something else.
func yamlLine(d declaration, value string) (string, error) {
	if d.IsBool() {
		return d.key() + ": " + value, nil
	}
	quoted, err := yaml.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("write %s as YAML: %w", d.key(), err)
	}
	return d.key() + ": " + strings.TrimSuffix(string(quoted), "\n"), nil
}
