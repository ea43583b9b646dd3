package policy

import (
	"fmt"
	"strings"
)

// Policy is a parsed document. It does not change.
type Policy struct {
	id         string
	statements []statement
}

// ID returns the document's Id; "" if there is none.
func (p *Policy) ID() string { return p.id }

type statement struct {
	sid          string
	deny         bool
	actions      []string // glob patterns in lower case
	notAction    bool
	resources    []arnPattern
	notResource  bool
	conditions   []condition
	onEverything bool // its resource is "*"
}

// Request is one action on one resource.
type Request struct {
	Action   string   // "ivs:GetStage", in any case
	Resource string   // an ARN, or "*" for an action without a resource
	Context  *Context // may be nil

	// Open reports whether the value of a condition key, in lower case, is not known yet.
	// Conditions on it are taken to be as the caller wants them. Nil: all values are known.
	Open func(key string) bool
}

// Outcome is the result of evaluating policies.
type Outcome int

// The outcomes. Only Allowed allows a request.
const (
	ImplicitDeny Outcome = iota // no statement applies
	ExplicitDeny                // a Deny statement applies
	Allowed                     // an Allow statement applies, and no Deny
)

func (o Outcome) String() string {
	return [...]string{"implicit deny", "explicit deny", "allowed"}[o]
}

// Decision is an outcome with the statement that decided it.
type Decision struct {
	Outcome   Outcome
	Policy    *Policy // nil with ImplicitDeny
	Statement int     // index in the policy
	Sid       string  // its Sid; "" if there is none
}

// Allowed reports whether the request is allowed.
func (d Decision) Allowed() bool { return d.Outcome == Allowed }

// String names the outcome and the statement, for logs and explanations.
func (d Decision) String() string {
	switch {
	case d.Policy == nil:
		return d.Outcome.String()
	case d.Sid != "":
		return fmt.Sprintf("%s by Statement[%d] %q", d.Outcome, d.Statement, d.Sid)
	}
	return fmt.Sprintf("%s by Statement[%d]", d.Outcome, d.Statement)
}

// Evaluate evaluates all of a caller's policies. A Deny that applies decides, in any
// policy; else the first Allow that applies; without either the request is denied.
func Evaluate(r Request, policies ...*Policy) Decision {
	action := strings.ToLower(r.Action)
	var d Decision
	for _, p := range policies {
		for i := range p.statements {
			s := &p.statements[i]
			if !s.deny && d.Outcome == Allowed || !s.applies(action, r) {
				continue
			}
			d = Decision{Outcome: Allowed, Policy: p, Statement: i, Sid: s.sid}
			if s.deny {
				d.Outcome = ExplicitDeny
				return d
			}
		}
	}
	return d
}

func (s *statement) applies(action string, r Request) bool {
	element, _ := s.mismatch(action, r)
	return element == ""
}

// mismatch returns the first element because of which s does not apply, and for
// Condition the condition that is not met; "" if s applies.
func (s *statement) mismatch(action string, r Request) (element string, c *condition) {
	switch {
	case s.onAction(action) == s.notAction:
		return "Action", nil
	case !s.onResource(r):
		return "Resource", nil
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		holds := c.holds(r.Context, s.deny)
		if r.Open != nil && r.Open(c.key) {
			holds = !s.deny
		}
		if !holds {
			return "Condition", c
		}
	}
	return "", nil
}

func (s *statement) onAction(action string) bool {
	for _, pattern := range s.actions {
		if glob(pattern, action) {
			return true
		}
	}
	return false
}

func (s *statement) onResource(r Request) bool {
	if s.onEverything {
		return !s.notResource
	}
	unknown := false
	for _, pattern := range s.resources {
		switch pattern.matchResource(r.Resource, r.Context) {
		case yes:
			return !s.notResource
		case unresolved:
			unknown = true
		}
	}
	if unknown && s.notResource {
		return s.deny
	}
	return s.notResource
}
