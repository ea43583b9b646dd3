package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// A declaration is one setting as its struct tag declares it.
type declaration struct{ *kong.Flag }

func (d declaration) key() string { return strings.ReplaceAll(d.Name, "-", "_") }

func (d declaration) variable() string { return "ROSTRUM_" + strings.ToUpper(d.key()) }

// hides reports whether text leaves out a secret.
func (d declaration) hides() bool {
	v, ok := d.Target.Interface().(interface{ hides() bool })
	return ok && v.hides()
}

// text is the value in effect, as on the command line.
func (d declaration) text() string { return fmt.Sprint(d.Target.Interface()) }

// set sets a value that is not from the command line. The error names the value and what is
// allowed.
func (d declaration) set(text string) error {
	if d.Enum != "" && !d.EnumMap()[text] {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(d.EnumSlice(), ", "))
	}
	if d.IsBool() && text != "true" && text != "false" {
		return fmt.Errorf("%q is not true or false", text)
	}
	err := d.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text}), d.Target)
	if cause := errors.Unwrap(err); cause != nil {
		return cause // without the name of the flag, which was not used
	}
	return err
}

// declarations lists the settings among the flags of a command, in the order of their
// declaration. They are the flags in groups: a command that has settings puts none of its own
// flags into a group.
func declarations(flags []*kong.Flag) []declaration {
	var all []declaration
	for _, f := range flags {
		if f.Group != nil || f.Name == "config" {
			all = append(all, declaration{f})
		}
	}
	return all
}

// fromYAML converts a YAML value to its form on the command line.
func (d declaration) fromYAML(value *yaml.Node) (string, error) {
	if value.Kind == yaml.ScalarNode {
		if value.Tag == "!!null" {
			return "", nil
		}
		return value.Value, nil
	}
	switch d.Target.Interface().(type) {
	case Addresses, ListenAddresses, Networks, Origins, Domains, VideoCodecs:
		return joinSequence(value)
	case Limits:
		return joinMapping(value)
	case Targets:
		return sequenceToJSON(value)
	}
	return "", errors.New("expected one value")
}

// joinSequence writes a list of single values as value,value.
func joinSequence(list *yaml.Node) (string, error) {
	if list.Kind != yaml.SequenceNode {
		return "", errors.New("expected one value or a list of values")
	}
	var parts []string
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode {
			return "", errors.New("expected a list of values")
		}
		parts = append(parts, item.Value)
	}
	return strings.Join(parts, ","), nil
}

// joinMapping writes a map of single values as name=value,name=value.
func joinMapping(mapping *yaml.Node) (string, error) {
	if mapping.Kind != yaml.MappingNode {
		return "", errors.New("expected a profile or a map of limits")
	}
	var parts []string
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i+1].Kind != yaml.ScalarNode {
			return "", fmt.Errorf("%s: expected one value", mapping.Content[i].Value)
		}
		parts = append(parts, mapping.Content[i].Value+"="+mapping.Content[i+1].Value)
	}
	return strings.Join(parts, ","), nil
}

// sequenceToJSON writes a list of any values as JSON.
func sequenceToJSON(sequence *yaml.Node) (string, error) {
	if sequence.Kind != yaml.SequenceNode {
		return "", errors.New("expected a list of targets")
	}
	var list []any
	if err := sequence.Decode(&list); err != nil {
		return "", err
	}
	text, err := json.Marshal(list)
	return string(text), err
}
