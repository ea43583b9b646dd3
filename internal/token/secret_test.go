package token

import (
	"crypto/elliptic"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var secret = Secret(strings.Repeat("s", SecretLength))

func issued(t testing.TB, s Secret) string {
	t.Helper()
	c := good()
	c.KeyARN = ""
	raw, err := s.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSecret_ReadsTokensItMinted(t *testing.T) {
	want := good()
	want.KeyARN, want.Hidden = "", true
	raw, err := secret.Mint(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := secret.Verify(raw, now); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nexpected %+v", got, err, want)
	}
	if got, err := Read(raw); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v\nexpected %+v", got, err, want)
	}
	want.ParticipantID = ""
	if _, err := secret.Mint(want); !errors.Is(err, Malformed) {
		t.Errorf("without an id: %v", err)
	}
}

func TestSecret_RefusesForgeries(t *testing.T) {
	key := newKey(t, elliptic.P384())
	raw := issued(t, secret)
	parts := strings.Split(raw, ".")
	by := func(header, payload string) string { // signed with the right secret
		signed := part(header) + "." + part(payload)
		return signed + "." + part(string(secret.sign([]byte(signed))))
	}
	const head = `{"alg":"HS384","typ":"JWT"}`
	for name, tt := range map[string]struct {
		token  string
		secret Secret
		now    time.Time
		want   error
	}{
		"a good one":                  {raw, secret, now, nil},
		"expired":                     {raw, secret, now.Add(12 * time.Hour), Expired},
		"of the future":               {raw, secret, now.Add(-2 * time.Minute), NotYet},
		"another secret":              {issued(t, Secret(strings.Repeat("x", SecretLength))), secret, now, Forged},
		"no secret":                   {issued(t, nil), nil, now, NoKey},
		"a short secret":              {issued(t, secret[1:]), secret[1:], now, NoKey},
		"a changed payload":           {parts[0] + "." + part(goodPayload) + "." + parts[2], secret, now, Forged},
		"no signature":                {parts[0] + "." + parts[1] + ".", secret, now, Forged},
		"a signature cut short":       {raw[:len(raw)-4], secret, now, Forged},
		"a signature and more":        {raw + part("abc"), secret, now, Forged},
		"padded base64":               {raw + "==", secret, now, Malformed},
		"signed with a key":           {mint(t, key, good()), secret, now, NoKey},
		"HS384, another header":       {by(`{"typ":"JWT","alg":"HS384"}`, goodPayload), secret, now, Malformed},
		"HS384 with a kid":            {by(`{"alg":"HS384","typ":"JWT","kid":"k"}`, goodPayload), secret, now, Malformed},
		"HS256":                       {by(`{"alg":"HS256","typ":"JWT"}`, goodPayload), secret, now, Malformed},
		"a claim given twice":         {by(head, `{"jti":"a",`+goodPayload[1:]), secret, now, Malformed},
		"no expiry":                   {by(head, strings.Replace(goodPayload, `"exp"`, `"exq"`, 1)), secret, now, Malformed},
		"something after the payload": {by(head, goodPayload+`{}`), secret, now, Malformed},
	} {
		if _, err := tt.secret.Verify(tt.token, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, expected %v", name, err, tt.want)
		}
	}
	if _, err := Verify(raw, now, only(&key.PublicKey)); !errors.Is(err, NoKey) {
		t.Errorf("verified with a public key: %v, expected NoKey", err)
	}
	if _, err := VerifyConnection(raw, now, only(&key.PublicKey)); !errors.Is(err, NoKey) {
		t.Errorf("as a connection token: %v, expected NoKey", err)
	}
}

func BenchmarkSecret_Mint(b *testing.B) {
	c := good()
	c.KeyARN = ""
	for b.Loop() {
		if _, err := secret.Mint(c); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzSecret(f *testing.F) {
	raw := issued(f, secret)
	f.Add(raw)
	f.Add(secretPrefix + "e30.")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := secret.Verify(s, now); err == nil && s != raw || err != nil && !IsReason(err) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
