// Package token makes and verifies the rights of participants: JWTs signed with
// ES384, by Rostrum for CreateParticipantToken or by an application whose
// public key was imported.
//
// A client is given nothing but its token, so a token carries the addresses of
// the stage it belongs to. One token is one participant: its id is the token's.
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

	// MaxLength bounds a token before anything of it is read.
	MaxLength = 8 << 10
	// Leeway is how far the clocks of a signer and of Rostrum may differ.
	Leeway = 60 * time.Second

	// Version is the version claim of the tokens this package mints.
	Version = "1.0"
)

// Claims is what a participant token says.
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

	// KeyARN names the imported public key of a self-signed token; empty for a
	// token that Rostrum issued.
	KeyARN string

	// Hidden marks Rostrum's own viewers, a composition's for instance, whom
	// nobody sees. It means nothing in a self-signed token.
	Hidden bool
}

// A Reason says why a token is refused; errors.Is finds it.
type Reason string

// The reasons for which a token is refused.
const (
	Malformed Reason = "is malformed"
	Expired   Reason = "has expired"
	NotYet    Reason = "is not valid yet"
	Forged    Reason = "has a signature that does not match"
	NoKey     Reason = "names a key that is not known"
)

// Error makes a Reason comparable with errors.Is.
func (r Reason) Error() string { return "token " + string(r) }

func refuse(r Reason, format string, args ...any) error {
	return fmt.Errorf("%w: %s", r, fmt.Sprintf(format, args...))
}

// stamp is what the payloads of all tokens have.
type stamp struct {
	Exp       *jwt.NumericDate `json:"exp"`
	Iat       *jwt.NumericDate `json:"iat"`
	Jti       string           `json:"jti"`
	EventsURL string           `json:"events_url"`
	Version   string           `json:"version"`
	Nbf       *jwt.NumericDate `json:"nbf,omitempty"`
}

func (s *stamp) GetExpirationTime() (*jwt.NumericDate, error) { return s.Exp, nil }
func (s *stamp) GetIssuedAt() (*jwt.NumericDate, error)       { return s.Iat, nil }
func (s *stamp) GetNotBefore() (*jwt.NumericDate, error)      { return s.Nbf, nil }
func (s *stamp) GetIssuer() (string, error)                   { return "", nil }
func (s *stamp) GetSubject() (string, error)                  { return "", nil }
func (s *stamp) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

func newStamp(id, eventsURL string, issued, expires time.Time) stamp {
	return stamp{Exp: jwt.NewNumericDate(expires), Iat: jwt.NewNumericDate(issued), Jti: id, EventsURL: eventsURL, Version: Version}
}

// check holds what all tokens have against the limits that need no clock.
func (s *stamp) check(most time.Duration) error {
	switch {
	case s.Exp == nil:
		return refuse(Malformed, "the claim exp is missing")
	case s.Iat == nil:
		return refuse(Malformed, "the claim iat is missing")
	case !s.Exp.After(s.Iat.Time):
		return refuse(Malformed, "the claim exp is not after iat")
	case s.Exp.Sub(s.Iat.Time) > most:
		return refuse(Malformed, "the claim exp is more than %d days after iat", most/(24*time.Hour))
	case !validID(s.Jti):
		return refuse(Malformed, "the claim jti must have 1 to %d characters of [a-zA-Z0-9-_]", MaxID)
	case s.EventsURL == "":
		return refuse(Malformed, "the claim events_url is missing")
	case s.Version == "":
		return refuse(Malformed, "the claim version is missing")
	}
	return nil
}

// wire is the payload of a participant token.
type wire struct {
	stamp
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
	w := wire{
		stamp:    newStamp(c.ParticipantID, c.EventsURL, c.IssuedAt, c.ExpiresAt),
		Resource: c.StageARN, Topic: c.StageID, WHIPURL: c.WHIPURL, UserID: c.UserID, Attributes: c.Attributes,
		Capabilities: &capabilities{c.Publish, c.Subscribe}, Hidden: c.Hidden,
	}
	if err := w.check(); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return sign(key, &w, c.KeyARN)
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

// KeyFor finds the key that signed a token. kid is the header's, empty for a
// token of Rostrum's own. An error that is no Reason passes through Verify.
type KeyFor func(kid string) (*ecdsa.PublicKey, error)

// Verify holds a token against its signature, its time and the limits of its
// claims. The error wraps a [Reason]. Whether the stage exists, the addresses
// are this server's or the participant was disconnected is the caller's to ask.
func Verify(token string, now time.Time, keyFor KeyFor) (Claims, error) {
	var w wire
	kid, err := authenticate(token, keyFor, &w)
	if err != nil {
		return Claims{}, err
	}
	if err := w.check(); err != nil {
		return Claims{}, err
	}
	if err := w.checkTime(now); err != nil {
		return Claims{}, err
	}
	return w.claims(kid), nil
}

// Read tells what a token says without asking who signed it: for tools that
// show tokens, and clients that look for their addresses.
func Read(token string) (Claims, error) {
	var w wire
	kid, err := parse(token, &w)
	if err != nil {
		return Claims{}, err
	}
	return w.claims(kid), nil
}

func (w *wire) claims(kid string) Claims {
	c := Claims{
		ParticipantID: w.Jti, StageARN: w.Resource, StageID: w.Topic, EventsURL: w.EventsURL, WHIPURL: w.WHIPURL,
		UserID: w.UserID, Attributes: w.Attributes, KeyARN: kid, Hidden: w.Hidden,
	}
	if w.Capabilities != nil {
		c.Publish, c.Subscribe = w.Capabilities.Publish, w.Capabilities.Subscribe
	}
	if w.Iat != nil {
		c.IssuedAt = w.Iat.UTC()
	}
	if w.Exp != nil {
		c.ExpiresAt = w.Exp.UTC()
	}
	return c
}

// check holds the claims against the limits that need no clock.
func (w *wire) check() error {
	if err := w.stamp.check(MaxLifetime); err != nil {
		return err
	}
	switch {
	case w.Resource == "":
		return refuse(Malformed, "the claim resource is missing")
	case w.Topic == "":
		return refuse(Malformed, "the claim topic is missing")
	case w.WHIPURL == "":
		return refuse(Malformed, "the claim whip_url is missing")
	case w.Capabilities == nil:
		return refuse(Malformed, "the claim capabilities is missing")
	case len([]rune(w.UserID)) > MaxUserID:
		return refuse(Malformed, "the claim user_id has more than %d characters", MaxUserID)
	}
	return checkAttributes(w.Attributes)
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

// IsReason reports whether err tells why a token is refused, as opposed to why
// its key could not be looked up.
func IsReason(err error) bool {
	var r Reason
	return errors.As(err, &r)
}
