package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A value is a setting in force, with its secrets hidden.
type Value struct {
	Value string `json:"value"`
	From  string `json:"from"` // "default", or the flag, variable or line of the file

	Key string `json:"-"`

	quoted bool // in YAML
	hides  bool // a part of the value is left out, or is of no use without one that is
}

// inForce lists all settings in the order of their declaration.
func (s *Settings) InForce() []Value {
	var all []Value
	for _, d := range s.declared {
		if d.Name == "config" {
			continue
		}
		v := Value{Value: d.text(), From: "default", Key: d.key(), quoted: !d.IsBool()}
		if from := s.origin[d.key()]; from != "" {
			v.From = from
		}
		v.hides = d.hides() || d.Name == "access-key" && s.SecretKey != ""
		all = append(all, v)
	}
	return all
}

// yamlOf writes values as YAML that can be read again. Where a value is hidden, its
// line is a comment.
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

// yaml writes a setting as YAML: text in quotes where YAML would take it for something
// else.
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
