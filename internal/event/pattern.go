package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Pattern says which events somebody wants, in the words of EventBridge
// (User Guide, event patterns): an object shaped like the event whose leaves
// are lists of what the value may be. It answers as AWS's published engine,
// event-ruler, does; testdata/event-patterns.jsonl holds its answers. It never
// changes once parsed.
type Pattern struct{ rules []rule }

// A rule is one combination of the alternatives of a pattern's $or. All of its
// conditions must match. They are in the order of their paths, which decides what
// {"exists": false} means within an array (search.match).
type rule []condition

// A condition is on the values at one path: the names down to a field, joined by dots.
type condition struct {
	path   string
	absent bool // {"exists": false} is in the list
	any    []matcher
}

func (c *condition) matches(v value) bool {
	for _, m := range c.any {
		if m(v) {
			return true
		}
	}
	return false
}

// A matcher judges one value of an event.
type matcher func(value) bool

const (
	// MaxPattern is how long a pattern may be, in bytes (EventBridge quotas).
	MaxPattern = 2048

	maxRules = 1000
)

// ParsePattern reads a pattern. An error names the place in it.
func ParsePattern(text []byte) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, fmt.Errorf("event pattern has %d bytes, it can have at most %d", len(text), MaxPattern)
	}
	raw, err := decodeOrdered(text)
	if err != nil {
		return nil, fmt.Errorf("event pattern is not JSON: %w", err)
	}
	root, ok := raw.(object)
	if !ok {
		return nil, errors.New("event pattern is no JSON object")
	}
	if err := checkOr(root); err != nil {
		return nil, fmt.Errorf("event pattern: %w", err)
	}
	drafts, err := parseObject([]draft{{}}, "", root, false)
	if err != nil {
		return nil, fmt.Errorf("event pattern: %w", err)
	}
	p := &Pattern{}
	for _, d := range drafts {
		r := make(rule, 0, len(d))
		for _, path := range slices.Sorted(maps.Keys(d)) {
			r = append(r, d[path])
		}
		p.rules = append(p.rules, r)
	}
	return p, nil
}

// A draft is a rule that is being parsed. A path that comes again replaces what it had.
type draft map[string]condition

// An object is a JSON object with its members in their order, doubled names included.
type object []member

type member struct {
	name  string
	value any
}

// decodeOrdered reads the first JSON value of a text. Like event-ruler, it ignores
// what follows.
func decodeOrdered(text []byte) (any, error) {
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&first); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(first))
	d.UseNumber()
	return decodeValue(d)
}

func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), v})
		}
		_, err = d.Token()
		return o, err
	}
	return token, nil
}

// parseObject adds the conditions of an object to every draft. Within an alternative
// no field has the name of a comparison.
func parseObject(drafts []draft, at string, o object, alternative bool) ([]draft, error) {
	if len(o) == 0 {
		return nil, fmt.Errorf("%sis empty", place(at))
	}
	for _, m := range o {
		path := join(at, m.name)
		if alternative && slices.Contains(comparisons, m.name) {
			return nil, fmt.Errorf("%scannot have the name of a comparison within $or", place(path))
		}
		var err error
		switch v := m.value.(type) {
		case []any:
			if isOr(m) {
				drafts, err = parseOr(drafts, at, v)
				break
			}
			var c condition
			if c, err = parseLeaf(path, v); err == nil {
				for _, d := range drafts {
					d[path] = c
				}
			}
		case object:
			drafts, err = parseObject(drafts, path, v, alternative)
		default:
			err = fmt.Errorf("%smust be a list or an object", place(path))
		}
		if err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// isOr tells the keyword $or from a field that happens to have that name: it lists two
// objects or more, and none of them looks like a comparison.
func isOr(m member) bool {
	list, _ := m.value.([]any)
	for _, one := range list {
		o, ok := one.(object)
		if !ok || slices.ContainsFunc(o, func(m member) bool { return slices.Contains(comparisons, m.name) }) {
			return false
		}
	}
	return m.name == "$or" && len(list) >= 2
}

// checkOr refuses a field named $or in a pattern that also has the keyword.
func checkOr(root object) error {
	keyword, name := false, ""
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case object:
			for _, m := range v {
				path := join(at, m.name)
				switch {
				case isOr(m):
					keyword = true
				case m.name == "$or":
					name = path
				}
				walk(path, m.value)
			}
		case []any:
			for i, one := range v {
				walk(fmt.Sprintf("%s[%d]", at, i), one)
			}
		}
	}
	walk("", root)
	if keyword && name != "" {
		return fmt.Errorf("%smust list two objects or more, none with the name of a comparison", place(name))
	}
	return nil
}

// parseOr multiplies the drafts by the alternatives.
func parseOr(drafts []draft, at string, v []any) (out []draft, err error) {
	for i, one := range v {
		copies := make([]draft, len(drafts))
		for i, d := range drafts {
			copies[i] = maps.Clone(d)
		}
		copies, err = parseObject(copies, at, one.(object), true)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", join(at, "$or"), i, err)
		}
		if out = append(out, copies...); len(out) > maxRules {
			return nil, fmt.Errorf("%shas more than %d combinations of alternatives", place(join(at, "$or")), maxRules)
		}
	}
	return out, nil
}

func parseLeaf(path string, v []any) (condition, error) {
	c := condition{path: path}
	if len(v) == 0 {
		return c, fmt.Errorf("%sis an empty list", place(path))
	}
	for i, one := range v {
		at := fmt.Sprintf("%s[%d]", path, i)
		if o, ok := one.(object); ok && len(o) == 1 && o[0].name == "exists" && o[0].value == false {
			c.absent = true
			continue
		}
		m, err := parseMatcher(at, one)
		if err != nil {
			return c, err
		}
		c.any = append(c.any, m)
	}
	return c, nil
}

func place(at string) string { return strings.TrimPrefix(at+" ", " ") }
