package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Value is a setting in effect, with its secrets hidden.
type Value struct {
	Value string `json:"value"`
	From  string `json:"from"` // "default", or the flag, variable or line of the file

	Key string `json:"-"`

	quoted bool // in YAML
	hides  bool // it is a secret, or is useless without one
}

// YAML writes values as YAML that can be read again. The line of a hidden value is a comment.
func YAML(all []Value) (string, error) {
	var text strings.Builder
	for _, v := range all {
		line, err := v.yaml()
		if err != nil {
			return "", err
		}
		if v.hides {
			line = "# " + line
		}
		fmt.Fprintf(&text, "%-42s # %s\n", line, v.From)
	}
	return text.String(), nil
}

// yaml writes one setting, with quotes where YAML needs them.
func (v Value) yaml() (string, error) {
	if !v.quoted {
		return v.Key + ": " + v.Value, nil
	}
	quoted, err := yaml.Marshal(v.Value)
	if err != nil {
		return "", fmt.Errorf("write %s as YAML: %w", v.Key, err)
	}
	return v.Key + ": " + strings.TrimSuffix(string(quoted), "\n"), nil
}
