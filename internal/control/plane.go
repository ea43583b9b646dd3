// Package control is the meaning of each operation: what CreateStage,
// StartComposition and the rest do to the house. It holds no HTTP; the API's
// door, and the console through it, are its callers.
//
// An operation's input has been validated and its caller authorized when it
// arrives here ([Plane.Authorize]). What remains is to check it against what is
// there, to decide, and to make the decision durable with its events in one
// transaction before it is answered.
package control

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/composition"
	"rostrum/internal/sigv4"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Plane carries out operations.
type Plane struct {
	store        *store.Store
	authority    *authority.Authority
	live         Live
	channels     Channels
	compositions *composition.Registry
	limits       Limits
	turnstile    *turnstile
	pager        pager
	keys         keyring
}

// Parts are what operations work on.
type Parts struct {
	Store        *store.Store
	Authority    *authority.Authority // for tokens
	Live         Live
	Channels     Channels
	Compositions *composition.Registry
}

// New builds a plane on its parts.
func New(ctx context.Context, parts Parts, limits Limits) (*Plane, error) {
	pageKey, err := parts.Store.Secret(ctx, "page-token-key", func() ([]byte, error) {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // never fails (crypto/rand)
		return fresh, nil
	})
	if err != nil {
		return nil, fmt.Errorf("page token key: %w", err)
	}
	pages, err := newPager(pageKey)
	if err != nil {
		return nil, err
	}
	return &Plane{
		store: parts.Store, authority: parts.Authority, live: parts.Live, channels: parts.Channels, compositions: parts.Compositions,
		limits: limits, turnstile: newTurnstile(limits), pager: pages, keys: keyring{keys: map[string]*key{}},
	}, nil
}

// Admit takes one request of a caller through its request rates; the error is
// a ThrottlingException.
func (p *Plane) Admit(c Caller, operation string) error { return p.turnstile.admit(c, operation) }

// Key finds an access key for the verifier of signatures.
func (p *Plane) Key(ctx context.Context, id string) (sigv4.Key, bool, error) {
	k, err := p.accessKey(ctx, id)
	if err != nil || k == nil {
		return sigv4.Key{}, false, err
	}
	return sigv4.Key{Secret: k.Secret, SessionToken: k.SessionToken, Expires: k.Expires}, true, nil
}

// regions is what can be a region: the scope of a signature is the caller's to write.
var regions = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Caller tells who has the access key that a request was signed with, in the
// region it was signed for. With anyone set, a key that is not known stands for
// the first operator.
func (p *Plane) Caller(ctx context.Context, id sigv4.Identity, anyone bool) (Caller, error) {
	if !regions.MatchString(id.Region) {
		return Caller{}, ivsrealtime.Errorf(ivsrealtime.InvalidSignature, "Credential should be scoped to a valid region")
	}
	k, err := p.accessKey(ctx, id.AccessKeyID)
	if err == nil && k == nil && anyone {
		k, err = p.operator(ctx)
	}
	if err != nil {
		return Caller{}, err
	}
	if k == nil {
		return Caller{}, ivsrealtime.Errorf(ivsrealtime.UnrecognizedClient, "The security token included in the request is invalid.")
	}
	return Caller{Account: k.Account, Region: id.Region, AccessKeyID: k.ID, UserName: k.UserName, Policies: k.policies, Tags: k.PrincipalTags}, nil
}

// Renew looks up a caller's access key again, for a request that lasts: what was
// revoked, has expired or may do less since is found out within a second.
func (p *Plane) Renew(ctx context.Context, c Caller) (Caller, error) {
	k, err := p.accessKey(ctx, c.AccessKeyID)
	switch {
	case err != nil:
		return c, err
	case k == nil:
		return c, ivsrealtime.Errorf(ivsrealtime.UnrecognizedClient, "The security token included in the request is invalid.")
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		return c, ivsrealtime.Errorf(ivsrealtime.ExpiredToken, "The security token included in the request is expired")
	}
	c.Policies, c.Tags = k.policies, k.PrincipalTags
	return c, nil
}
