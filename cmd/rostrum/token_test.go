package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rostrum/internal/token"
)

func TestTokenInspect_FailsOnWhatIsNoToken(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	right, err := token.Mint(key, token.Claims{
		ParticipantID: "p1", StageARN: lobby, StageID: "Aa1Bb2Cc3Dd4", WHIPURL: "https://x/whip", EventsURL: "wss://x/events", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	other, err := jwt.NewWithClaims(jwt.SigningMethodES384, jwt.MapClaims{"sub": "alice", "exp": now.Add(time.Hour).Unix()}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw   string
		code  int
		print string
	}{
		"a token":            {right, exitOK, "p1"},
		"another JWT":        {other, exitUsage, "no participant token"},
		"no JWT":             {"garbage", exitUsage, "malformed"},
		"three parts":        {"a.b.c", exitUsage, "malformed"},
		"an ARN":             {lobby, exitUsage, "malformed"},
		"a part of a token":  {right[:len(right)/2], exitUsage, "malformed"},
		"two tokens":         {right + "." + right, exitUsage, "malformed"},
		"a token in a quote": {`"` + right + `"`, exitUsage, "malformed"},
	} {
		out, complaints, code := finish(t, rostrum(t, "token", "inspect", c.raw))
		if code != c.code || !strings.Contains(out+complaints, c.print) || (code == exitOK) != (out != "") {
			t.Errorf("%s: expected exit %d with %q, saw %d: %s%s", name, c.code, c.print, code, out, complaints)
		}
	}
}
