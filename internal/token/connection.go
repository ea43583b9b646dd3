package token

import (
	"crypto/ecdsa"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxConnectionLifetime is how long a connection token may live (spec:
// self-signed tokens, connection tokens).
const MaxConnectionLifetime = 28 * 24 * time.Hour

// ConnectionClaims is what a connection token says: the right of an account's
// application to connect, before it is anybody on any stage.
type ConnectionClaims struct {
	ID        string // jti, unique
	AccountID string
	Region    string // home region of the key
	EventsURL string
	IssuedAt  time.Time // whole seconds
	ExpiresAt time.Time // whole seconds
	KeyARN    string    // of the imported public key
}

// connectionWire is the payload of a connection token.
type connectionWire struct {
	Exp       *jwt.NumericDate `json:"exp"`
	Iat       *jwt.NumericDate `json:"iat"`
	Jti       string           `json:"jti"`
	AccountID string           `json:"account_id"`
	Region    string           `json:"region"`
	EventsURL string           `json:"events_url"`
	Version   string           `json:"version"`
	Nbf       *jwt.NumericDate `json:"nbf,omitempty"`
}

func (w *connectionWire) GetExpirationTime() (*jwt.NumericDate, error) { return w.Exp, nil }
func (w *connectionWire) GetIssuedAt() (*jwt.NumericDate, error)       { return w.Iat, nil }
func (w *connectionWire) GetNotBefore() (*jwt.NumericDate, error)      { return w.Nbf, nil }
func (w *connectionWire) GetIssuer() (string, error)                   { return "", nil }
func (w *connectionWire) GetSubject() (string, error)                  { return "", nil }
func (w *connectionWire) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

// MintConnection signs c with a P-384 key. c.KeyARN becomes the header's kid.
func MintConnection(key *ecdsa.PrivateKey, c ConnectionClaims) (string, error) {
	w := connectionWire{
		Exp: jwt.NewNumericDate(c.ExpiresAt), Iat: jwt.NewNumericDate(c.IssuedAt), Jti: c.ID,
		AccountID: c.AccountID, Region: c.Region, EventsURL: c.EventsURL, Version: Version,
	}
	if err := w.check(); err != nil {
		return "", fmt.Errorf("mint connection token: %w", err)
	}
	return sign(key, &w, c.KeyARN)
}

// VerifyConnection holds a connection token against its signature, its time and
// the limits of its claims. The error wraps a [Reason].
func VerifyConnection(token string, now time.Time, keyFor KeyFor) (ConnectionClaims, error) {
	var w connectionWire
	kid, err := authenticate(token, keyFor, &w)
	if err != nil {
		return ConnectionClaims{}, err
	}
	if err := w.check(); err != nil {
		return ConnectionClaims{}, err
	}
	if err := (&wire{Exp: w.Exp, Iat: w.Iat, Nbf: w.Nbf}).checkTime(now); err != nil {
		return ConnectionClaims{}, err
	}
	return ConnectionClaims{
		ID: w.Jti, AccountID: w.AccountID, Region: w.Region, EventsURL: w.EventsURL,
		IssuedAt: w.Iat.UTC(), ExpiresAt: w.Exp.UTC(), KeyARN: kid,
	}, nil
}

// check holds the claims against the limits that need no clock.
func (w *connectionWire) check() error {
	switch {
	case w.Exp == nil:
		return refuse(Malformed, "the claim exp is missing")
	case w.Iat == nil:
		return refuse(Malformed, "the claim iat is missing")
	case !w.Exp.After(w.Iat.Time):
		return refuse(Malformed, "the claim exp is not after iat")
	case w.Exp.Sub(w.Iat.Time) > MaxConnectionLifetime:
		return refuse(Malformed, "the claim exp is more than 28 days after iat")
	case !validID(w.Jti):
		return refuse(Malformed, "the claim jti must have 1 to %d characters of [a-zA-Z0-9-_]", MaxID)
	case w.AccountID == "":
		return refuse(Malformed, "the claim account_id is missing")
	case w.Region == "":
		return refuse(Malformed, "the claim region is missing")
	case w.EventsURL == "":
		return refuse(Malformed, "the claim events_url is missing")
	case w.Version == "":
		return refuse(Malformed, "the claim version is missing")
	}
	return nil
}
