package policy

import (
	"fmt"
	"strings"
)

// A Finding is the result of one statement for a request.
type Finding struct {
	Policy    int    `json:"policy"` // index of the policy
	ID        string `json:"id,omitempty"`
	Statement int    `json:"statement"` // index in the policy
	Sid       string `json:"sid,omitempty"`
	Effect    string `json:"effect"`
	Applies   bool   `json:"applies"`
	Because   string `json:"because,omitempty"` // why it doesn't apply
	Decides   bool   `json:"decides"`
}

// Explain is Evaluate with the result of each statement.
func Explain(r Request, policies ...*Policy) (Decision, []Finding) {
	decision := Evaluate(r, policies...)
	action := strings.ToLower(r.Action)
	findings := []Finding{}
	for i, p := range policies {
		for j := range p.statements {
			s := &p.statements[j]
			f := Finding{Policy: i, ID: p.id, Statement: j, Sid: s.sid, Effect: "Allow"}
			if s.deny {
				f.Effect = "Deny"
			}
			f.Because = s.because(action, r)
			f.Applies = f.Because == ""
			f.Decides = f.Applies && decision.Policy == p && decision.Statement == j
			findings = append(findings, f)
		}
	}
	return decision, findings
}

// because returns why s doesn't apply; "" if it does.
func (s *statement) because(action string, r Request) string {
	element, c := s.mismatch(action, r)
	switch {
	case element == "Action" && s.notAction:
		return "its NotAction includes " + r.Action
	case element == "Action":
		return "its Action does not include " + r.Action
	case element == "Resource" && s.notResource:
		return "its NotResource includes " + r.Resource
	case element == "Resource":
		return "its Resource does not include " + r.Resource
	case element == "Condition":
		return fmt.Sprintf("its Condition %s is not met: %s %s", c.operator, c.name, described(r.Context.get(c.key)))
	}
	return ""
}

func described(values []string) string {
	switch len(values) {
	case 0:
		return "is missing"
	case 1:
		return fmt.Sprintf("is %q", values[0])
	}
	return fmt.Sprintf("is %q", values)
}
