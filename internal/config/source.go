package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (s *Settings) readEnvironment() error {
	for _, d := range s.declared {
		text := os.Getenv(d.variable())
		if text == "" || s.origin[d.key()] != "" {
			continue
		}
		if err := d.set(text); err != nil {
			return fmt.Errorf("%s: %w", d.variable(), err)
		}
		s.origin[d.key()] = d.variable()
	}
	return nil
}

// readFile takes settings from a YAML file, strictly: what it doesn't know is
// an error, with its line and the key that was probably meant.
func (s *Settings) readFile(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Content) == 0 {
		return nil // nothing but comments
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s: expected settings as key: value", path)
	}
	byKey := map[string]declaration{}
	for _, d := range s.declared {
		if d.key() != "config" {
			byKey[d.key()] = d
		}
	}
	seen := map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		name, value := root.Content[i].Value, root.Content[i+1]
		where := fmt.Sprintf("%s:%d", filepath.Base(path), root.Content[i].Line)
		d, known := byKey[name]
		switch {
		case !known:
			return fmt.Errorf("%s: there is no setting %q%s", where, name, suggestion(name, maps.Keys(byKey)))
		case seen[name]:
			return fmt.Errorf("%s: %s is set twice", where, name)
		}
		seen[name] = true
		text, err := d.fromYAML(value)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", where, name, err)
		}
		if text == "" || s.origin[name] != "" {
			continue
		}
		if err := d.set(text); err != nil {
			return fmt.Errorf("%s: %s: %w", where, name, err)
		}
		s.origin[name] = where
	}
	return nil
}

// fromYAML is a YAML value in the form it has on the command line.
func (d declaration) fromYAML(value *yaml.Node) (string, error) {
	_, takesMap := d.Target.Interface().(Limits)
	_, takesAddresses := d.Target.Interface().(Addresses)
	_, takesListeners := d.Target.Interface().(ListenAddresses)
	_, takesNetworks := d.Target.Interface().(Networks)
	_, takesOrigins := d.Target.Interface().(Origins)
	_, takesDomains := d.Target.Interface().(Domains)
	_, takesTargets := d.Target.Interface().(Targets)
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "", nil
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	case value.Kind == yaml.MappingNode && takesMap:
		return joined(value)
	case value.Kind == yaml.SequenceNode && (takesAddresses || takesListeners || takesNetworks || takesOrigins || takesDomains):
		return itemized(value)
	case value.Kind == yaml.SequenceNode && takesTargets:
		return fromYAMLList(value)
	case takesTargets:
		return "", errors.New("expected a list of targets")
	case takesMap:
		return "", errors.New("expected a profile or a map of limits")
	}
	return "", errors.New("expected one value")
}

// itemized writes a list of single values as value,value.
func itemized(value *yaml.Node) (string, error) {
	var parts []string
	for _, item := range value.Content {
		if item.Kind != yaml.ScalarNode {
			return "", errors.New("expected a list of values")
		}
		parts = append(parts, item.Value)
	}
	return strings.Join(parts, ","), nil
}

// joined writes a map of single values as name=value,name=value.
func joined(value *yaml.Node) (string, error) {
	var parts []string
	for i := 0; i < len(value.Content); i += 2 {
		if value.Content[i+1].Kind != yaml.ScalarNode {
			return "", fmt.Errorf("%s: expected one value", value.Content[i].Value)
		}
		parts = append(parts, value.Content[i].Value+"="+value.Content[i+1].Value)
	}
	return strings.Join(parts, ","), nil
}
