package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	// MaxSize bounds a document in bytes, without white space between its
	// elements: the quota of managed policies in AWS.
	MaxSize = 6144

	maxRaw   = 64 << 10 // bytes, white space included
	maxDepth = 8        // a valid document has 6
)

// node is a JSON value with its members in order.
type node struct {
	kind    kind
	text    string   // of a string, number or boolean
	items   []node   // of a list
	members []member // of an object
}

type member struct {
	name  string
	value node
}

type kind string

const (
	objectKind kind = "an object"
	listKind   kind = "a list"
	textKind   kind = "a string"
	numberKind kind = "a number"
	boolKind   kind = "a boolean"
	nullKind   kind = "null"
)

// readJSON reads one JSON value and nothing after it. It refuses duplicate members:
// parsers differ in which of them they use.
func readJSON(document []byte) (node, error) {
	if len(document) > maxRaw {
		return node{}, fmt.Errorf("the document has %d bytes; at most %d are allowed", len(document), maxRaw)
	}
	if !utf8.Valid(document) {
		return node{}, errors.New("the document is not UTF-8")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		return node{}, fmt.Errorf("not JSON: %w", err)
	}
	if compact.Len() > MaxSize {
		return node{}, fmt.Errorf("the document has %d bytes without white space; at most %d are allowed", compact.Len(), MaxSize)
	}
	d := json.NewDecoder(&compact)
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return node{}, errors.New("more than one JSON value")
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return node{}, fmt.Errorf("not JSON: %w", err)
	}
	switch t := token.(type) {
	case string:
		return node{kind: textKind, text: t}, nil
	case json.Number:
		return node{kind: numberKind, text: t.String()}, nil
	case bool:
		return node{kind: boolKind, text: fmt.Sprint(t)}, nil
	case json.Delim:
		if t == '{' {
			return readObject(d, depth)
		}
		return readList(d, depth)
	}
	return node{kind: nullKind}, nil
}

func readObject(d *json.Decoder, depth int) (node, error) {
	n := node{kind: objectKind}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return node{}, fmt.Errorf("not JSON: %w", err)
		}
		name := token.(string) // the decoder returns names as strings
		if seen[name] {
			return node{}, fmt.Errorf("the member %q is given twice", name)
		}
		seen[name] = true
		value, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, value})
	}
	_, err := d.Token() // the closing brace
	return n, err
}

func readList(d *json.Decoder, depth int) (node, error) {
	n := node{kind: listKind}
	for d.More() {
		item, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token() // the closing bracket
	return n, err
}
