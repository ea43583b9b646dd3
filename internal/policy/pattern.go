package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// verdict is the result of matching a value.
type verdict int

const (
	no verdict = iota
	yes
	unresolved // a policy variable of the pattern has no value
)

func verdictOf(match bool) verdict {
	if match {
		return yes
	}
	return no
}

// Wildcards are bytes that UTF-8 text does not have, so that a literal "*", from
// "${*}" or the value of a variable, is an ordinary character.
const (
	star     = "\xff" // any characters, or none
	question = "\xfe" // any one character
)

var wildcards = strings.NewReplacer("*", star, "?", question)

// glob reports whether all of text matches pattern. It does not backtrack over a
// star: its time is bounded by the product of both lengths, and linear without
// question marks.
func glob(pattern, text string) bool {
	chunk, pattern, more := strings.Cut(pattern, star)
	n, ok := matchPrefix(chunk, text)
	if !ok || !more {
		return ok && n == len(text)
	}
	text = text[n:]
	for {
		chunk, pattern, more = strings.Cut(pattern, star)
		if !more {
			return matchSuffix(chunk, text)
		}
		if text, ok = skipPast(chunk, text); !ok {
			return false
		}
	}
}

// matchPrefix matches a chunk without stars at the start of text. It returns the
// length of the match.
func matchPrefix(chunk, text string) (n int, ok bool) {
	for i := range len(chunk) {
		switch {
		case n == len(text):
			return 0, false
		case chunk[i] == question[0]:
			_, size := utf8.DecodeRuneInString(text[n:])
			n += size
		case chunk[i] == text[n]:
			n++
		default:
			return 0, false
		}
	}
	return n, true
}

func matchSuffix(chunk, text string) bool {
	if !strings.Contains(chunk, question) {
		return strings.HasSuffix(text, chunk)
	}
	start := len(text)
	for range utf8.RuneCountInString(chunk) { // a question mark counts as one character
		if start == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	n, ok := matchPrefix(chunk, text[start:])
	return ok && start+n == len(text)
}

// skipPast returns the text after the first match of chunk.
func skipPast(chunk, text string) (rest string, ok bool) {
	if !strings.Contains(chunk, question) {
		_, rest, ok = strings.Cut(text, chunk)
		return rest, ok
	}
	for {
		if n, ok := matchPrefix(chunk, text); ok {
			return text[n:], true
		}
		if text == "" {
			return "", false
		}
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
}

// template is a text of a document, split at its policy variables.
type template []piece

// piece is literal text, or a variable if key is set.
type piece struct {
	text       string // of a variable: its default value
	key        string // lower-case condition key
	hasDefault bool
}

// grammar is the syntax of a value.
type grammar struct {
	wild      bool // "*" and "?" are wildcards
	variables bool // "${…}" is a variable (documents of Version 2012-10-17)
}

func (g grammar) literal(text string) string {
	if g.wild {
		return wildcards.Replace(text)
	}
	return text
}

// compile parses a text. Its errors are for the author of the document.
func (g grammar) compile(text string) (template, error) {
	var t template
	var literal strings.Builder
	for {
		before, rest, found := text, "", false
		if g.variables {
			before, rest, found = strings.Cut(text, "${")
		}
		literal.WriteString(g.literal(before))
		if !found {
			break
		}
		name, behind, closed := cutVariable(rest)
		if !closed {
			return nil, errors.New(`"${" without its "}"`)
		}
		text = behind
		if name == "*" || name == "?" || name == "$" {
			literal.WriteString(name)
			continue
		}
		p, err := variable(name)
		if err != nil {
			return nil, err
		}
		if literal.Len() > 0 {
			t = append(t, piece{text: literal.String()})
			literal.Reset()
		}
		t = append(t, p)
	}
	if literal.Len() > 0 || len(t) == 0 {
		t = append(t, piece{text: literal.String()})
	}
	return t, nil
}

// cutVariable cuts after the brace that closes a variable, and not at a brace in
// its quoted default value.
func cutVariable(s string) (name, rest string, ok bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == '}' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

// variable parses "aws:username" or "aws:username, 'default'".
func variable(s string) (piece, error) {
	name, fallback, hasDefault := strings.Cut(s, ",")
	p := piece{key: strings.ToLower(name), hasDefault: hasDefault}
	if !strings.Contains(name, ":") || strings.ContainsAny(name, "${}'*?") {
		return p, fmt.Errorf(`"${%s}" is not a policy variable: a condition key such as aws:username is expected`, s)
	}
	if hasDefault {
		fallback = strings.Trim(fallback, " ")
		if len(fallback) < 2 || fallback[0] != '\'' || strings.IndexByte(fallback[1:], '\'') != len(fallback)-2 {
			return p, fmt.Errorf(`the default value in "${%s}" must stand in single quotes`, s)
		}
		p.text = fallback[1 : len(fallback)-1]
	}
	return p, nil
}

// endsInStar reports whether the last character of t is a star of the document,
// and not of a value.
func (t template) endsInStar() bool {
	last := t[len(t)-1]
	return last.key == "" && strings.HasSuffix(last.text, star)
}

// constant reports whether t has no variables.
func (t template) constant() bool { return len(t) == 1 && t[0].key == "" }

// resolve inserts the values of the variables. ok is false if one has none.
func (t template) resolve(ctx *Context) (text string, ok bool) {
	if t.constant() {
		return t[0].text, true
	}
	var b strings.Builder
	for _, p := range t {
		if p.key == "" {
			b.WriteString(p.text)
			continue
		}
		values := ctx.get(p.key)
		switch {
		case len(values) == 1 && utf8.ValidString(values[0]): // other bytes could be wildcards
			b.WriteString(values[0])
		case len(values) == 0 && p.hasDefault:
			b.WriteString(p.text)
		default:
			return "", false
		}
	}
	return b.String(), true
}
