package token

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// header is the JOSE header of the tokens this package takes. Other members
// (jwk, x5u, crit …) would let a token say how it is to be trusted, so they are
// refused.
type header struct {
	Alg string  `json:"alg"`
	Typ string  `json:"typ"`
	Kid *string `json:"kid"`
}

// parse reads a token's parts into claims, strictly: a bounded length, one JSON
// object each, no key twice, ES384 and nothing else.
func parse(token string, claims jwt.Claims) (kid string, err error) {
	if len(token) > MaxLength {
		return "", refuse(Malformed, "it has %d bytes, at most %d are allowed", len(token), MaxLength)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", refuse(Malformed, "it has %d parts, a JWT has 3", len(parts))
	}
	var h header
	if err := decode(parts[0], &h, true); err != nil {
		return "", refuse(Malformed, "its header %v", err)
	}
	if h.Alg != "ES384" {
		return "", refuse(Malformed, "its algorithm must be ES384")
	}
	if err := decode(parts[1], claims, false); err != nil {
		return "", refuse(Malformed, "its payload %v", err)
	}
	if h.Kid == nil {
		return "", nil
	}
	if *h.Kid == "" {
		return "", refuse(Malformed, "its kid is empty")
	}
	return *h.Kid, nil
}

func authenticate(token string, keyFor KeyFor, claims jwt.Claims) (kid string, err error) {
	if kid, err = parse(token, claims); err != nil {
		return "", err
	}
	key, err := keyFor(kid)
	if err != nil {
		return "", err
	}
	if key == nil || key.Curve != elliptic.P384() {
		return "", refuse(NoKey, "%s", kid)
	}
	signed, signature := token[:strings.LastIndexByte(token, '.')], token[strings.LastIndexByte(token, '.')+1:]
	raw, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return "", refuse(Malformed, "its signature is no base64url")
	}
	if err := jwt.SigningMethodES384.Verify(signed, raw, key); err != nil {
		return "", refuse(Forged, "it was signed with another key, or changed since")
	}
	return kid, nil
}

// checkTime holds claims that check has passed against the clock.
func (s *stamp) checkTime(now time.Time) error {
	switch {
	case !now.Before(s.Exp.Time):
		return refuse(Expired, "it expired at %s", s.Exp.UTC().Format(time.RFC3339))
	case s.Iat.After(now.Add(Leeway)):
		return refuse(NotYet, "it says it was issued at %s, which is in the future", s.Iat.UTC().Format(time.RFC3339))
	case s.Nbf != nil && s.Nbf.After(now.Add(Leeway)):
		return refuse(NotYet, "it is not valid before %s", s.Nbf.UTC().Format(time.RFC3339))
	}
	return nil
}

// decode reads one base64url part as one JSON object.
func decode(part string, into any, strict bool) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return errors.New("is no base64url")
	}
	if !utf8.Valid(raw) {
		return errors.New("is no UTF-8")
	}
	if err := unambiguous(raw); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		return describe(err)
	}
	return nil
}

func describe(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("has a %s as %s", wrong.Value, strings.TrimPrefix(wrong.Field, "stamp.")) // the embedded struct is no claim
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("has the member %s, which is not allowed", name)
	}
	return errors.New("is no JSON object of a token")
}

// maxDepth is deeper than any claim goes.
const maxDepth = 4

// unambiguous refuses what two readers could read differently: a key twice in
// an object (RFC 8725 §2.9's kin), anything after the object, and nesting.
func unambiguous(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	type level struct {
		object bool
		key    bool // the next string is a key
		seen   map[string]bool
	}
	var stack []level
	for {
		t, err := d.Token()
		if err != nil {
			return errors.New("is no JSON object")
		}
		if delim, ok := t.(json.Delim); ok && (delim == '{' || delim == '[') {
			if len(stack) == 0 && delim != '{' || len(stack) == maxDepth {
				return errors.New("is no JSON object of a token")
			}
			stack = append(stack, level{object: delim == '{', key: delim == '{', seen: map[string]bool{}})
			continue
		}
		if len(stack) == 0 {
			return errors.New("is no JSON object")
		}
		top := &stack[len(stack)-1]
		if _, ok := t.(json.Delim); ok {
			stack = stack[:len(stack)-1]
			if len(stack) == 0 {
				break
			}
			top = &stack[len(stack)-1]
		} else if top.object && top.key {
			name := t.(string)
			if len(stack) == 1 {
				name = strings.ToLower(name) // encoding/json takes a claim's name in any case
			}
			if top.seen[name] {
				return fmt.Errorf("has the member %q twice", t)
			}
			top.seen[name] = true
			top.key = false
			continue
		}
		top.key = top.object
	}
	if d.InputOffset() != int64(len(raw)) && len(bytes.TrimSpace(raw[d.InputOffset():])) > 0 {
		return errors.New("has something after its object")
	}
	return nil
}
