// Package authority turns participant tokens into grants: it signs tokens, and
// says what a token allows or refuses it with a [Refusal].
package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// A Config has the addresses at which participants reach this server. They are
// in every token and every stage, so they must not change.
type Config struct {
	PublicURL string // http(s)://host[:port]; a path is kept
	RTMPURL   string // rtmp://host:port/app/, empty when not offered
	RTMPSURL  string // rtmps://host:port/app/, empty when not offered

	// AnyNode accepts tokens that name other endpoints: those of another node of the store,
	// or of one that was.
	AnyNode bool
}

// An Authority issues participant tokens and authorizes requests that carry
// one. It is safe for concurrent use.
type Authority struct {
	store     *store.Store
	secret    token.Secret
	oldKey    *ecdsa.PublicKey // of tokens that earlier versions issued with ES384; nil if there were none
	endpoints ivsrealtime.StageEndpoints
	anyNode   bool // tokens may name another node's endpoints
	verified  verifiedTokens
}

// New makes an authority with the secret that all nodes of the store share. It is created
// when there is none.
func New(ctx context.Context, s *store.Store, c Config) (*Authority, error) {
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "http" && public.Scheme != "https" {
		return nil, fmt.Errorf("public URL %q: it must be http:// or https:// and a host", c.PublicURL)
	}
	secret, err := s.Secret(ctx, "participant-token-secret", newSecret)
	if err != nil {
		return nil, fmt.Errorf("secret of participant tokens: %w", err)
	}
	oldKey, err := findOldKey(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("former signing key of participant tokens: %w", err)
	}
	whip := public.JoinPath("whip")
	events := public.JoinPath("events")
	events.Scheme = strings.Replace(public.Scheme, "http", "ws", 1)
	return &Authority{store: s, secret: secret, oldKey: oldKey, anyNode: c.AnyNode, endpoints: ivsrealtime.StageEndpoints{
		Events: events.String(), WHIP: whip.String(), RTMP: c.RTMPURL, RTMPS: c.RTMPSURL,
	}}, nil
}

func newSecret() ([]byte, error) {
	fresh := make([]byte, token.SecretLength)
	_, _ = rand.Read(fresh) // never fails (crypto/rand)
	return fresh, nil
}

// findOldKey finds the key with which earlier versions signed tokens.
func findOldKey(ctx context.Context, s *store.Store) (*ecdsa.PublicKey, error) {
	der, err := s.FindSecret(ctx, "participant-token-key")
	if err != nil || der == nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, err
	}
	return &key.PublicKey, nil
}

// Endpoints returns the addresses at which participants reach the stages of
// this server.
func (a *Authority) Endpoints() ivsrealtime.StageEndpoints { return a.endpoints }

// Issue signs a participant token with this server's endpoints. The caller
// decides all other claims; Issue does not check that the stage exists.
func (a *Authority) Issue(c token.Claims) (string, error) {
	c.EventsURL, c.WHIPURL, c.KeyARN = a.endpoints.Events, a.endpoints.WHIP, ""
	return a.secret.Mint(c)
}

// Authorize returns what a token allows now, or a *Refusal. A token signed with
// an account's own key reveals nothing about the stages of other accounts.
func (a *Authority) Authorize(ctx context.Context, raw string) (Grant, error) {
	g, err := a.AuthorizeHolder(ctx, raw)
	if err == nil {
		err = g.CheckExpiry()
	}
	return g, err
}

// AuthorizeHolder is Authorize for requests about a connection that exists
// already. It accepts a token that has expired since, so that a long connection
// can still be changed and ended.
func (a *Authority) AuthorizeHolder(ctx context.Context, raw string) (g Grant, err error) {
	if raw == "" {
		return Grant{}, Refuse(Unauthenticated, TokenMalformed, "there is no participant token in the request")
	}
	claims, err := a.verify(ctx, raw)
	if err == nil {
		g, err = a.grant(claims)
	}
	if err == nil {
		err = a.store.Read(ctx, func(tx *store.Tx) error {
			g, err = checkStanding(tx, g)
			return err
		})
	}
	var refusal *Refusal
	switch {
	case err == nil:
		return g, nil
	case errors.As(err, &refusal):
		return Grant{}, refusal
	case token.IsReason(err):
		return Grant{}, &Refusal{Code: TokenMalformed, Kind: Unauthenticated, Detail: err.Error(), Reason: reasonOf(err)}
	case ctx.Err() != nil:
		return Grant{}, ctx.Err()
	}
	return Grant{}, Failure("look up the token", err)
}

// reasonOf is the word for what is wrong with a token.
func reasonOf(err error) string {
	for reason, word := range map[error]string{token.Forged: "forged", token.NoKey: "unknown_key", token.NotYet: "not_yet_valid"} {
		if errors.Is(err, reason) {
			return word
		}
	}
	return "malformed"
}

// grant checks that the claims agree with each other and with this server.
func (a *Authority) grant(c token.Claims) (Grant, error) {
	resource, err := arn.Parse(c.StageARN)
	switch {
	case err != nil || resource.Type != arn.Stage || resource.ID != c.StageID:
		return Grant{}, Refuse(Unauthenticated, TokenMalformed, "the claims resource and topic do not name one stage")
	case c.KeyARN != "" && !sameOwner(c.KeyARN, resource):
		return Grant{}, Refuse(Unauthenticated, TokenMalformed, "the key that signed the token is not of the account and region of its stage")
	case !a.anyNode && (c.EventsURL != a.endpoints.Events || c.WHIPURL != a.endpoints.WHIP):
		return Grant{}, Refuse(Unauthenticated, TokenMalformed, "the claims events_url and whip_url are not the endpoints of the stage")
	}
	return Grant{Claims: c, Account: resource.Account, Region: resource.Region}, nil
}

// checkStanding checks what can change after a token was signed: the key or the
// stage may have been deleted, the participant disconnected, the token exchanged.
func checkStanding(tx *store.Tx, g Grant) (Grant, error) {
	if g.SelfSigned() {
		if _, err := publicKey(tx, g.KeyARN); err != nil {
			return g, err
		}
	}
	standing, err := tx.Standing(g.StageARN, g.ParticipantID)
	switch {
	case err != nil:
		return g, err
	case !standing.There:
		return g, Refuse(NotFound, StageDeleted, "the stage does not exist or was deleted")
	case standing.Revoked:
		return g, Refuse(Forbidden, ParticipantDisconnected, "the participant was disconnected from the stage; its tokens are no longer good")
	case standing.Rights != nil:
		return g.NoMoreThan(*standing.Rights), nil
	}
	return g, nil
}

// sameOwner reports whether a key is of the account and region of a stage.
func sameOwner(key string, stage arn.ARN) bool {
	k, err := arn.Parse(key)
	return err == nil && k.Type == arn.PublicKey && k.Account == stage.Account && k.Region == stage.Region
}

// verify checks a token's signature, or finds that it was checked before. An
// expired token is checked as of the second before it expired: whether expiry
// matters is the caller's decision.
func (a *Authority) verify(ctx context.Context, raw string) (token.Claims, error) {
	sum := sha256.Sum256([]byte(raw))
	if c, ok := a.verified.find(sum); ok {
		return c, nil
	}
	claims, err := token.Read(raw)
	if err != nil {
		return token.Claims{}, err
	}
	now := time.Now()
	if last := claims.ExpiresAt.Add(-time.Second); last.Before(now) && !claims.ExpiresAt.IsZero() {
		now = last
	}
	c, err := a.verifySignature(ctx, raw, now)
	if err == nil && c.Hidden && c.KeyARN != "" {
		err = fmt.Errorf("%w: only this server may set the claim hidden", token.Malformed)
	}
	if err == nil {
		a.verified.add(sum, c)
	}
	return c, err
}

func (a *Authority) verifySignature(ctx context.Context, raw string, now time.Time) (token.Claims, error) {
	if token.IsIssued(raw) {
		return a.secret.Verify(raw, now)
	}
	return token.Verify(raw, now, func(kid string) (key *ecdsa.PublicKey, err error) {
		if kid == "" {
			return a.oldKey, nil
		}
		err = a.store.Read(ctx, func(tx *store.Tx) error {
			key, err = publicKey(tx, kid)
			return err
		})
		return key, err
	})
}

// publicKey finds an imported key. The error is the same for a key that was
// never imported and for one that was deleted.
func publicKey(tx *store.Tx, name string) (*ecdsa.PublicKey, error) {
	unknown := fmt.Errorf("%w: it was never imported here, or was deleted", token.NoKey)
	if k, err := arn.Parse(name); err != nil || k.Type != arn.PublicKey {
		return nil, unknown
	}
	stored, err := tx.PublicKeys().Get(name)
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(stored.PublicKeyMaterial))
	if block == nil {
		return nil, fmt.Errorf("stored public key %s is not PEM", name)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("stored public key %s: %w", name, err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("stored public key %s is not an ECDSA key", name)
	}
	return key, nil
}
