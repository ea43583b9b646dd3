package ivsrealtime

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// Validate holds an input against the constraints of its fields and its own
// rules across fields. The error is an [Error] of code ValidationException
// whose message names the field, what is wrong with it and the limit; nil when
// all is well. in is a pointer to an input.
func Validate(in any) error {
	v := reflect.ValueOf(in)
	if p := walk(v.Elem(), ""); p != nil {
		return &Error{Code: ValidationFailed, Message: p.String()}
	}
	return nil
}

// A checker is a structure with rules across its fields. check tells the
// problem, as the predicate of a sentence about the structure; that of an input
// is a whole sentence.
type checker interface{ check() string }

type problem struct{ path, what string }

func (p problem) String() string {
	if p.path == "" {
		return p.what // a rule across the input's fields names them itself
	}
	return p.path + " " + p.what
}

// A field is one member of a structure with what its tags say.
type field struct {
	index    int
	name     string // as on the wire
	shape    string // a key of shapes, or empty
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

// walk checks a structure, then what is inside it.
func walk(v reflect.Value, path string) *problem {
	for _, f := range fields(v.Type()) {
		at := f.name
		if path != "" {
			at = path + "." + f.name
		}
		if p := walkField(v.Field(f.index), f, at); p != nil {
			return p
		}
	}
	if c, ok := v.Addr().Interface().(checker); ok {
		if what := c.check(); what != "" {
			return &problem{path, what}
		}
	}
	return nil
}

func walkField(v reflect.Value, f field, path string) *problem {
	if absent(v) {
		if f.required {
			return &problem{path, "is missing, it is required"}
		}
		return nil
	}
	return value(v, f.shape, path)
}

// absent tells whether a field was not given: nil, or for what is plain its zero.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil()
	default:
		return v.IsZero()
	}
}

func value(v reflect.Value, word, path string) *problem {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	s := shapes[word]
	if s.check != nil {
		if what := s.check(v); what != "" {
			return &problem{path, what}
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return walk(v, path)
	case reflect.Slice:
		for i := range v.Len() {
			if p := value(v.Index(i), s.member, fmt.Sprintf("%s[%d]", path, i)); p != nil {
				return p
			}
		}
	case reflect.Map:
		return walkEntries(v, s, path)
	}
	return nil
}

func walkEntries(v reflect.Value, s shape, path string) *problem {
	if s.key == "" {
		return nil
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() }) // the same message each time
	for _, k := range keys {
		if what := shapes[s.key].check(k); what != "" {
			return &problem{path, fmt.Sprintf("has the key %q, which %s", shorten(k.String()), what)}
		}
		if what := shapes[s.value].check(v.MapIndex(k)); what != "" {
			return &problem{fmt.Sprintf("%s[%q]", path, k.String()), what}
		}
	}
	return nil
}
