package token

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Secret signs and verifies the tokens that Rostrum issues. Nobody else needs to verify
// them, and an HMAC takes a fortieth of the time of an ES384 signature.
type Secret []byte

// SecretLength is the length of a secret in bytes (RFC 7518, section 3.2).
const SecretLength = sha512.Size384

// secretPrefix is how tokens that are signed with a secret begin: a header of one form, so
// that nothing in it needs to be interpreted.
var secretPrefix = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS384","typ":"JWT"}`)) + "."

// IsIssued reports whether a token claims to be issued by Rostrum, by its header.
func IsIssued(token string) bool { return strings.HasPrefix(token, secretPrefix) }

// Mint signs c, whose KeyARN must be empty.
func (s Secret) Mint(c Claims) (string, error) {
	p, err := newPayload(c)
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	signed := base64.RawURLEncoding.AppendEncode([]byte(secretPrefix), encoded)
	signature := s.sign(signed)
	return string(base64.RawURLEncoding.AppendEncode(append(signed, '.'), signature)), nil
}

// Verify checks the signature, time and claims of a token that [IsIssued]. The error wraps a
// [Reason].
func (s Secret) Verify(token string, now time.Time) (Claims, error) {
	var p payload
	if _, err := parse(token, &p); err != nil {
		return Claims{}, err
	}
	last := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[last+1:])
	switch {
	case err != nil:
		return Claims{}, refuse(Malformed, "its signature is not base64url")
	case len(s) < SecretLength || !IsIssued(token):
		return Claims{}, refuse(NoKey, "it was not issued here")
	case !hmac.Equal(signature, s.sign([]byte(token[:last]))):
		return Claims{}, refuse(Forged, "it was issued by another installation, or changed")
	}
	return p.verified(now, "")
}

func (s Secret) sign(signed []byte) []byte {
	h := hmac.New(sha512.New384, s)
	h.Write(signed)
	return h.Sum(nil)
}
