package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A Document is an event made ready to be matched by many patterns: its values with
// their paths, which are the names down to them joined by dots. Objects have no value of
// their own, and the values of a list all have the path of the list.
type Document struct{ fields []field }

type field struct {
	path  string
	value value
}

type kind uint8

const (
	text kind = iota
	number
	literal // true, false or null
)

// A value is one leaf of an event.
type value struct {
	kind kind
	text string // of a string unquoted, of others as in JSON
	at   []element
}

// An element is a place in a list: which list of the document, and which element of it.
// A value within several lists has them outermost first.
type element struct{ list, index int }

func (v value) number() (float64, bool) {
	if v.kind != number {
		return 0, false
	}
	return parseNumber(v.text)
}

// Document reads the event as its targets see it.
func (e Event) Document() (Document, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return Document{}, err
	}
	return readDocument(text)
}

// readDocument reads valid JSON.
func readDocument(text []byte) (Document, error) {
	r := documentReader{
		text: string(text), fields: make([]field, 0, 32),
		path: make([]byte, 0, 128), paths: make([]byte, 0, 512), spans: make([]span, 0, 32),
	}
	if r.space(); r.text[r.at] != '{' {
		return Document{}, errors.New("event is no JSON object")
	}
	if err := r.object(true); err != nil {
		return Document{}, fmt.Errorf("read event: %w", err)
	}
	paths := string(r.paths) // in one piece of memory
	for i, p := range r.spans {
		r.fields[i].path = paths[p.from:p.to]
	}
	return Document{r.fields}, nil
}

// A documentReader walks through valid JSON.
type documentReader struct {
	text   string
	at     int
	path   []byte
	lists  []element // that the reader is in, outermost first
	count  int       // of lists so far
	fields []field   // without their paths
	paths  []byte    // of all fields
	spans  []span    // of each field's path in them
}

// A span is where one path is in those of all fields.
type span struct{ from, to int }

func (r *documentReader) space() {
	for r.text[r.at] <= ' ' || r.text[r.at] == ',' || r.text[r.at] == ':' {
		r.at++
	}
}

func (r *documentReader) value() error {
	start := r.at
	switch r.text[r.at] {
	case '{':
		return r.object(false)
	case '[':
		return r.list()
	case '"':
		s, err := r.string()
		r.add(text, s)
		return err
	}
	for r.text[r.at] > ' ' && r.text[r.at] != ',' && r.text[r.at] != ']' && r.text[r.at] != '}' {
		r.at++
	}
	k := number
	if c := r.text[start]; c == 't' || c == 'f' || c == 'n' {
		k = literal
	}
	r.add(k, r.text[start:r.at])
	return nil
}

func (r *documentReader) add(k kind, s string) {
	from := len(r.paths)
	r.paths = append(r.paths, r.path...)
	r.spans = append(r.spans, span{from, len(r.paths)})
	r.fields = append(r.fields, field{value: value{k, s, slices.Clone(r.lists)}})
}

func (r *documentReader) object(root bool) error {
	length := len(r.path)
	r.at++
	for {
		if r.space(); r.text[r.at] == '}' {
			r.at++
			return nil
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		if !root {
			r.path = append(r.path, '.')
		}
		r.path = append(r.path, name...)
		r.space()
		if err := r.value(); err != nil {
			return err
		}
		r.path = r.path[:length]
	}
}

func (r *documentReader) list() error {
	r.at++
	r.lists = append(r.lists, element{list: r.count})
	r.count++
	for {
		if r.space(); r.text[r.at] == ']' {
			r.at++
			r.lists = r.lists[:len(r.lists)-1]
			return nil
		}
		if err := r.value(); err != nil {
			return err
		}
		r.lists[len(r.lists)-1].index++
	}
}

func (r *documentReader) string() (string, error) {
	start, escaped := r.at, false
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return r.text[start+1 : r.at-1], nil
	}
	var s string // is on the heap
	err := json.Unmarshal([]byte(r.text[start:r.at]), &s)
	return s, err
}
