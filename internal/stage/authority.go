package stage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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

// An EndpointsConfig says under which addresses participants reach this server.
// They stand in every token and every stage, so they must stay what they are.
type EndpointsConfig struct {
	PublicURL string // http(s)://host[:port]; a path is kept
	RTMPURL   string // rtmp://host:port/app/, empty when not offered
	RTMPSURL  string // rtmps://host:port/app/, empty when not offered
}

// An Authority issues participant tokens and judges them. Every door asks it,
// for every request; it may be used by all goroutines at once.
type Authority struct {
	store     *store.Store
	key       *ecdsa.PrivateKey
	endpoints ivsrealtime.StageEndpoints
	verified  verified
}

// NewAuthority makes an authority with the signing key that all nodes of the
// store share, which is made when there is none yet.
func NewAuthority(ctx context.Context, s *store.Store, c EndpointsConfig) (*Authority, error) {
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "http" && public.Scheme != "https" {
		return nil, fmt.Errorf("public URL %q: it must be http:// or https:// and a host", c.PublicURL)
	}
	der, err := s.Secret(ctx, "participant-token-key", newSigningKey)
	if err != nil {
		return nil, fmt.Errorf("signing key of participant tokens: %w", err)
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key of participant tokens: %w", err)
	}
	whip := public.JoinPath("whip")
	events := public.JoinPath("events")
	events.Scheme = strings.Replace(public.Scheme, "http", "ws", 1)
	return &Authority{store: s, key: key, endpoints: ivsrealtime.StageEndpoints{
		Events: events.String(), WHIP: whip.String(), RTMP: c.RTMPURL, RTMPS: c.RTMPSURL,
	}}, nil
}

func newSigningKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return x509.MarshalECPrivateKey(key)
}

// Endpoints tells where participants reach the stages of this server.
func (a *Authority) Endpoints() ivsrealtime.StageEndpoints { return a.endpoints }

// Issue signs a participant token with this server's addresses. All other
// claims are the caller's to decide; whether the stage exists is not asked.
func (a *Authority) Issue(c token.Claims) (string, error) {
	c.EventsURL, c.WHIPURL, c.KeyARN = a.endpoints.Events, a.endpoints.WHIP, ""
	raw, err := token.Mint(a.key, c)
	if err != nil {
		return "", err
	}
	if said, err := token.Read(raw); err == nil { // it will be shown here, and soon
		a.verified.keep(sha256.Sum256([]byte(raw)), said)
	}
	return raw, nil
}

// A Grant is what a good token allows, and to whom.
type Grant struct {
	token.Claims
	Account string
	Region  string
}

// SelfSigned reports whether an application signed the token with a key of its
// own: only such tokens can be exchanged.
func (g Grant) SelfSigned() bool { return g.KeyARN != "" }

// Judge tells what a token allows now, or refuses it with a *Refusal. A token
// that an account's key signed tells nothing about the stages of others.
func (a *Authority) Judge(ctx context.Context, raw string) (Grant, error) {
	g, err := a.judge(ctx, raw)
	if err == nil && !time.Now().Before(g.ExpiresAt) {
		err = refuse(Unauthenticated, TokenExpired, "the token expired at %s", g.ExpiresAt.Format(time.RFC3339))
	}
	return g, err
}

// JudgeHolder is Judge for requests about a connection that was opened while
// the token was good: that it has expired since doesn't matter, so that a long
// connection can still be changed and ended.
func (a *Authority) JudgeHolder(ctx context.Context, raw string) (Grant, error) {
	return a.judge(ctx, raw)
}

// judge asks everything but whether a token that once was verified has expired.
func (a *Authority) judge(ctx context.Context, raw string) (g Grant, err error) {
	if raw == "" {
		return Grant{}, refuse(Unauthenticated, TokenMalformed, "there is no participant token in the request")
	}
	claims, err := a.verify(ctx, raw)
	if err == nil {
		g, err = a.consider(claims)
	}
	if err == nil {
		err = a.store.Read(ctx, func(tx *store.Tx) error { return stillGood(tx, g) })
	}
	var refusal *Refusal
	switch {
	case err == nil:
		return g, nil
	case errors.As(err, &refusal):
		return Grant{}, refusal
	case token.IsReason(err):
		return Grant{}, &Refusal{Code: TokenMalformed, Kind: Unauthenticated, Detail: err.Error()}
	case ctx.Err() != nil:
		return Grant{}, ctx.Err()
	}
	return Grant{}, failed("look up the token", err)
}

// consider holds the claims against each other and against this server.
func (a *Authority) consider(c token.Claims) (Grant, error) {
	resource, err := arn.Parse(c.StageARN)
	switch {
	case err != nil || resource.Type != arn.Stage || resource.ID != c.StageID:
		return Grant{}, refuse(Unauthenticated, TokenMalformed, "the claims resource and topic do not name one stage")
	case c.KeyARN != "" && !sameWorld(c.KeyARN, resource):
		return Grant{}, refuse(Unauthenticated, TokenMalformed, "the key that signed the token is not of the account and region of its stage")
	case c.EventsURL != a.endpoints.Events || c.WHIPURL != a.endpoints.WHIP:
		return Grant{}, refuse(Unauthenticated, TokenMalformed, "the claims events_url and whip_url are not the endpoints of the stage")
	}
	return Grant{Claims: c, Account: resource.Account, Region: resource.Region}, nil
}

// stillGood asks what can change after a token was signed: the key may have been
// deleted, the stage too, and the participant sent away.
func stillGood(tx *store.Tx, g Grant) error {
	if g.SelfSigned() {
		if _, err := publicKey(tx, g.KeyARN); err != nil {
			return err
		}
	}
	there, revoked, err := tx.Standing(g.StageARN, g.ParticipantID)
	switch {
	case err != nil:
		return err
	case !there:
		return refuse(NotFound, StageDeleted, "the stage does not exist or was deleted")
	case revoked:
		return refuse(Forbidden, ParticipantDisconnected, "the participant was disconnected from the stage; its tokens are no longer good")
	}
	return nil
}

func sameWorld(key string, stage arn.ARN) bool {
	k, err := arn.Parse(key)
	return err == nil && k.Type == arn.PublicKey && k.Account == stage.Account && k.Region == stage.Region
}

// verify holds a token against its signature, or remembers that it did. One that
// has expired is looked at as of the second before: whether that matters is for
// others to say.
func (a *Authority) verify(ctx context.Context, raw string) (token.Claims, error) {
	sum := sha256.Sum256([]byte(raw))
	if c, ok := a.verified.find(sum); ok {
		return c, nil
	}
	said, err := token.Read(raw)
	if err != nil {
		return token.Claims{}, err
	}
	moment := time.Now()
	if last := said.ExpiresAt.Add(-time.Second); last.Before(moment) && !said.ExpiresAt.IsZero() {
		moment = last
	}
	c, err := token.Verify(raw, moment, func(kid string) (key *ecdsa.PublicKey, err error) {
		if kid == "" {
			return &a.key.PublicKey, nil
		}
		err = a.store.Read(ctx, func(tx *store.Tx) error {
			key, err = publicKey(tx, kid)
			return err
		})
		return key, err
	})
	if err == nil && c.Hidden && c.KeyARN != "" {
		err = fmt.Errorf("%w: the claim hidden is this server's own", token.Malformed)
	}
	if err == nil {
		a.verified.keep(sum, c)
	}
	return c, err
}

// publicKey finds an imported key. One that was never there and one that was
// deleted are refused alike.
func publicKey(tx *store.Tx, name string) (*ecdsa.PublicKey, error) {
	unknown := fmt.Errorf("%w: it was never imported here, or was deleted", token.NoKey)
	if k, err := arn.Parse(name); err != nil || k.Type != arn.PublicKey {
		return nil, unknown
	}
	kept, err := tx.PublicKeys().Get(name)
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(kept.PublicKeyMaterial))
	if block == nil {
		return nil, fmt.Errorf("public key %s is kept without PEM", name)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", name, err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key %s is kept though it is no ECDSA key", name)
	}
	return key, nil
}
