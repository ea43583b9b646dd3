package policy

import (
	"fmt"
	"strings"
)

// Policy is a document, parsed and ready to be evaluated; it never changes.
type Policy struct {
	id         string
	statements []statement
}

// ID returns the document's Id, "" when it has none.
func (p *Policy) ID() string { return p.id }

type statement struct {
	sid          string
	deny         bool
	actions      []string // glob patterns in lower case
	notAction    bool
	resources    []arnPattern
	notResource  bool
	conditions   []condition
	onEverything bool // its resources are just "*"
}

// Request is one action on one resource.
type Request struct {
	Action   string   // "ivs:GetStage", in any case
	Resource string   // an ARN, or "*" for an action on no resource in particular
	Context  *Context // nil for no circumstances
}

// Outcome is what policies say to a request.
type Outcome int

// Only Allowed lets a request pass.
const (
	ImplicitDeny Outcome = iota // no statement speaks of it
	ExplicitDeny                // a Deny statement does
	Allowed                     // an Allow statement does, and no Deny
)

func (o Outcome) String() string {
	return [...]string{"implicit deny", "explicit deny", "allowed"}[o]
}

// Decision is an outcome and the statement that decided it.
type Decision struct {
	Outcome   Outcome
	Policy    *Policy // nil with ImplicitDeny
	Statement int     // its place in the policy, from 0
	Sid       string  // its Sid, "" when it has none
}

// Allowed tells whether the request may pass.
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

// Evaluate asks all of a caller's policies. One Deny that applies decides,
// wherever it stands; else the first Allow that applies; without either the
// answer is no.
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

// mismatch names the first element that keeps s from applying, "" when it
// applies, and with Condition the condition that isn't met.
func (s *statement) mismatch(action string, r Request) (element string, c *condition) {
	switch {
	case s.onAction(action) == s.notAction:
		return "Action", nil
	case !s.onResource(r):
		return "Resource", nil
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(r.Context, s.deny) {
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
