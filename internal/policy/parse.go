package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// Error is a problem in a document, with its place.
type Error struct {
	Place   string // "Statement[1].Condition.StringLike"; "" for the document itself
	Problem string
}

func (e *Error) Error() string {
	if e.Place == "" {
		return e.Problem
	}
	return e.Place + ": " + e.Problem
}

func wrong(place, format string, args ...any) error {
	return &Error{place, fmt.Sprintf(format, args...)}
}

// Parse parses a policy document. It refuses anything unknown, with an *Error: a
// misspelt member must not silently widen a policy.
func Parse(document []byte) (*Policy, error) {
	root, err := readJSON(document)
	if err != nil {
		return nil, wrong("", "%v", err)
	}
	if root.kind != objectKind {
		return nil, wrong("", "the document must be an object, not %s", root.kind)
	}
	p := new(Policy)
	var statements *node
	variables := false
	for i, m := range root.members {
		switch m.name {
		case "Version":
			if m.value.kind != textKind || m.value.text != "2012-10-17" && m.value.text != "2008-10-17" {
				return nil, wrong("Version", `must be "2012-10-17" or "2008-10-17"`)
			}
			variables = m.value.text == "2012-10-17"
		case "Id":
			if m.value.kind != textKind {
				return nil, wrong("Id", "must be a string, not %s", m.value.kind)
			}
			p.id = m.value.text
		case "Statement":
			statements = &root.members[i].value
		default:
			return nil, wrong(m.name, "unknown element: Version, Id and Statement are allowed here")
		}
	}
	if statements == nil {
		return nil, wrong("Statement", "is missing")
	}
	p.statements, err = readStatements(*statements, variables)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func readStatements(n node, variables bool) ([]statement, error) {
	nodes, one := n.items, false
	if n.kind == objectKind {
		nodes, one = []node{n}, true
	}
	if len(nodes) == 0 {
		return nil, wrong("Statement", "must be an object or a list of at least one")
	}
	var all []statement
	sids := make(map[string]bool)
	for i, n := range nodes {
		place := "Statement"
		if !one {
			place = fmt.Sprintf("Statement[%d]", i)
		}
		r := statementReader{place: place, variables: variables}
		s, err := r.read(n)
		if err != nil {
			return nil, err
		}
		if s.sid != "" && sids[s.sid] {
			return nil, wrong(place+".Sid", "%q is another statement's already", s.sid)
		}
		sids[s.sid] = true
		all = append(all, s)
	}
	return all, nil
}

type statementReader struct {
	place     string
	variables bool
	s         statement

	effect, action, resource string // the given element
}

func (r *statementReader) read(n node) (statement, error) {
	if n.kind != objectKind {
		return r.s, wrong(r.place, "must be an object, not %s", n.kind)
	}
	for _, m := range n.members {
		if err := r.element(m.name, m.value); err != nil {
			return r.s, err
		}
	}
	switch {
	case r.effect == "":
		return r.s, wrong(r.place, "Effect is missing")
	case r.action == "":
		return r.s, wrong(r.place, "Action or NotAction is missing")
	case r.resource == "":
		return r.s, wrong(r.place, "Resource or NotResource is missing")
	}
	return r.s, nil
}

var sidPattern = regexp.MustCompile(`^[A-Za-z0-9]*$`)

func (r *statementReader) element(name string, n node) error {
	place := r.place + "." + name
	switch name {
	case "Sid":
		if n.kind != textKind || !sidPattern.MatchString(n.text) {
			return wrong(place, "must be a string of letters and digits")
		}
		r.s.sid = n.text
	case "Effect":
		if n.kind != textKind || n.text != "Allow" && n.text != "Deny" {
			return wrong(place, `must be "Allow" or "Deny"`)
		}
		r.effect, r.s.deny = n.text, n.text == "Deny"
	case "Action", "NotAction":
		if r.action != "" {
			return wrong(r.place, "has both Action and NotAction")
		}
		r.action, r.s.notAction = name, name == "NotAction"
		return r.actions(place, n)
	case "Resource", "NotResource":
		if r.resource != "" {
			return wrong(r.place, "has both Resource and NotResource")
		}
		r.resource, r.s.notResource = name, name == "NotResource"
		return r.resources(place, n)
	case "Condition":
		return r.conditions(place, n)
	case "Principal", "NotPrincipal":
		return wrong(place, "belongs into policies of resources; this one is for callers")
	default:
		return wrong(place, "unknown element")
	}
	return nil
}

// entries returns the values of a string or a list, with their places.
func entries(place string, n node, kinds ...kind) ([]member, error) {
	nodes, one := n.items, false
	if n.kind != listKind {
		nodes, one = []node{n}, true
	}
	if len(nodes) == 0 {
		return nil, wrong(place, "the list is empty")
	}
	var all []member
	for i, n := range nodes {
		at := place
		if !one {
			at = fmt.Sprintf("%s[%d]", place, i)
		}
		ok := n.kind == textKind
		for _, k := range kinds {
			ok = ok || n.kind == k
		}
		if !ok {
			return nil, wrong(at, "must be a string, not %s", n.kind)
		}
		all = append(all, member{at, n})
	}
	return all, nil
}

var actionPattern = regexp.MustCompile(`^(\*|(\*|[A-Za-z0-9-]+):[A-Za-z0-9*?]+)$`)

func (r *statementReader) actions(place string, n node) error {
	all, err := entries(place, n)
	for _, e := range all {
		if !actionPattern.MatchString(e.value.text) {
			return wrong(e.name, `%q is not an action, such as "ivs:GetStage", "ivs:*" or "*"`, e.value.text)
		}
		r.s.actions = append(r.s.actions, wildcards.Replace(strings.ToLower(e.value.text)))
	}
	return err
}

func (r *statementReader) resources(place string, n node) error {
	all, err := entries(place, n)
	for _, e := range all {
		s := e.value.text
		if s != "*" && !strings.HasPrefix(s, "arn:") && (!r.variables || !strings.HasPrefix(s, "${")) {
			return wrong(e.name, `%q is neither an ARN nor "*"`, s)
		}
		a, err := compileARN(s, r.variables)
		if err != nil {
			return wrong(e.name, "%v", err)
		}
		r.s.resources = append(r.s.resources, a)
		r.s.onEverything = r.s.onEverything || a.everything()
	}
	return err
}

func (r *statementReader) conditions(place string, n node) error {
	if n.kind != objectKind {
		return wrong(place, "must be an object, not %s", n.kind)
	}
	for _, m := range n.members {
		at := place + "." + m.name
		if m.value.kind != objectKind {
			return wrong(at, "must be an object, not %s", m.value.kind)
		}
		op, ok := readOperator(m.name)
		if !ok {
			return wrong(at, "unknown condition operator")
		}
		seen := make(map[string]bool)
		for _, k := range m.value.members {
			c, err := r.condition(at, op, k)
			if err != nil {
				return err
			}
			if seen[c.key] {
				return wrong(at, "the key %q is given twice, in different cases", k.name)
			}
			seen[c.key] = true
			r.s.conditions = append(r.s.conditions, c)
		}
	}
	return nil
}

// usedOperator is an operator as a document names it, with prefix and suffix.
type usedOperator struct {
	operator
	name     string
	set      set
	ifExists bool
	null     bool
}

func readOperator(name string) (u usedOperator, ok bool) {
	if name == "Null" {
		return usedOperator{name: name, null: true}, true
	}
	u.name = name
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, u.set = rest, forAll
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, u.set = rest, forAny
	}
	name, u.ifExists = strings.CutSuffix(name, "IfExists")
	u.operator, ok = operators[name]
	return u, ok
}

func (r *statementReader) condition(place string, op usedOperator, k member) (condition, error) {
	c := condition{operator: op.name, name: k.name, key: strings.ToLower(k.name), set: op.set, ifExists: op.ifExists, negated: op.negated, null: op.null}
	if !strings.Contains(c.key, ":") {
		return c, wrong(place, `%q is not a condition key, such as "aws:username"`, k.name)
	}
	place += `["` + k.name + `"]`
	values, err := entries(place, k.value, numberKind, boolKind)
	if err != nil {
		return c, err
	}
	if op.null {
		if len(values) != 1 || !isBool(values[0].value.text) {
			return c, wrong(place, "must be true or false")
		}
		c.absent = strings.EqualFold(values[0].value.text, "true")
		return c, nil
	}
	for _, v := range values {
		t, err := op.compile(v.value.text, r.variables)
		if err != nil {
			return c, wrong(v.name, "%v", err)
		}
		c.tests = append(c.tests, t)
	}
	return c, nil
}
