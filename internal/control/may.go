package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Permission is whether a caller may request an action on a resource, and if not, why.
type Permission struct {
	Allowed bool   `json:"allowed"`
	Because string `json:"because,omitempty"`
}

// May answers before a request what [Plane.Authorize] would: for the action on one
// resource, which ends in "/*" where it is to be created. The tags of the request are not
// known yet: what depends on them is allowed.
func (p *Plane) May(ctx context.Context, c Caller, action, resource string) (Permission, error) {
	action, err := knownAction(action)
	if err != nil {
		return Permission{}, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%v", err)
	}
	target, err := readTarget(resource)
	switch {
	case err != nil:
		return Permission{}, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%v", err)
	case resource != "*" && target.Account != c.Account:
		return Permission{Because: "It belongs to another account."}, nil
	case resource != "*" && target.Region != c.Region:
		return Permission{Because: "It is in another region."}, nil
	case c.Policies == nil:
		return Permission{Allowed: true}, nil
	}
	var tags map[string]string
	err = p.store.Read(ctx, func(tx *store.Tx) error {
		tags, err = tx.Tags(resource)
		if errors.Is(err, ivsrealtime.ResourceNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return Permission{}, err
	}
	r := policy.Request{Action: action, Resource: resource, Context: c.context(requirement{}, tags)}
	if target.ID == "*" || action == "ivs:TagResource" || action == "ivs:UntagResource" {
		r.Open = isOfRequestTags
	}
	switch policy.Evaluate(r, c.Policies...).Outcome {
	case policy.Allowed:
		return Permission{Allowed: true}, nil
	case policy.ExplicitDeny:
		return Permission{Because: fmt.Sprintf("A policy of your access key denies %s here.", action)}, nil
	}
	return Permission{Because: fmt.Sprintf("No policy of your access key allows %s here.", action)}, nil
}

// isOfRequestTags reports whether a condition key is one of the tags that a request sets or
// removes.
func isOfRequestTags(key string) bool {
	return key == "aws:tagkeys" || strings.HasPrefix(key, "aws:requesttag/")
}
