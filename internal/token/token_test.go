package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var now = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func good() Claims {
	return Claims{
		ParticipantID: "Qw2eRt5yUi8o", StageARN: "arn:aws:ivs:eu-west-1:111122223333:stage/Ab3dEf6hIj9k", StageID: "Ab3dEf6hIj9k",
		EventsURL: "wss://rostrum.example/events", WHIPURL: "https://rostrum.example/whip",
		UserID: "alice", Attributes: map[string]string{"name": "Alice", "Name": "another"}, Publish: true, Subscribe: true,
		IssuedAt: now, ExpiresAt: now.Add(12 * time.Hour), KeyARN: "arn:aws:ivs:eu-west-1:111122223333:public-key/abc",
	}
}

func mint(t testing.TB, key *ecdsa.PrivateKey, c Claims) string {
	t.Helper()
	s, err := Mint(key, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func only(key *ecdsa.PublicKey) KeyFor {
	return func(string) (*ecdsa.PublicKey, error) { return key, nil }
}

func TestVerify_ReadsMintedTokens(t *testing.T) {
	key := newKey(t, elliptic.P384())
	for name, c := range map[string]Claims{
		"everything": good(),
		"no key":     func() Claims { c := good(); c.KeyARN = ""; return c }(),
		"a viewer":   func() Claims { c := good(); c.Publish, c.UserID, c.Attributes = false, "", nil; return c }(),
		"neither":    func() Claims { c := good(); c.Publish, c.Subscribe = false, false; return c }(),
	} {
		got, err := Verify(mint(t, key, c), now, only(&key.PublicKey))
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: read %+v, %v, expected %+v", name, got, err, c)
		}
	}
}

func TestRead_ReturnsClaimsWithoutVerification(t *testing.T) {
	expired := good()
	expired.IssuedAt, expired.ExpiresAt = now.Add(-2*time.Hour), now.Add(-time.Hour)
	if got, err := Read(mint(t, newKey(t, elliptic.P384()), expired)); err != nil || !reflect.DeepEqual(got, expired) {
		t.Errorf("an expired token of any key is read as %+v, %v, expected %+v", got, err, expired)
	}
	empty, err := sign(newKey(t, elliptic.P384()), jwt.MapClaims{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Read(empty); err != nil || !reflect.DeepEqual(got, Claims{}) {
		t.Errorf("a token without claims is read as %+v, %v", got, err)
	}
	for _, text := range []string{"", "no token", "a.b.c"} {
		if got, err := Read(text); !errors.Is(err, Malformed) {
			t.Errorf("%q is read as %+v, %v, expected Malformed", text, got, err)
		}
	}
}

func TestMint_RefusesInvalidClaims(t *testing.T) {
	key := newKey(t, elliptic.P384())
	for name, change := range map[string]func(*Claims){
		"an id that is too long":     func(c *Claims) { c.ParticipantID = strings.Repeat("a", 65) },
		"an id with a slash":         func(c *Claims) { c.ParticipantID = "a/b" },
		"an id that leads upwards":   func(c *Claims) { c.ParticipantID = ".." },
		"no stage":                   func(c *Claims) { c.StageARN = "" },
		"a life of over 14 days":     func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(MaxLifetime + time.Second) },
		"an end before its start":    func(c *Claims) { c.ExpiresAt = c.IssuedAt },
		"attributes of over 1 KB":    func(c *Claims) { c.Attributes = map[string]string{"k": strings.Repeat("v", 1024)} },
		"a user id that is too long": func(c *Claims) { c.UserID = strings.Repeat("ü", 129) },
	} {
		c := good()
		change(&c)
		if s, err := Mint(key, c); !errors.Is(err, Malformed) {
			t.Errorf("%s: minted %q, %v, expected Malformed", name, s, err)
		}
	}
}

func TestMint_AcceptsClaimsAtTheirBounds(t *testing.T) {
	key := newKey(t, elliptic.P384())
	for name, change := range map[string]func(*Claims){
		"a life of 14 days":              func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(14 * 24 * time.Hour) },
		"a life of a second":             func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(time.Second) },
		"an id of 64 characters":         func(c *Claims) { c.ParticipantID = strings.Repeat("a", 64) },
		"an id of one character":         func(c *Claims) { c.ParticipantID = "a" },
		"an id of the characters' edges": func(c *Claims) { c.ParticipantID = "azAZ09-_" },
		"a user id of 128 characters":    func(c *Claims) { c.UserID = strings.Repeat("ü", 128) },
		"attributes of 1024 bytes": func(c *Claims) {
			c.Attributes = map[string]string{"k": strings.Repeat("v", 511), "l": strings.Repeat("v", 511)}
		},
	} {
		c := good()
		change(&c)
		if got, err := Verify(mint(t, key, c), now, only(&key.PublicKey)); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: read %+v, %v, expected %+v", name, got, err, c)
		}
	}
}

func TestMint_NamesTheInvalidClaim(t *testing.T) {
	key := newKey(t, elliptic.P384())
	for claim, change := range map[string]func(*Claims){
		"exp is more than 14 days after iat": func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(14*24*time.Hour + time.Second) },
		"exp is not after iat":               func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(-time.Second) },
		"events_url is missing":              func(c *Claims) { c.EventsURL = "" },
		"whip_url is missing":                func(c *Claims) { c.WHIPURL = "" },
		"resource is missing":                func(c *Claims) { c.StageARN = "" },
		"topic is missing":                   func(c *Claims) { c.StageID = "" },
		"user_id has more than 128":          func(c *Claims) { c.UserID = strings.Repeat("a", 129) },
		"attributes has 1025 bytes": func(c *Claims) {
			c.Attributes = map[string]string{"k": strings.Repeat("v", 512), "l": strings.Repeat("v", 511)}
		},
		"jti must have": func(c *Claims) { c.ParticipantID = "" },
	} {
		c := good()
		change(&c)
		if _, err := Mint(key, c); !errors.Is(err, Malformed) || !strings.Contains(err.Error(), claim) {
			t.Errorf("got %v, expected that %q", err, claim)
		}
	}
	for _, beside := range "/:@[`{.,+ é" {
		c := good()
		c.ParticipantID = string(beside)
		if _, err := Mint(key, c); !errors.Is(err, Malformed) {
			t.Errorf("the id %q: %v, expected Malformed", c.ParticipantID, err)
		}
	}
}

func TestVerify_NamesTheClaimThatIsWrong(t *testing.T) {
	key := newKey(t, elliptic.P384())
	change := func(old, new string) string {
		return signed(t, key, goodHeader, strings.Replace(goodPayload, old, new, 1))
	}
	for says, token := range map[string]string{
		"exp is missing":              change(`"exp":1782943200,`, ""),
		"iat is missing":              change(`"iat":1782900000,`, ""),
		"version is missing":          change(`,"version":"1.0"`, ""),
		"capabilities is missing":     change(`,"capabilities":{"allow_publish":true}`, ""),
		"has a number as jti":         change(`"abc"`, "7"),
		"is not valid before":         change(`"jti"`, `"nbf":1782900061,"jti"`),
		"issued at":                   change(`"iat":1782900000`, `"iat":1782900061`),
		"data after its object":       signed(t, key, goodHeader, goodPayload+"x"),
		"is not a JSON object":        signed(t, key, goodHeader, `7`),
		"its header is not base64url": "é." + part(goodPayload) + ".",
		"its payload is not UTF-8":    signed(t, key, goodHeader, strings.Replace(goodPayload, "abc", "\xff", 1)),
		"its kid is empty":            signed(t, key, `{"alg":"ES384","kid":""}`, goodPayload),
		"its algorithm":               signed(t, key, `{"alg":"ES256"}`, goodPayload),
		`the member "jwk"`:            signed(t, key, `{"alg":"ES384","jwk":{}}`, goodPayload),
		"is not a JSON object of a":   signed(t, key, goodHeader, `{"jti":[[[[]]]]}`),
		"it has 8193 bytes":           strings.Repeat("a", MaxLength+1),
		"it has 1 parts":              strings.Repeat("a", MaxLength),
		"the member \"a\" twice":      change(`"abc"`, `"abc","x":{"a":1,"A":2,"a":3}`),
	} {
		if _, err := Verify(token, time.Unix(1782900000, 0), only(&key.PublicKey)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, expected %q", err, says)
		}
	}
	for name, token := range map[string]string{
		"with nbf at the leeway":      change(`"jti"`, `"nbf":1782900060,"jti"`),
		"with iat at the leeway":      change(`"iat":1782900000`, `"iat":1782900060`),
		"with blanks after it":        signed(t, key, goodHeader, goodPayload+" \n"),
		"with members in other cases": change(`"abc"`, `"abc","x":{"a":1,"A":2}`),
		"nested as deep as may be":    change(`"abc"`, `"abc","x":[[[7]]]`),
	} {
		if _, err := Verify(token, time.Unix(1782900000, 0), only(&key.PublicKey)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerify_ChecksTheTime(t *testing.T) {
	key := newKey(t, elliptic.P384())
	s := mint(t, key, good())
	for name, tt := range map[string]struct {
		at   time.Time
		want error
	}{
		"when issued":                   {now, nil},
		"a minute early, clocks differ": {now.Add(-time.Minute), nil},
		"more than a minute early":      {now.Add(-time.Minute - time.Second), NotYet},
		"in the last second":            {now.Add(12*time.Hour - time.Second), nil},
		"at its end":                    {now.Add(12 * time.Hour), Expired},
		"long after":                    {now.Add(1000 * time.Hour), Expired},
	} {
		if _, err := Verify(s, tt.at, only(&key.PublicKey)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, expected %v", name, err, tt.want)
		}
	}
}

// part encodes one part of a token.
func part(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed makes a token of any header and payload with a valid signature.
func signed(t testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	s := part(header) + "." + part(payload)
	sig, err := jwt.SigningMethodES384.Sign(s, key)
	if err != nil {
		t.Fatal(err)
	}
	return s + "." + base64.RawURLEncoding.EncodeToString(sig)
}

const (
	goodHeader  = `{"alg":"ES384","typ":"JWT"}`
	goodPayload = `{"exp":1782943200,"iat":1782900000,"jti":"abc","resource":"arn","topic":"t","events_url":"e","whip_url":"w","capabilities":{"allow_publish":true},"version":"1.0"}`
)

func TestVerify_RefusesForgeries(t *testing.T) {
	key, other := newKey(t, elliptic.P384()), newKey(t, elliptic.P384())
	token := mint(t, key, good())
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	hmac := jwt.NewWithClaims(jwt.SigningMethodHS384, jwt.MapClaims{"jti": "abc"})
	hs384, err := hmac.SignedString(key.X.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		token string
		want  Reason
	}{
		"no algorithm":                {part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".", Malformed},
		"HS384 by the public key":     {hs384, NoKey},
		"another key":                 {mint(t, other, good()), Forged},
		"a changed payload":           {parts[0] + "." + part(goodPayload) + "." + parts[2], Forged},
		"no signature":                {parts[0] + "." + parts[1] + ".", Forged},
		"a signature of zeros":        {parts[0] + "." + parts[1] + "." + encode(make([]byte, 96)), Forged},
		"a signature cut short":       {parts[0] + "." + parts[1] + "." + encode(raw[:95]), Forged},
		"a signature and more":        {token + encode([]byte{1, 2, 3}), Forged},
		"padded base64":               {token + "==", Malformed},
		"two parts":                   {parts[0] + "." + parts[1], Malformed},
		"a key inside the header":     {signed(t, key, `{"alg":"ES384","jwk":{}}`, goodPayload), Malformed},
		"an algorithm given twice":    {signed(t, key, `{"alg":"ES384","alg":"none"}`, goodPayload), Malformed},
		"a claim given twice":         {signed(t, key, goodHeader, `{"jti":"a",`+goodPayload[1:]), Malformed},
		"a claim twice by case":       {signed(t, key, goodHeader, `{"JTI":"a",`+goodPayload[1:]), Malformed},
		"something after the payload": {signed(t, key, goodHeader, goodPayload+`{}`), Malformed},
		"an array as payload":         {signed(t, key, goodHeader, `[]`), Malformed},
		"deep nesting":                {signed(t, key, goodHeader, strings.Repeat(`{"a":`, 3000)), Malformed},
		"a number as jti":             {signed(t, key, goodHeader, strings.Replace(goodPayload, `"abc"`, `7`, 1)), Malformed},
		"no expiry":                   {signed(t, key, goodHeader, strings.Replace(goodPayload, `"exp"`, `"exq"`, 1)), Malformed},
		"an expiry in the far future": {signed(t, key, goodHeader, strings.Replace(goodPayload, "1782943200", "1e300", 1)), Malformed},
		"no capabilities":             {signed(t, key, goodHeader, strings.Replace(goodPayload, `"capabilities"`, `"c"`, 1)), Malformed},
		"a megabyte of claims":        {signed(t, key, goodHeader, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`), Malformed},
		"invalid UTF-8":               {signed(t, key, goodHeader, strings.Replace(goodPayload, "abc", "\xff", 1)), Malformed},
	} {
		if _, err := Verify(tt.token, time.Unix(1782900000, 0), only(&key.PublicKey)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, expected %v", name, err, tt.want)
		}
	}
}

func TestVerify_AcceptsOnlyOneFormOfASignature(t *testing.T) {
	// ES384 is malleable: (r, n-s) verifies where (r, s) does. Nothing here is keyed
	// by the signature, so the twin may pass; it must read the same.
	key := newKey(t, elliptic.P384())
	token := mint(t, key, good())
	head, sig := token[:strings.LastIndexByte(token, '.')], token[strings.LastIndexByte(token, '.')+1:]
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).Sub(elliptic.P384().Params().N, new(big.Int).SetBytes(raw[48:]))
	s.FillBytes(raw[48:])
	twin, err := Verify(head+"."+base64.RawURLEncoding.EncodeToString(raw), now, only(&key.PublicKey))
	if err == nil && !reflect.DeepEqual(twin, good()) {
		t.Errorf("the twin reads %+v, expected %+v", twin, good())
	}
}

func TestVerify_AcceptsOnlyP384Keys(t *testing.T) {
	key, p256 := newKey(t, elliptic.P384()), newKey(t, elliptic.P256())
	token := mint(t, key, good())
	if _, err := Verify(token, now, only(nil)); !errors.Is(err, NoKey) {
		t.Errorf("without a key: %v, expected NoKey", err)
	}
	if _, err := Verify(token, now, only(&p256.PublicKey)); !errors.Is(err, NoKey) {
		t.Errorf("with a P-256 key: %v, expected NoKey", err)
	}
	lost := errors.New("the store is away")
	_, err := Verify(token, now, func(kid string) (*ecdsa.PublicKey, error) {
		if kid != good().KeyARN {
			t.Errorf("asked for the key %q, expected %q", kid, good().KeyARN)
		}
		return nil, lost
	})
	if !errors.Is(err, lost) || IsReason(err) {
		t.Errorf("with a lost store: %v, expected its own error and no reason", err)
	}
}

func FuzzRead(f *testing.F) {
	key := newKey(f, elliptic.P384())
	f.Add(mint(f, key, good()))
	f.Add(signed(f, key, goodHeader, goodPayload))
	f.Add("..")
	f.Add(part(`{"alg":"ES384"}`) + "." + part(`{"exp":-1e99}`) + ".")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Read(s); err == nil && len(s) > MaxLength {
			t.Errorf("read %+v from %d bytes", c, len(s))
		}
	})
}

func BenchmarkMint(b *testing.B) {
	key, c := newKey(b, elliptic.P384()), good()
	for b.Loop() {
		mint(b, key, c)
	}
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b, elliptic.P384())
	s := mint(b, key, good())
	for b.Loop() {
		if _, err := Verify(s, now, only(&key.PublicKey)); err != nil {
			b.Fatal(err)
		}
	}
}

// The protocol document shows the payload of a token, with every claim.
func TestRead_ReadsTheTokenOfTheProtocolDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(document), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	var shown payload
	strict := json.NewDecoder(strings.NewReader(example))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&shown); err != nil {
		t.Fatalf("docs/protocol.md shows %s: %v", example, err)
	}
	if err := shown.check(); err != nil {
		t.Error(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	claims, err := Read(encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode([]byte(example)) + ".c2ln")
	if err != nil || !claims.Publish || !claims.Subscribe || claims.ParticipantID == "" || claims.StageID == "" ||
		!strings.HasSuffix(claims.StageARN, "/"+claims.StageID) || claims.WHIPURL == "" || claims.EventsURL == "" || claims.UserID == "" || len(claims.Attributes) == 0 {
		t.Errorf("its claims are %+v, %v", claims, err)
	}
}
