package token

import (
	"crypto/ecdsa"
	"fmt"
	"time"
)

// MaxConnectionLifetime is the maximum lifetime of a connection token (Real-Time
// User Guide, self-signed tokens).
const MaxConnectionLifetime = 28 * 24 * time.Hour

// ConnectionClaims are the claims of a connection token, with which an account's
// application connects before it joins a stage.
type ConnectionClaims struct {
	ID        string // jti, unique
	AccountID string
	Region    string // home region of the key
	EventsURL string
	IssuedAt  time.Time // whole seconds
	ExpiresAt time.Time // whole seconds
	KeyARN    string    // of the imported public key
}

// connectionPayload is the payload of a connection token.
type connectionPayload struct {
	registered
	AccountID string `json:"account_id"`
	Region    string `json:"region"`
}

// MintConnection signs c with a P-384 key. c.KeyARN becomes the header's kid.
func MintConnection(key *ecdsa.PrivateKey, c ConnectionClaims) (string, error) {
	p := connectionPayload{registered: newRegistered(c.ID, c.EventsURL, c.IssuedAt, c.ExpiresAt), AccountID: c.AccountID, Region: c.Region}
	if err := p.check(); err != nil {
		return "", fmt.Errorf("mint connection token: %w", err)
	}
	return sign(key, &p, c.KeyARN)
}

// VerifyConnection checks a connection token's signature, time and claims. The
// error wraps a [Reason].
func VerifyConnection(token string, now time.Time, keyFor KeyFor) (ConnectionClaims, error) {
	var p connectionPayload
	kid, err := authenticate(token, keyFor, &p)
	if err != nil {
		return ConnectionClaims{}, err
	}
	if err := p.check(); err != nil {
		return ConnectionClaims{}, err
	}
	if err := p.checkTime(now); err != nil {
		return ConnectionClaims{}, err
	}
	return p.claims(kid), nil
}

// ReadConnection returns the claims of a connection token without verification: for clients
// that need the address.
func ReadConnection(token string) (ConnectionClaims, error) {
	var p connectionPayload
	kid, err := parse(token, &p)
	if err != nil {
		return ConnectionClaims{}, err
	}
	return p.claims(kid), nil
}

func (p *connectionPayload) claims(kid string) ConnectionClaims {
	c := ConnectionClaims{ID: p.Jti, AccountID: p.AccountID, Region: p.Region, EventsURL: p.EventsURL, KeyARN: kid}
	if p.Iat != nil {
		c.IssuedAt = p.Iat.UTC()
	}
	if p.Exp != nil {
		c.ExpiresAt = p.Exp.UTC()
	}
	return c
}

// check checks the limits that don't depend on the time.
func (p *connectionPayload) check() error {
	if err := p.registered.check(MaxConnectionLifetime); err != nil {
		return err
	}
	switch {
	case p.AccountID == "":
		return refuse(Malformed, "the claim account_id is missing")
	case p.Region == "":
		return refuse(Malformed, "the claim region is missing")
	}
	return nil
}
