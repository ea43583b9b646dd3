package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Question asks whether an access key may do something.
type Question struct {
	Key      string
	Action   string // "ivs:GetStage", or "GetStage"
	Resource string // an ARN, …:stage/* for what is to be created, or "*"
	Region   string // of the request, where Resource names none
	// Tags are the resource's, besides those that are stored; for TagResource
	// and for what is to be created they are the request's.
	Tags map[string]string
	// Context holds further condition keys, such as aws:SourceIp.
	Context map[string]string
}

// A Verdict answers a Question.
type Verdict struct {
	Allowed    bool             `json:"allowed"`
	Decision   string           `json:"decision"` // of the policies, or "no access"
	Because    string           `json:"because"`
	Statements []policy.Finding `json:"statements"`
}

// ErrQuestion says that a Question can't be understood.
var ErrQuestion = errors.New("the question can't be understood")

// Explain answers what [Plane.Authorize] would, and which statement decides.
func Explain(ctx context.Context, s *store.Store, q Question) (Verdict, error) {
	action, err := knownAction(q.Action)
	if err != nil {
		return Verdict{}, err
	}
	target, err := readTarget(q.Resource)
	if err != nil {
		return Verdict{}, err
	}
	var k key
	tags := map[string]string{}
	err = s.Read(ctx, func(tx *store.Tx) error {
		stored, err := tx.AccessKey(q.Key)
		if err != nil {
			return err
		}
		k.AccessKey = *stored
		tags, err = tx.Tags(q.Resource)
		if errors.Is(err, ivsrealtime.ResourceNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return Verdict{}, err
	}
	if err := k.parsePolicies(); err != nil {
		return Verdict{}, err
	}
	if target.Region == "" {
		target.Region, target.Account = q.Region, k.Account
	}
	return k.explain(q, action, target, tags), nil
}

func (k *key) explain(q Question, action string, target arn.ARN, tags map[string]string) Verdict {
	v := Verdict{Decision: "no access", Statements: []policy.Finding{}}
	switch {
	case !k.Revoked.IsZero():
		v.Because = "the key was revoked at " + k.Revoked.UTC().Format(time.RFC3339)
		return v
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		v.Because = "the key expired at " + k.Expires.UTC().Format(time.RFC3339)
		return v
	case target.Account != k.Account:
		v.Because = fmt.Sprintf("the resource is of account %s and the key of %s", target.Account, k.Account)
		return v
	case k.policies == nil:
		return Verdict{Allowed: true, Decision: policy.Allowed.String(), Because: "a key without policies may do everything in its account", Statements: v.Statements}
	}
	var d requirement
	if target.ID == "*" || action == "ivs:TagResource" {
		d.tags = q.Tags
	} else {
		tags = maps.Clone(tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, q.Tags)
	}
	c := Caller{Account: k.Account, Region: target.Region, AccessKeyID: k.ID, UserName: k.UserName, Tags: k.PrincipalTags}
	circumstances := c.context(d, tags)
	for name, value := range q.Context {
		circumstances.Set(name, value)
	}
	decision, findings := policy.Explain(policy.Request{Action: action, Resource: q.Resource, Context: circumstances}, k.policies...)
	v = Verdict{Allowed: decision.Allowed(), Decision: decision.Outcome.String(), Because: "no statement allows it", Statements: findings}
	for _, f := range findings {
		if f.Decides {
			v.Because = fmt.Sprintf("%s by %s", strings.ToLower(f.Effect), nameOf(f, len(k.policies) > 1))
		}
	}
	return v
}

// nameOf names a statement, and its policy where there are several.
func nameOf(f policy.Finding, several bool) string {
	name := fmt.Sprintf("Statement[%d]", f.Statement)
	if f.Sid != "" {
		name += fmt.Sprintf(" %q", f.Sid)
	}
	if several {
		name += fmt.Sprintf(" of policy %d", f.Policy+1)
	}
	return name
}

// knownAction is an action as the table of requirements spells it.
func knownAction(action string) (string, error) {
	for operation := range requirements {
		if name := qualified(operation); strings.EqualFold(name, action) || strings.EqualFold(operation, action) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%w: there is no action %q", ErrQuestion, action)
}

// readTarget reads a resource as policies are asked for it. "*" is an empty ARN.
func readTarget(resource string) (arn.ARN, error) {
	if resource == "*" {
		return arn.ARN{}, nil
	}
	base, whole := strings.CutSuffix(resource, "/*")
	if whole {
		base += "/x"
	}
	a, err := arn.Parse(base)
	if err != nil {
		return arn.ARN{}, fmt.Errorf(`%w: %q is no ARN of a resource, none that ends in "/*" and not "*"`, ErrQuestion, resource)
	}
	if whole {
		a.ID = "*"
	}
	return a, nil
}

// Actions are all actions that policies may name, in the order of their names.
func Actions() []string {
	all := make([]string, 0, len(requirements))
	for operation := range requirements {
		all = append(all, qualified(operation))
	}
	slices.Sort(all)
	return all
}
