package ivsrealtime_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"rostrum/ivsrealtime"
)

const keyARN = "arn:aws:ivs:eu-west-1:111122223333:public-key/Ab3dEf6hIj9k"

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSigner(t testing.TB) (*ivsrealtime.TokenSigner, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t, elliptic.P384())
	s, err := ivsrealtime.NewTokenSigner(keyARN, key)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func claims() ivsrealtime.TokenClaims {
	stage := &ivsrealtime.Stage{ARN: stageARN, Endpoints: &ivsrealtime.StageEndpoints{Events: "wss://r.example/events", WHIP: "https://r.example/whip"}}
	return stage.Claims()
}

func TestTokenSigner_SignsTokensThatVerify(t *testing.T) {
	signer, key := newSigner(t)
	now := time.Now().Truncate(time.Second).UTC()
	full := claims()
	full.ParticipantID, full.UserID, full.Attributes = "a_b-C3", "alice", map[string]string{"name": "Alice"}
	full.Capabilities = []ivsrealtime.Capability{ivsrealtime.CapabilitySubscribe}
	full.IssuedAt, full.ExpiresAt, full.KeyARN = now, now.Add(14*24*time.Hour), keyARN
	signed, err := signer.Sign(full)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ivsrealtime.VerifyToken(signed, &key.PublicKey); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, %v\nexpected %+v", got, err, full)
	}

	signed, err = signer.Sign(claims())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ivsrealtime.VerifyToken(signed, &key.PublicKey)
	if err != nil || len(got.ParticipantID) != 12 || len(got.Capabilities) != 2 || got.ExpiresAt.Sub(got.IssuedAt) != 12*time.Hour || time.Since(got.IssuedAt) > time.Minute {
		t.Errorf("got %+v, %v, expected the defaults", got, err)
	}
}

func TestTokenSigner_RefusesInvalidClaims(t *testing.T) {
	signer, _ := newSigner(t)
	for want, spoil := range map[string]func(*ivsrealtime.TokenClaims){
		`"arn:aws:ivs:eu-west-1:111122223333:public-key/Ab3dEf6hIj9k" is not the ARN of a stage`: func(c *ivsrealtime.TokenClaims) { c.StageARN = keyARN },
		"events_url is missing":    func(c *ivsrealtime.TokenClaims) { c.EventsURL = "" },
		"whip_url is missing":      func(c *ivsrealtime.TokenClaims) { c.WHIPURL = "" },
		"jti must have":            func(c *ivsrealtime.TokenClaims) { c.ParticipantID = strings.Repeat("a", 65) },
		"user_id has more":         func(c *ivsrealtime.TokenClaims) { c.UserID = strings.Repeat("ü", 129) },
		"attributes has 1025":      func(c *ivsrealtime.TokenClaims) { c.Attributes = map[string]string{"k": strings.Repeat("v", 1024)} },
		"exp is more than 14 days": func(c *ivsrealtime.TokenClaims) { c.ExpiresAt = time.Now().Add(15 * 24 * time.Hour) },
		"exp is not after iat":     func(c *ivsrealtime.TokenClaims) { c.ExpiresAt = time.Now().Add(-time.Hour) },
		`capability "LISTEN"`:      func(c *ivsrealtime.TokenClaims) { c.Capabilities = []ivsrealtime.Capability{"LISTEN"} },
	} {
		c := claims()
		spoil(&c)
		if _, err := signer.Sign(c); err == nil || !strings.HasPrefix(err.Error(), "sign participant token: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %q", err, want)
		}
	}
}

func TestVerifyToken_ReturnsTheReason(t *testing.T) {
	signer, key := newSigner(t)
	_, other := newSigner(t)
	sign := func(issued, expires time.Duration) string {
		c := claims()
		c.IssuedAt, c.ExpiresAt = time.Now().Add(issued), time.Now().Add(expires)
		s, err := signer.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(0, time.Hour)
	for name, c := range map[string]struct {
		token string
		key   *ecdsa.PublicKey
		want  ivsrealtime.TokenReason
	}{
		"expired":          {sign(-2*time.Hour, -time.Hour), &key.PublicKey, ivsrealtime.TokenExpired},
		"of the future":    {sign(time.Hour, 2*time.Hour), &key.PublicKey, ivsrealtime.TokenNotYet},
		"of another key":   {good, &other.PublicKey, ivsrealtime.TokenForged},
		"of another curve": {good, &newKey(t, elliptic.P256()).PublicKey, ivsrealtime.TokenNoKey},
		"of no key":        {good, nil, ivsrealtime.TokenNoKey},
		"no token":         {"x", &key.PublicKey, ivsrealtime.TokenMalformed},
	} {
		if _, err := ivsrealtime.VerifyToken(c.token, c.key); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, expected %v", name, err, c.want)
		}
	}
}

func TestTokenSigner_SignsConnectionTokens(t *testing.T) {
	signer, key := newSigner(t)
	signed, err := signer.SignConnection(ivsrealtime.ConnectionClaims{EventsURL: "wss://r.example/events"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ivsrealtime.VerifyConnectionToken(signed, &key.PublicKey)
	if err != nil || got.AccountID != "111122223333" || got.Region != "eu-west-1" || len(got.ID) != 12 || got.ExpiresAt.Sub(got.IssuedAt) != 12*time.Hour || got.KeyARN != keyARN {
		t.Errorf("got %+v, %v, expected the key's account and region, and the defaults", got, err)
	}
	if _, err := signer.SignConnection(ivsrealtime.ConnectionClaims{}); err == nil || !strings.Contains(err.Error(), "events_url is missing") {
		t.Errorf("got %v, expected a missing address", err)
	}
	if _, err := ivsrealtime.VerifyConnectionToken("x.y.z", &key.PublicKey); !errors.Is(err, ivsrealtime.TokenMalformed) {
		t.Errorf("got %v, expected a malformed token", err)
	}
}

func TestNewTokenSigner_RefusesOtherKeys(t *testing.T) {
	if _, err := ivsrealtime.NewTokenSigner(stageARN, newKey(t, elliptic.P384())); err == nil {
		t.Error("the ARN of a stage was taken for a key's")
	}
	for _, key := range []*ecdsa.PrivateKey{nil, newKey(t, elliptic.P256())} {
		if _, err := ivsrealtime.NewTokenSigner(keyARN, key); err == nil {
			t.Errorf("the key %v was taken", key)
		}
	}
}

func TestParsePrivateKey(t *testing.T) {
	block := func(kind string, der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	key, small := newKey(t, elliptic.P384()), newKey(t, elliptic.P256())
	sec1, err := x509.MarshalECPrivateKey(key)
	ecKey := block("EC PRIVATE KEY", sec1, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	pkcs8Key := block("PRIVATE KEY", pkcs8, err)
	other, err := x509.MarshalECPrivateKey(small)
	smallKey := block("EC PRIVATE KEY", other, err)
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pem  []byte
		good bool
	}{
		"SEC 1":                {ecKey, true},
		"SEC 1 behind a curve": {append(block("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}, nil), ecKey...), true},
		"PKCS #8":              {pkcs8Key, true},
		"another curve":        {smallKey, false},
		"a public key":         {[]byte(material), false},
		"rubbish in a block":   {block("PRIVATE KEY", []byte("x"), nil), false},
		"no block":             {[]byte("x"), false},
	} {
		if got, err := ivsrealtime.ParsePrivateKey(c.pem); (err == nil) != c.good || c.good && !got.Equal(key) {
			t.Errorf("%s: got %v, expected it to be taken: %t", name, err, c.good)
		}
	}
	if err := ivsrealtime.Validate(&ivsrealtime.ImportPublicKeyInput{PublicKeyMaterial: material}); err != nil {
		t.Errorf("ImportPublicKey does not take what PublicKeyMaterial writes: %v", err)
	}
}

func FuzzParsePrivateKey(f *testing.F) {
	sec1, err := x509.MarshalECPrivateKey(newKey(f, elliptic.P384()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := ivsrealtime.ParsePrivateKey(data); err == nil && key.Curve != elliptic.P384() {
			t.Errorf("took a key on %v", key.Curve)
		}
	})
}
