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

// header is the JOSE header. Other members (jwk, x5u, crit …) are refused: they
// would let a token choose how it is verified.
type header struct {
	Alg string  `json:"alg"`
	Typ string  `json:"typ"`
	Kid *string `json:"kid"`
}

// parse reads a token into claims, strictly: bounded length, one JSON object in each
// part, no duplicate keys, ES384 only, or the one header of issued tokens.
func parse(token string, claims jwt.Claims) (kid string, err error) {
	if len(token) > MaxLength {
		return "", refuse(Malformed, "it has %d bytes, at most %d are allowed", len(token), MaxLength)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", refuse(Malformed, "it has %d parts, a JWT has 3", len(parts))
	}
	var h header
	if !IsIssued(token) {
		if err := decode(parts[0], &h, true); err != nil {
			return "", refuse(Malformed, "its header %v", err)
		}
		if h.Alg != "ES384" {
			return "", refuse(Malformed, "its algorithm must be ES384")
		}
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

// authenticate parses a token and verifies its ES384 signature.
func authenticate(token string, keyFor KeyFor, claims jwt.Claims) (kid string, err error) {
	if kid, err = parse(token, claims); err != nil {
		return "", err
	}
	if IsIssued(token) {
		return "", refuse(NoKey, "it was issued by a server, which alone can verify it")
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
		return "", refuse(Malformed, "its signature is not base64url")
	}
	if err := jwt.SigningMethodES384.Verify(signed, raw, key); err != nil {
		return "", refuse(Forged, "it was signed with another key, or changed")
	}
	return kid, nil
}

// checkTime checks the claims against the time, after check.
func (r *registered) checkTime(now time.Time) error {
	switch {
	case !now.Before(r.Exp.Time):
		return refuse(Expired, "it expired at %s", r.Exp.UTC().Format(time.RFC3339))
	case r.Iat.After(now.Add(Leeway)):
		return refuse(NotYet, "it was issued at %s, which is in the future", r.Iat.UTC().Format(time.RFC3339))
	case r.Nbf != nil && r.Nbf.After(now.Add(Leeway)):
		return refuse(NotYet, "it is not valid before %s", r.Nbf.UTC().Format(time.RFC3339))
	}
	return nil
}

// decode reads one base64url part as a JSON object.
func decode(part string, into any, strict bool) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return errors.New("is not base64url")
	}
	if !utf8.Valid(raw) {
		return errors.New("is not UTF-8")
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
		return fmt.Errorf("has a %s as %s", wrong.Value, strings.TrimPrefix(wrong.Field, "registered.")) // the name of the embedded struct
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("has the member %s, which is not allowed", name)
	}
	return errors.New("is not a JSON object of a token")
}

// maxDepth bounds the nesting; claims need less.
const maxDepth = 4

// unambiguous refuses JSON that parsers read differently: duplicate keys, data
// after the object, deep nesting.
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
			return errors.New("is not a JSON object")
		}
		if delim, ok := t.(json.Delim); ok && (delim == '{' || delim == '[') {
			if len(stack) == 0 && delim != '{' || len(stack) == maxDepth {
				return errors.New("is not a JSON object of a token")
			}
			stack = append(stack, level{object: delim == '{', key: delim == '{', seen: map[string]bool{}})
			continue
		}
		if len(stack) == 0 {
			return errors.New("is not a JSON object")
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
				name = strings.ToLower(name) // encoding/json ignores the case of names
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
		return errors.New("has data after its object")
	}
	return nil
}
