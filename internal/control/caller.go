package control

import (
	"fmt"
	"net/netip"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"slices"
	"strconv"
	"time"
)

// A Caller is who requests an operation, authenticated.
type Caller struct {
	Account     string // 12 digits
	Region      string // of the signature's scope
	AccessKeyID string
	UserName    string
	Address     string // of the client, without the port
	Secure      bool   // the request came over TLS
	RequestID   string

	// Policies say what the caller may do; nil means everything in the account.
	Policies []*policy.Policy
	Tags     map[string]string // of the principal
}

// owner is the owner of the resources that the caller creates and sees.
func (c Caller) owner() store.Owner { return store.Owner{Account: c.Account, Region: c.Region} }

// checkPolicies evaluates the caller's policies for one action on one resource.
func (c Caller) checkPolicies(action, resource string, d requirement, resourceTags map[string]string) error {
	decision := policy.Evaluate(policy.Request{Action: qualified(action), Resource: resource, Context: c.context(d, resourceTags)}, c.Policies...)
	switch decision.Outcome {
	case policy.Allowed:
		return nil
	case policy.ExplicitDeny:
		return denied(c, action, resource, "an identity-based policy explicitly denies it")
	default:
		return denied(c, action, resource, fmt.Sprintf("no identity-based policy allows the %s action", qualified(action)))
	}
}

// context returns the condition keys of a request (IAM, global condition keys).
func (c Caller) context(d requirement, resourceTags map[string]string) *policy.Context {
	now := time.Now().UTC()
	ctx := new(policy.Context)
	set := ctx.Add
	set("aws:username", c.UserName)
	set("aws:userid", c.AccessKeyID)
	set("aws:PrincipalAccount", c.Account)
	set("aws:RequestedRegion", c.Region)
	set("aws:CurrentTime", now.Format(time.RFC3339))
	set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	set("aws:SecureTransport", strconv.FormatBool(c.Secure))
	if _, err := netip.ParseAddr(c.Address); err == nil {
		set("aws:SourceIp", c.Address)
	}
	for k, v := range c.Tags {
		set("aws:PrincipalTag/"+k, v)
	}
	for k, v := range resourceTags {
		set("aws:ResourceTag/"+k, v)
	}
	keys := slices.Clone(d.tagKeys)
	for k, v := range d.tags {
		set("aws:RequestTag/"+k, v)
		keys = append(keys, k)
	}
	if len(keys) > 0 {
		set("aws:TagKeys", keys...)
	}
	return ctx
}
