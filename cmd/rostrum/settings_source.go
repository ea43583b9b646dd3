package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (s *settings) readEnvironment(all []declaration) error {
	for _, d := range all {
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
func (s *settings) readFile(path string, all []declaration) error {
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
	for _, d := range all {
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
			return fmt.Errorf("%s: there is no setting %q%s", where, name, suggestion(name, byKey))
		case seen[name]:
			return fmt.Errorf("%s: %s is set twice", where, name)
		}
		seen[name] = true
		text, err := scalar(value)
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

// scalar is a YAML value in the form it has on the command line.
func scalar(value *yaml.Node) (string, error) {
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "", nil
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	}
	return "", fmt.Errorf("expected one value")
}

// suggestion names the known key nearest to a wrong one, if any is near.
func suggestion(wrong string, known map[string]declaration) string {
	wrong = strings.ReplaceAll(strings.ToLower(wrong), "-", "_")
	best, at := "", 4 // further away than three changes is no slip of the finger
	for key := range known {
		if d := distance(wrong, key); d < at || d == at && key < best {
			best, at = key, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance counts the letters to insert, remove or change to get from a to b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
