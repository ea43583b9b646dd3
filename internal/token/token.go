// Package token makes and verifies participant tokens: JWTs that Rostrum signs for
// CreateParticipantToken with a secret (HS384), or an application whose public key was
// imported signs with its private key (ES384).
//
// A client needs only its token, which has the endpoints of its stage. The id of
// the token is the id of the participant.
package token

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Limits of the claims (spec: self-signed tokens; API CreateParticipantToken).
const (
	MaxLifetime       = 14 * 24 * time.Hour
	MaxAttributeBytes = 1024
	MaxID             = 64
	MaxUserID         = 128

	// MaxLength bounds a token in bytes, before it is parsed.
	MaxLength = 8 << 10
	// Leeway is the allowed difference between the clocks of signer and server.
	Leeway = 60 * time.Second

	// Version is the version claim of the tokens that Mint makes.
	Version = "1.0"
)

// Claims are the claims of a participant token.
type Claims struct {
	ParticipantID string // jti, unique
	StageARN      string // resource
	StageID       string // topic
	EventsURL     string
	WHIPURL       string
	UserID        string
	Attributes    map[string]string
	Publish       bool
	Subscribe     bool
	IssuedAt      time.Time // whole seconds
	ExpiresAt     time.Time // whole seconds

	// KeyARN is the ARN of the public key of a self-signed token; empty for a token
	// from Rostrum.
	KeyARN string

	// Hidden marks Rostrum's own subscribers, for example of compositions, which
	// are invisible to others. Self-signed tokens must not have it.
	Hidden bool
}

// A Reason is why a token is refused; compare with errors.Is.
type Reason string

// The reasons for which a token is refused.
const (
	Malformed Reason = "is malformed"
	Expired   Reason = "has expired"
	NotYet    Reason = "is not valid yet"
	Forged    Reason = "has a signature that does not match"
	NoKey     Reason = "names a key that is not known"
)

// Error implements error.
func (r Reason) Error() string { return "token " + string(r) }

func refuse(r Reason, format string, args ...any) error {
	return fmt.Errorf("%w: %s", r, fmt.Sprintf(format, args...))
}

// registered has the claims of all tokens.
type registered struct {
	Exp       *jwt.NumericDate `json:"exp"`
	Iat       *jwt.NumericDate `json:"iat"`
	Jti       string           `json:"jti"`
	EventsURL string           `json:"events_url"`
	Version   string           `json:"version"`
	Nbf       *jwt.NumericDate `json:"nbf,omitempty"`
}

func (r *registered) GetExpirationTime() (*jwt.NumericDate, error) { return r.Exp, nil }
func (r *registered) GetIssuedAt() (*jwt.NumericDate, error)       { return r.Iat, nil }
func (r *registered) GetNotBefore() (*jwt.NumericDate, error)      { return r.Nbf, nil }
func (r *registered) GetIssuer() (string, error)                   { return "", nil }
func (r *registered) GetSubject() (string, error)                  { return "", nil }
func (r *registered) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

func newRegistered(id, eventsURL string, issued, expires time.Time) registered {
	return registered{Exp: jwt.NewNumericDate(expires), Iat: jwt.NewNumericDate(issued), Jti: id, EventsURL: eventsURL, Version: Version}
}

// check checks the limits that don't depend on the time.
func (r *registered) check(maxLifetime time.Duration) error {
	switch {
	case r.Exp == nil:
		return refuse(Malformed, "the claim exp is missing")
	case r.Iat == nil:
		return refuse(Malformed, "the claim iat is missing")
	case !r.Exp.After(r.Iat.Time):
		return refuse(Malformed, "the claim exp is not after iat")
	case r.Exp.Sub(r.Iat.Time) > maxLifetime:
		return refuse(Malformed, "the claim exp is more than %d days after iat", maxLifetime/(24*time.Hour))
	case !validID(r.Jti):
		return refuse(Malformed, "the claim jti must have 1 to %d characters of [a-zA-Z0-9-_]", MaxID)
	case r.EventsURL == "":
		return refuse(Malformed, "the claim events_url is missing")
	case r.Version == "":
		return refuse(Malformed, "the claim version is missing")
	}
	return nil
}

// payload is the payload of a participant token.
type payload struct {
	registered
	Resource     string            `json:"resource"`
	Topic        string            `json:"topic"`
	WHIPURL      string            `json:"whip_url"`
	UserID       string            `json:"user_id,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Capabilities *capabilities     `json:"capabilities"`
	Hidden       bool              `json:"hidden,omitempty"`
}

type capabilities struct {
	Publish   bool `json:"allow_publish,omitempty"`
	Subscribe bool `json:"allow_subscribe,omitempty"`
}

// Mint signs c with a P-384 key. c.KeyARN becomes the header's kid.
func Mint(key *ecdsa.PrivateKey, c Claims) (string, error) {
	p, err := newPayload(c)
	if err != nil {
		return "", err
	}
	return sign(key, p, c.KeyARN)
}

func newPayload(c Claims) (*payload, error) {
	p := &payload{
		registered: newRegistered(c.ParticipantID, c.EventsURL, c.IssuedAt, c.ExpiresAt),
		Resource:   c.StageARN, Topic: c.StageID, WHIPURL: c.WHIPURL, UserID: c.UserID, Attributes: c.Attributes,
		Capabilities: &capabilities{c.Publish, c.Subscribe}, Hidden: c.Hidden,
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("mint token: %w", err)
	}
	return p, nil
}

func sign(key *ecdsa.PrivateKey, claims jwt.Claims, kid string) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES384, claims)
	if kid != "" {
		t.Header["kid"] = kid
	}
	s, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return s, nil
}

// KeyFor returns the public key for the kid of a token's header. Verify returns errors
// that are no Reason as they are.
type KeyFor func(kid string) (*ecdsa.PublicKey, error)

// Verify checks the signature, time and claims of a token that was signed with ES384. The
// error wraps a [Reason].
// The caller checks that the stage exists, that the endpoints are this server's,
// and that the participant was not disconnected.
func Verify(token string, now time.Time, keyFor KeyFor) (Claims, error) {
	var p payload
	kid, err := authenticate(token, keyFor, &p)
	if err != nil {
		return Claims{}, err
	}
	return p.verified(now, kid)
}

// verified checks the claims of a token whose signature is right.
func (p *payload) verified(now time.Time, kid string) (Claims, error) {
	if err := p.check(); err != nil {
		return Claims{}, err
	}
	if err := p.checkTime(now); err != nil {
		return Claims{}, err
	}
	return p.claims(kid), nil
}

// Read returns the claims of a token without verification: for tools that show
// tokens, and for clients that need the endpoints.
func Read(token string) (Claims, error) {
	var p payload
	kid, err := parse(token, &p)
	if err != nil {
		return Claims{}, err
	}
	return p.claims(kid), nil
}

func (p *payload) claims(kid string) Claims {
	c := Claims{
		ParticipantID: p.Jti, StageARN: p.Resource, StageID: p.Topic, EventsURL: p.EventsURL, WHIPURL: p.WHIPURL,
		UserID: p.UserID, Attributes: p.Attributes, KeyARN: kid, Hidden: p.Hidden,
	}
	if p.Capabilities != nil {
		c.Publish, c.Subscribe = p.Capabilities.Publish, p.Capabilities.Subscribe
	}
	if p.Iat != nil {
		c.IssuedAt = p.Iat.UTC()
	}
	if p.Exp != nil {
		c.ExpiresAt = p.Exp.UTC()
	}
	return c
}

// check checks the limits that don't depend on the time.
func (p *payload) check() error {
	if err := p.registered.check(MaxLifetime); err != nil {
		return err
	}
	switch {
	case p.Resource == "":
		return refuse(Malformed, "the claim resource is missing")
	case p.Topic == "":
		return refuse(Malformed, "the claim topic is missing")
	case p.WHIPURL == "":
		return refuse(Malformed, "the claim whip_url is missing")
	case p.Capabilities == nil:
		return refuse(Malformed, "the claim capabilities is missing")
	case len([]rune(p.UserID)) > MaxUserID:
		return refuse(Malformed, "the claim user_id has more than %d characters", MaxUserID)
	}
	return checkAttributes(p.Attributes)
}

func checkAttributes(attributes map[string]string) error {
	n := 0
	for k, v := range attributes {
		n += len(k) + len(v)
	}
	if n > MaxAttributeBytes {
		return refuse(Malformed, "the claim attributes has %d bytes of keys and values, at most %d are allowed", n, MaxAttributeBytes)
	}
	return nil
}

func validID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for _, r := range id {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		default:
			return false
		}
	}
	return true
}

// IsReason reports whether err is the refusal of a token, and not a failure to
// look up its key.
func IsReason(err error) bool {
	var r Reason
	return errors.As(err, &r)
}
