package token

import (
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
	"time"
)

func goodConnection() ConnectionClaims {
	return ConnectionClaims{
		ID: "c-1", AccountID: "111122223333", Region: "eu-west-1", EventsURL: "wss://rostrum.example/events",
		IssuedAt: now, ExpiresAt: now.Add(28 * 24 * time.Hour), KeyARN: "arn:aws:ivs:eu-west-1:111122223333:public-key/abc",
	}
}

func TestVerifyConnection_ReadsMintedTokens(t *testing.T) {
	key := newKey(t, elliptic.P384())
	s, err := MintConnection(key, goodConnection())
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyConnection(s, now, only(&key.PublicKey))
	if err != nil || got != goodConnection() {
		t.Errorf("got %+v, %v\nexpected %+v", got, err, goodConnection())
	}
}

func TestMintConnection_RefusesInvalidClaims(t *testing.T) {
	key := newKey(t, elliptic.P384())
	for claim, spoil := range map[string]func(*ConnectionClaims){
		"exp is not after iat":         func(c *ConnectionClaims) { c.ExpiresAt = c.IssuedAt },
		"exp is more than 28 days":     func(c *ConnectionClaims) { c.ExpiresAt = c.ExpiresAt.Add(time.Second) },
		"jti must have":                func(c *ConnectionClaims) { c.ID = "a b" },
		"account_id is missing":        func(c *ConnectionClaims) { c.AccountID = "" },
		"region is missing":            func(c *ConnectionClaims) { c.Region = "" },
		"events_url is missing":        func(c *ConnectionClaims) { c.EventsURL = "" },
		"jti must have 1 to 64 charac": func(c *ConnectionClaims) { c.ID = "" },
	} {
		c := goodConnection()
		spoil(&c)
		if _, err := MintConnection(key, c); !errors.Is(err, Malformed) || !strings.Contains(err.Error(), claim) {
			t.Errorf("got %v, expected a malformed token of which %q", err, claim)
		}
	}
}

func TestVerifyConnection_RefusesInvalidTokens(t *testing.T) {
	key, other := newKey(t, elliptic.P384()), newKey(t, elliptic.P384())
	s, err := MintConnection(key, goodConnection())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token string
		now   time.Time
		key   KeyFor
		want  Reason
	}{
		"one that has expired":     {s, now.Add(MaxConnectionLifetime), only(&key.PublicKey), Expired},
		"one issued in the future": {s, now.Add(-2 * time.Minute), only(&key.PublicKey), NotYet},
		"one of another key":       {s, now, only(&other.PublicKey), Forged},
		"a participant token":      {mint(t, key, good()), now, only(&key.PublicKey), Malformed},
		"no token":                 {"", now, only(&key.PublicKey), Malformed},
	} {
		if _, err := VerifyConnection(c.token, c.now, c.key); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, expected that the token %s", name, err, string(c.want))
		}
	}
}

func FuzzVerifyConnection(f *testing.F) {
	key := newKey(f, elliptic.P384())
	s, err := MintConnection(key, goodConnection())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add("a.b.c")
	f.Add(strings.Repeat(".", 3))
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := VerifyConnection(token, now, only(&key.PublicKey)); err != nil && !IsReason(err) {
			t.Errorf("%q is refused with %v, which is no reason", token, err)
		}
	})
}
