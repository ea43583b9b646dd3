package token

import (
	"crypto/ecdsa"
	"fmt"
	"time"
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
	stamp
	AccountID string `json:"account_id"`
	Region    string `json:"region"`
}

// MintConnection signs c with a P-384 key. c.KeyARN becomes the header's kid.
func MintConnection(key *ecdsa.PrivateKey, c ConnectionClaims) (string, error) {
	w := connectionWire{stamp: newStamp(c.ID, c.EventsURL, c.IssuedAt, c.ExpiresAt), AccountID: c.AccountID, Region: c.Region}
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
	if err := w.checkTime(now); err != nil {
		return ConnectionClaims{}, err
	}
	return ConnectionClaims{
		ID: w.Jti, AccountID: w.AccountID, Region: w.Region, EventsURL: w.EventsURL,
		IssuedAt: w.Iat.UTC(), ExpiresAt: w.Exp.UTC(), KeyARN: kid,
	}, nil
}

// check holds the claims against the limits that need no clock.
func (w *connectionWire) check() error {
	if err := w.stamp.check(MaxConnectionLifetime); err != nil {
		return err
	}
	switch {
	case w.AccountID == "":
		return refuse(Malformed, "the claim account_id is missing")
	case w.Region == "":
		return refuse(Malformed, "the claim region is missing")
	}
	return nil
}
