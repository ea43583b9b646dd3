package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// A Pattern says which events somebody wants, in the words of EventBridge
// (User Guide, event patterns): an object shaped like the event whose leaves
// are lists of what the value may be. It never changes once parsed.
type Pattern struct{ root node }

// MaxPattern is how long a pattern may be, in bytes (EventBridge quotas).
const MaxPattern = 2048

// A node is one object of a pattern: all of its fields must match, and of each
// $or at least one.
type node struct {
	fields []fieldPattern
	ors    [][]node
}

type fieldPattern struct {
	name string
	sub  *node     // of an object, or nil
	any  []matcher // of a leaf: one must match
}

// A matcher judges one value of an event: a string, json.Number, bool or nil.
type matcher struct {
	matches func(v any) bool
	exists  int8 // +1 and -1 for {"exists": …}, which judges no value
}

// ParsePattern reads a pattern. An error names the place in it.
func ParsePattern(text []byte) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, fmt.Errorf("event pattern has %d bytes, it can have at most %d", len(text), MaxPattern)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var raw map[string]any
	if err := d.Decode(&raw); err != nil {
		return nil, errors.New("event pattern is no JSON object")
	}
	if d.More() {
		return nil, errors.New("event pattern has something after its object")
	}
	root, err := parseNode("", raw)
	if err != nil {
		return nil, fmt.Errorf("event pattern: %w", err)
	}
	return &Pattern{root}, nil
}

func parseNode(at string, raw map[string]any) (n node, err error) {
	if len(raw) == 0 {
		return n, fmt.Errorf("%sis empty", place(at))
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		here := strings.TrimPrefix(at+"."+name, ".")
		switch v := raw[name].(type) {
		case []any:
			if name == "$or" && alternatives(v) {
				or, err := parseOr(here, at, v)
				if err != nil {
					return n, err
				}
				n.ors = append(n.ors, or)
				continue
			}
			f := fieldPattern{name: name}
			if f.any, err = parseLeaf(here, v); err != nil {
				return n, err
			}
			n.fields = append(n.fields, f)
		case map[string]any:
			sub, err := parseNode(here, v)
			if err != nil {
				return n, err
			}
			n.fields = append(n.fields, fieldPattern{name: name, sub: &sub})
		default:
			return n, fmt.Errorf("%smust be a list or an object", place(here))
		}
	}
	return n, nil
}

// alternatives tells a $or from a field that happens to have that name.
func alternatives(v []any) bool {
	for _, one := range v {
		if _, ok := one.(map[string]any); !ok {
			return false
		}
	}
	return len(v) >= 2
}

func parseOr(here, at string, v []any) (or []node, err error) {
	for i, one := range v {
		n, err := parseNode(at, one.(map[string]any))
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", here, i, err)
		}
		or = append(or, n)
	}
	return or, nil
}

func parseLeaf(at string, v []any) (leaf []matcher, err error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("%sis an empty list", place(at))
	}
	for i, one := range v {
		m, err := parseMatcher(fmt.Sprintf("%s[%d]", at, i), one)
		if err != nil {
			return nil, err
		}
		leaf = append(leaf, m)
	}
	return leaf, nil
}

func parseMatcher(at string, v any) (matcher, error) {
	switch v := v.(type) {
	case string, bool, nil:
		return matcher{matches: func(x any) bool { return x == v }}, nil
	case json.Number: // by its spelling: 300, 300.0 and 3.0e2 are three values (User Guide)
		return matcher{matches: func(x any) bool { return x == v }}, nil
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				return parseComparison(at+"."+name, name, argument)
			}
		}
	}
	return matcher{}, fmt.Errorf("%smust be a value or an object of one comparison", place(at))
}

func parseComparison(at, name string, v any) (matcher, error) {
	switch name {
	case "exists":
		if b, ok := v.(bool); ok {
			if b {
				return matcher{exists: +1}, nil
			}
			return matcher{exists: -1}, nil
		}
		return matcher{}, fmt.Errorf("%smust be true or false", place(at))
	case "numeric":
		return parseNumeric(at, v)
	case "anything-but":
		return parseAnythingBut(at, v)
	case "cidr":
		return parseCIDR(at, v)
	}
	return parseText(at, name, v)
}

func place(at string) string {
	if at == "" {
		return ""
	}
	return at + " "
}

// A Document is an event made ready to be matched by many patterns.
type Document map[string]any

// Document reads the event as its targets see it.
func (e Event) Document() (Document, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return ParseDocument(text)
}

// ParseDocument reads any event.
func ParseDocument(text []byte) (Document, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc Document
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	return doc, nil
}

// Matches reports whether the pattern wants an event.
func (p *Pattern) Matches(doc Document) bool { return p.root.matches(doc) }

func (n *node) matches(object map[string]any) bool {
	for i := range n.fields {
		f := &n.fields[i]
		v, there := object[f.name]
		if f.sub != nil {
			if !f.sub.within(v) {
				return false
			}
		} else if !leafMatches(f.any, v, there) {
			return false
		}
	}
	for _, or := range n.ors {
		if !slices.ContainsFunc(or, func(n node) bool { return n.matches(object) }) {
			return false
		}
	}
	return true
}

// within looks for an object that matches: v, or in a list any one of its
// items, which must match alone.
func (n *node) within(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return n.matches(v)
	case []any:
		return slices.ContainsFunc(v, n.within)
	default:
		return n.matches(nil) // {"exists": false} below something that is no object
	}
}

func leafMatches(leaf []matcher, v any, there bool) bool {
	values := flatten(nil, v, there)
	for _, m := range leaf {
		switch {
		case m.exists > 0 && len(values) > 0, m.exists < 0 && len(values) == 0 && !isObject(v):
			return true
		case m.exists == 0 && slices.ContainsFunc(values, m.matches):
			return true
		}
	}
	return false
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// flatten lists the values of a leaf: itself, or what is in the list it is.
func flatten(values []any, v any, there bool) []any {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			values = flatten(values, one, true)
		}
	case map[string]any: // no leaf
	default:
		if there {
			values = append(values, v)
		}
	}
	return values
}

// number reads a number exactly; nil for what is none.
func number(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok || len(n) > 64 || strings.ContainsAny(string(n), "eE") && !smallExponent(string(n)) {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}

// smallExponent keeps 1e999999999 from being written out.
func smallExponent(s string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	return len(strings.TrimLeft(exponent, "+-0")) <= 2
}
