package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// sources are the settings and where their values are from.
type sources struct {
	declared []declaration
	origin   map[string]string // by key, of values that are not the default
}

// newSources starts with the flags that were given.
func newSources(chosen *kong.Context) sources {
	s := sources{declared: declarations(chosen.Flags()), origin: map[string]string{}}
	for _, step := range chosen.Path {
		if step.Flag != nil {
			d := declaration{step.Flag}
			s.origin[d.key()] = "--" + d.Name
		}
	}
	return s
}

// exclusive are pairs of settings of which a server has one.
var exclusive = [][2]string{{"ephemeral", "database"}, {"ephemeral", "domain"}, {"tls_cert", "domain"}, {"tls_key", "domain"}}

// isExcluded reports whether a flag contradicts a setting of the environment or the file, and so
// wins over it.
func (s *sources) isExcluded(key string) bool {
	return slices.ContainsFunc(exclusive, func(pair [2]string) bool {
		return pair[0] == key && strings.HasPrefix(s.origin[pair[1]], "--") || pair[1] == key && strings.HasPrefix(s.origin[pair[0]], "--")
	})
}

// readEnvironment sets what the flags have not.
func (s *sources) readEnvironment() error {
	for _, d := range s.declared {
		text := os.Getenv(d.variable())
		if text == "" || s.origin[d.key()] != "" || s.isExcluded(d.key()) {
			continue
		}
		if err := d.set(text); err != nil {
			return fmt.Errorf("%s: %w", d.variable(), err)
		}
		s.origin[d.key()] = d.variable()
	}
	return nil
}

// readFile sets from a YAML file what flags and environment have not. An unknown key is an
// error with its line and the most similar key.
func (s *sources) readFile(path string) error {
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
		if text == "" || s.origin[name] != "" || s.isExcluded(name) {
			continue
		}
		if err := d.set(text); err != nil {
			return fmt.Errorf("%s: %s: %w", where, name, err)
		}
		s.origin[name] = where
	}
	return nil
}
