package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"testing"

	"rostrum/ivsrealtime"
)

func pemOf(t testing.TB, key any, kind string) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func TestParsePublicKey_AcceptsOnlyP384(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := pemOf(t, ecKey(t, elliptic.P384()), "PUBLIC KEY")
	for name, tt := range map[string]struct {
		material string
		ok       bool
	}{
		"P-384":                     {good, true},
		"with carriage returns":     {strings.ReplaceAll(good, "\n", "\r\n"), true},
		"with text before":          {"my key\n" + good, true},
		"P-256":                     {pemOf(t, ecKey(t, elliptic.P256()), "PUBLIC KEY"), false},
		"P-521":                     {pemOf(t, ecKey(t, elliptic.P521()), "PUBLIC KEY"), false},
		"RSA":                       {pemOf(t, &rsaKey.PublicKey, "PUBLIC KEY"), false},
		"two keys":                  {good + good, false},
		"another kind of block":     {pemOf(t, ecKey(t, elliptic.P384()), "EC PRIVATE KEY"), false},
		"a block of something else": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("hello")})), false},
		"no block":                  {"hello", false},
	} {
		fingerprint, err := parsePublicKey(tt.material)
		if ok := err == nil; ok != tt.ok {
			t.Errorf("%s: %q, %v, expected it taken: %v", name, fingerprint, err, tt.ok)
		}
		if err == nil && !regexp.MustCompile(`^([0-9a-f]{2}:){15}[0-9a-f]{2}$`).MatchString(fingerprint) {
			t.Errorf("%s: the fingerprint is %q, expected 16 hex bytes", name, fingerprint)
		}
		if err != nil && (!errors.Is(err, ivsrealtime.ValidationFailed) || !strings.Contains(err.Error(), "publicKeyMaterial")) {
			t.Errorf("%s: %v, expected a ValidationException that names publicKeyMaterial", name, err)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(pemOf(f, ecKey(f, elliptic.P384()), "PUBLIC KEY"))
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(_ *testing.T, material string) { _, _ = parsePublicKey(material) })
}
