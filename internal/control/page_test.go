package control

import (
	"bytes"
	"errors"
	"regexp"
	"testing"

	"rostrum/ivsrealtime"
)

func testPager(t testing.TB) pager {
	t.Helper()
	p, err := newPager(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	alice   = Caller{Account: "111122223333", Region: "eu-west-1"}
	listing = query{alice, "ListParticipants", []string{"arn", "st-1", "CONNECTED"}}
)

func TestPager_ReadsItsOwnTokens(t *testing.T) {
	p := testPager(t)
	for _, position := range []int64{1, 42, 1 << 62} {
		token := p.seal(listing, position)
		if !regexp.MustCompile(`^[a-zA-Z0-9+/=_-]+$`).MatchString(token) || len(token) > 1024 {
			t.Errorf("the token %q does not match the API's pattern", token)
		}
		if got, err := p.open(listing, token); err != nil || got != position {
			t.Errorf("open(seal(%d)) = %d, %v", position, got, err)
		}
	}
	if got, err := p.open(listing, ""); got != 0 || err != nil {
		t.Errorf("no token opens as %d, %v, expected the beginning", got, err)
	}
	if got := p.seal(listing, 0); got != "" {
		t.Errorf("after the last page the token is %q, expected no token", got)
	}
}

func TestPager_RefusesTokensOfOtherQueries(t *testing.T) {
	p := testPager(t)
	token := p.seal(listing, 42)
	other, elsewhere := alice, alice
	other.Account, elsewhere.Region = "999988887777", "us-east-1"
	flipped := []byte(token)
	flipped[len(flipped)-1] ^= 1
	for name, tt := range map[string]struct {
		q     query
		token string
	}{
		"another account":           {query{other, listing.operation, listing.filters}, token},
		"another region":            {query{elsewhere, listing.operation, listing.filters}, token},
		"another operation":         {query{alice, "ListStages", listing.filters}, token},
		"another filter":            {query{alice, listing.operation, []string{"arn", "st-1", "DISCONNECTED"}}, token},
		"filters that run together": {query{alice, listing.operation, []string{"arnst-1", "CONNECTED"}}, token},
		"a changed token":           {listing, string(flipped)},
		"a truncated token":         {listing, token[:8]},
		"not base64":                {listing, "%%%"},
	} {
		if got, err := p.open(tt.q, tt.token); !errors.Is(err, ivsrealtime.ValidationFailed) {
			t.Errorf("%s: opened as %d, %v, expected a ValidationException", name, got, err)
		}
	}
}

func FuzzPager(f *testing.F) {
	p := testPager(f)
	f.Add(p.seal(listing, 42))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := p.open(listing, token); err == nil && token != "" && p.seal(listing, got) == "" {
			t.Errorf("%q opens as %d", token, got)
		}
	})
}
