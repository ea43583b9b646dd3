package ivsrealtime

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/shape"
	"rostrum/internal/token"
)

// A TokenSigner signs participant tokens in the application, without a call to the
// service. Its private key belongs to a public key that was imported with
// ImportPublicKey. It is safe for concurrent use.
type TokenSigner struct {
	keyARN string
	key    *ecdsa.PrivateKey
}

// NewTokenSigner returns a signer with the ARN of an imported public key and its
// private key, which must be on the curve P-384: tokens are signed with ES384.
func NewTokenSigner(keyARN string, key *ecdsa.PrivateKey) (*TokenSigner, error) {
	if a, err := arn.Parse(keyARN); err != nil || a.Type != arn.PublicKey {
		return nil, fmt.Errorf("make token signer: key ARN %q is not one of a public key", shape.Shorten(keyARN))
	}
	if key == nil || key.Curve != elliptic.P384() {
		return nil, errors.New("make token signer: the key is not on the curve P-384")
	}
	return &TokenSigner{keyARN, key}, nil
}

// TokenClaims are the claims of a participant token.
type TokenClaims struct {
	// The stage that may be joined.
	StageARN  string
	EventsURL string // Stage.Endpoints.Events
	WHIPURL   string // Stage.Endpoints.WHIP

	// ParticipantID must be unique. At most 64 characters of a-z, A-Z, 0-9, - and _.
	// If it is empty, Sign makes one.
	ParticipantID string

	UserID       string            // the application's id of the user, at most 128 characters; may be empty
	Attributes   map[string]string // keys and values have at most 1 KB
	Capabilities []Capability      // nil: to publish and to subscribe

	IssuedAt  time.Time // zero: now. Whole seconds
	ExpiresAt time.Time // zero: 12 hours after IssuedAt; at most 14 days after it

	// KeyARN is set by [VerifyToken]: the key in the token's header. Sign ignores it.
	KeyARN string
}

// Claims returns claims with ARN and endpoints of a stage.
func (s *Stage) Claims() TokenClaims {
	c := TokenClaims{StageARN: s.ARN}
	if s.Endpoints != nil {
		c.EventsURL, c.WHIPURL = s.Endpoints.Events, s.Endpoints.WHIP
	}
	return c
}

// defaultLifetime is the recommended lifetime of a self-signed token (user guide).
const defaultLifetime = 12 * time.Hour

// Sign makes a token. The error names the missing or invalid claim.
func (s *TokenSigner) Sign(c TokenClaims) (string, error) {
	stage, err := arn.Parse(c.StageARN)
	if err != nil || stage.Type != arn.Stage {
		return "", fmt.Errorf("sign participant token: %q is not the ARN of a stage", shape.Shorten(c.StageARN))
	}
	claims := token.Claims{
		ParticipantID: c.ParticipantID, StageARN: c.StageARN, StageID: stage.ID, EventsURL: c.EventsURL, WHIPURL: c.WHIPURL,
		UserID: c.UserID, Attributes: c.Attributes, KeyARN: s.keyARN,
	}
	claims.IssuedAt, claims.ExpiresAt = lifetime(c.IssuedAt, c.ExpiresAt)
	if claims.ParticipantID == "" {
		claims.ParticipantID = arn.NewID()
	}
	if claims.Publish, claims.Subscribe, err = rights(c.Capabilities); err != nil {
		return "", fmt.Errorf("sign participant token: %w", err)
	}
	signed, err := token.Mint(s.key, claims)
	if err != nil {
		return "", fmt.Errorf("sign participant token: %w", err)
	}
	return signed, nil
}

func lifetime(issued, expires time.Time) (time.Time, time.Time) {
	if issued.IsZero() {
		issued = time.Now()
	}
	issued = issued.Truncate(time.Second)
	if expires.IsZero() {
		expires = issued.Add(defaultLifetime)
	}
	return issued, expires.Truncate(time.Second)
}

func rights(capabilities []Capability) (publish, subscribe bool, err error) {
	if capabilities == nil {
		return true, true, nil
	}
	for _, c := range capabilities {
		switch c {
		case CapabilityPublish:
			publish = true
		case CapabilitySubscribe:
			subscribe = true
		default:
			return false, false, fmt.Errorf("capability %q must be %s or %s", c, CapabilityPublish, CapabilitySubscribe)
		}
	}
	return publish, subscribe, nil
}

// ConnectionClaims are the claims of a connection token, with which an application
// of the account connects before it joins a stage.
type ConnectionClaims struct {
	ID        string    // unique; empty: SignConnection makes one
	AccountID string    // empty: the key's
	Region    string    // the home region of the key; empty: as its ARN says
	EventsURL string    // Stage.Endpoints.Events of any stage there
	IssuedAt  time.Time // zero: now. Whole seconds
	ExpiresAt time.Time // zero: 12 hours after IssuedAt; at most 4 weeks after it
	KeyARN    string    // set by [VerifyConnectionToken]
}

// SignConnection makes a connection token. The error names the missing or invalid
// claim.
func (s *TokenSigner) SignConnection(c ConnectionClaims) (string, error) {
	key, err := arn.Parse(s.keyARN)
	if err != nil {
		return "", fmt.Errorf("sign connection token: %w", err)
	}
	claims := token.ConnectionClaims{ID: c.ID, AccountID: c.AccountID, Region: c.Region, EventsURL: c.EventsURL, KeyARN: s.keyARN}
	claims.IssuedAt, claims.ExpiresAt = lifetime(c.IssuedAt, c.ExpiresAt)
	if claims.ID == "" {
		claims.ID = arn.NewID()
	}
	if claims.AccountID == "" {
		claims.AccountID = key.Account
	}
	if claims.Region == "" {
		claims.Region = key.Region
	}
	signed, err := token.MintConnection(s.key, claims)
	if err != nil {
		return "", fmt.Errorf("sign connection token: %w", err)
	}
	return signed, nil
}

// A TokenReason is why a token is refused. Compare the errors of [VerifyToken] and
// [VerifyConnectionToken] with errors.Is.
type TokenReason = token.Reason

// The reasons for which a token is refused.
const (
	TokenMalformed = token.Malformed // it is not a token, or a claim is missing or invalid
	TokenExpired   = token.Expired
	TokenNotYet    = token.NotYet // it was issued in the future
	TokenForged    = token.Forged // it was signed with another key, or changed
	TokenNoKey     = token.NoKey  // the given key is not for tokens
)

// VerifyToken checks a self-signed participant token's signature, time and claims,
// and returns the claims.
func VerifyToken(signed string, key *ecdsa.PublicKey) (TokenClaims, error) {
	c, err := token.Verify(signed, time.Now(), only(key))
	if err != nil {
		return TokenClaims{}, fmt.Errorf("verify participant token: %w", err)
	}
	claims := TokenClaims{
		StageARN: c.StageARN, EventsURL: c.EventsURL, WHIPURL: c.WHIPURL,
		ParticipantID: c.ParticipantID, UserID: c.UserID, Attributes: c.Attributes, Capabilities: []Capability{},
		IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt, KeyARN: c.KeyARN,
	}
	if c.Publish {
		claims.Capabilities = append(claims.Capabilities, CapabilityPublish)
	}
	if c.Subscribe {
		claims.Capabilities = append(claims.Capabilities, CapabilitySubscribe)
	}
	return claims, nil
}

// VerifyConnectionToken is [VerifyToken] for connection tokens.
func VerifyConnectionToken(signed string, key *ecdsa.PublicKey) (ConnectionClaims, error) {
	c, err := token.VerifyConnection(signed, time.Now(), only(key))
	if err != nil {
		return ConnectionClaims{}, fmt.Errorf("verify connection token: %w", err)
	}
	return ConnectionClaims(c), nil
}

func only(key *ecdsa.PublicKey) token.KeyFor {
	return func(string) (*ecdsa.PublicKey, error) { return key, nil }
}

// ParsePrivateKey reads a P-384 private key from PEM, as "openssl ecparam -name
// secp384r1 -genkey" and "openssl genpkey" write it: SEC 1 or PKCS #8, unencrypted.
func ParsePrivateKey(data []byte) (*ecdsa.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, errors.New("parse private key: no PEM block of a private key")
		}
		var parsed any
		var err error
		switch block.Type {
		case "EC PRIVATE KEY":
			parsed, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default: // openssl writes the parameters of the curve first
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("parse private key: %w", err)
		}
		key, ok := parsed.(*ecdsa.PrivateKey)
		if !ok || key.Curve != elliptic.P384() {
			return nil, errors.New("parse private key: it is not a key on the curve P-384")
		}
		return key, nil
	}
}

// PublicKeyMaterial returns the public key in the form of ImportPublicKey.
func PublicKeyMaterial(key *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("write public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
