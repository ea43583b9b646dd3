package shape

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// A Table has the shapes of one API.
type Table struct {
	Words map[string]Shape

	// Rule checks the constraints of a structure across its fields. It returns the
	// problem as the predicate of a sentence about the structure, or for an input
	// as a whole sentence; empty if valid. nil if the API has no such constraints.
	Rule func(structure any) string
}

// Problem validates an input, given as a pointer. It returns the first problem with
// its field and the limit; empty if the input is valid.
func (t Table) Problem(in any) string {
	if p := t.walk(reflect.ValueOf(in).Elem(), ""); p != nil {
		return p.String()
	}
	return ""
}

type problem struct{ path, what string }

func (p problem) String() string {
	if p.path == "" {
		return p.what // a Rule names its fields
	}
	return p.path + " " + p.what
}

// A field is a member of a structure with its tags.
type field struct {
	index    int
	name     string // in JSON
	shape    string // an entry of the table, or empty
	required bool
}

var fieldsOf sync.Map // reflect.Type → []field

func fields(t reflect.Type) []field {
	if known, ok := fieldsOf.Load(t); ok {
		return known.([]field)
	}
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		for _, place := range []string{"uri", "query"} {
			if n := f.Tag.Get(place); n != "" {
				name = n
			}
		}
		word, option, _ := strings.Cut(f.Tag.Get("shape"), ",")
		all = append(all, field{index: i, name: name, shape: word, required: option == "required"})
	}
	fieldsOf.Store(t, all)
	return all
}

// walk checks the fields of a structure, then its Rule.
func (t Table) walk(v reflect.Value, path string) *problem {
	for _, f := range fields(v.Type()) {
		at := f.name
		if path != "" {
			at = path + "." + f.name
		}
		if p := t.walkField(v.Field(f.index), f, at); p != nil {
			return p
		}
	}
	if t.Rule != nil {
		if what := t.Rule(v.Addr().Interface()); what != "" {
			return &problem{path, what}
		}
	}
	return nil
}

func (t Table) walkField(v reflect.Value, f field, path string) *problem {
	if absent(v) {
		if f.required {
			return &problem{path, "is missing, it is required"}
		}
		return nil
	}
	return t.value(v, f.shape, path)
}

// absent reports whether a field was not given: nil, or zero if it can't be nil.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil()
	default:
		return v.IsZero()
	}
}

func (t Table) value(v reflect.Value, word, path string) *problem {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	s := t.Words[word]
	if s.Check != nil {
		if what := s.Check(v); what != "" {
			return &problem{path, what}
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return t.walk(v, path)
	case reflect.Slice:
		for i := range v.Len() {
			if p := t.value(v.Index(i), s.Member, fmt.Sprintf("%s[%d]", path, i)); p != nil {
				return p
			}
		}
	case reflect.Map:
		return t.walkEntries(v, s, path)
	}
	return nil
}

func (t Table) walkEntries(v reflect.Value, s Shape, path string) *problem {
	if s.Key == "" {
		return nil
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() }) // for deterministic messages
	for _, k := range keys {
		if what := t.Words[s.Key].Check(k); what != "" {
			return &problem{path, fmt.Sprintf("has the key %q, which %s", Shorten(k.String()), what)}
		}
		if what := t.Words[s.Value].Check(v.MapIndex(k)); what != "" {
			return &problem{fmt.Sprintf("%s[%q]", path, k.String()), what}
		}
	}
	return nil
}

// MissingMember returns the path of the first required member that is absent, at
// any depth; empty if there is none. It is the only constraint that the official
// SDKs check before they send.
func MissingMember(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return MissingMember(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if p := MissingMember(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); p != "" {
				return p
			}
		}
	case reflect.Struct:
		for _, f := range fields(v.Type()) {
			at := strings.TrimPrefix(path+"."+f.name, ".")
			if f.required && absent(v.Field(f.index)) {
				return at
			}
			if p := MissingMember(v.Field(f.index), at); p != "" {
				return p
			}
		}
	}
	return ""
}
