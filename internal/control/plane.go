// Package control implements the operations of the API: CreateStage,
// StartComposition and so on, without HTTP.
//
// An operation is called with valid input by an authorized caller
// ([Plane.Authorize]). It checks the input against the stored state and the
// quotas, and stores its result and events in one transaction before it returns.
package control

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/composition"
	"rostrum/internal/quality"
	"rostrum/internal/sigv4"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Plane executes operations.
type Plane struct {
	store        *store.Store
	authority    *authority.Authority
	live         Live
	channels     Channels
	compositions *composition.Registry
	buckets      bucket.Buckets
	quality      *quality.History // nil if none is kept
	limits       Limits
	rateLimiter  *rateLimiter
	pager        pager
	keys         keyCache
}

// Parts are what operations use.
type Parts struct {
	Store        *store.Store
	Authority    *authority.Authority // for tokens
	Live         Live
	Channels     Channels
	Compositions *composition.Registry
	Buckets      bucket.Buckets
	Quality      *quality.History // nil if none is kept
	Log          *slog.Logger     // default slog.Default()
}

// New returns a plane.
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
	var shared *sharedRates
	if rates := parts.Store.Rates(); rates != nil {
		shared = newSharedRates(rates, cmp.Or(parts.Log, slog.Default()))
	}
	return &Plane{
		store: parts.Store, authority: parts.Authority, live: parts.Live, channels: parts.Channels, compositions: parts.Compositions, buckets: parts.Buckets, quality: parts.Quality,
		limits: limits, rateLimiter: newRateLimiter(limits, shared), pager: pages, keys: keyCache{keys: map[string]*key{}},
	}, nil
}

// Run shares the request rates with other nodes on the same database, until ctx ends.
func (p *Plane) Run(ctx context.Context) error {
	if shared := p.rateLimiter.shared; shared != nil {
		return shared.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// LimitRate counts a request of the caller that takes bytes of memory, and returns how it
// must wait; the error is a ThrottlingException, or that of ctx.
func (p *Plane) LimitRate(ctx context.Context, c Caller, operation string, bytes int) (Wait, error) {
	return p.rateLimiter.reserve(ctx, c, operation, bytes)
}

// Key returns the secret of an access key, to verify signatures.
func (p *Plane) Key(ctx context.Context, id string) (sigv4.Key, bool, error) {
	k, err := p.accessKey(ctx, id)
	if err != nil || k == nil {
		return sigv4.Key{}, false, err
	}
	return sigv4.Key{Secret: k.Secret, SessionToken: k.SessionToken, Expires: k.Expires}, true, nil
}

// regions matches valid regions: callers write the scope of a signature.
var regions = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Caller returns the owner of the access key that signed a request, in the
// region of the signature. With anyone set, an unknown key means the first
// operator.
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
