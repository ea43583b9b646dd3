package authority_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	public  = "https://rostrum.example:8443"
)

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func newStage(t testing.TB, s *store.Store, account, region string) arn.ARN {
	t.Helper()
	name := arn.New(arn.Stage, account, region)
	write(t, s, func(tx *store.Tx) error { return tx.Stages().Create(&ivsrealtime.Stage{ARN: name.String()}) })
	return name
}

func newAuthority(t testing.TB, s *store.Store) *authority.Authority {
	t.Helper()
	a, err := authority.New(t.Context(), s, authority.Config{PublicURL: public})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// importKey makes a key pair and imports its public half into an account.
func importKey(t testing.TB, s *store.Store, account, region string) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	name := arn.New(arn.PublicKey, account, region).String()
	write(t, s, func(tx *store.Tx) error {
		return tx.PublicKeys().Create(&ivsrealtime.PublicKey{
			ARN: name, Fingerprint: arn.NewID(),
			PublicKeyMaterial: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		})
	})
	return key, name
}

func claimsFor(name arn.ARN) token.Claims {
	now := time.Now().Truncate(time.Second)
	return token.Claims{
		ParticipantID: arn.NewID(), StageARN: name.String(), StageID: name.ID,
		EventsURL: "wss://rostrum.example:8443/events", WHIPURL: "https://rostrum.example:8443/whip",
		UserID: "alice", Publish: true, Subscribe: true, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

func mint(t testing.TB, key *ecdsa.PrivateKey, c token.Claims) string {
	t.Helper()
	raw, err := token.Mint(key, c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAuthority_IssuesWhatItAccepts(t *testing.T) {
	s := newStore(t)
	a, name := newAuthority(t, s), newStage(t, s, account, region)
	c := claimsFor(name)
	c.EventsURL, c.WHIPURL = "", ""
	raw, err := a.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, authority := range []*authority.Authority{a, a, newAuthority(t, s)} { // the second time from the cache, then by another node
		g, err := authority.Authorize(t.Context(), raw)
		if err != nil {
			t.Fatalf("authorization %d: %v", i, err)
		}
		if g.ParticipantID != c.ParticipantID || g.Account != account || g.Region != region || !g.Publish || g.SelfSigned() {
			t.Errorf("authorization %d: the grant is %+v", i, g)
		}
	}
	want := ivsrealtime.StageEndpoints{Events: "wss://rostrum.example:8443/events", WHIP: "https://rostrum.example:8443/whip"}
	if a.Endpoints() != want {
		t.Errorf("endpoints are %+v, want %+v", a.Endpoints(), want)
	}
}

// TestAuthority_AcceptsTokensOfEarlierVersions: they were signed with ES384 by a key that
// their store has.
func TestAuthority_AcceptsTokensOfEarlierVersions(t *testing.T) {
	s := newStore(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := claimsFor(newStage(t, s, account, region))
	c.KeyARN = ""
	raw := mint(t, key, c)
	wantRefusal(t, newAuthority(t, s), raw, authority.TokenMalformed)
	if _, err := s.Secret(t.Context(), "participant-token-key", func() ([]byte, error) { return x509.MarshalECPrivateKey(key) }); err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t, s)
	if g, err := a.Authorize(t.Context(), raw); err != nil || g.SelfSigned() {
		t.Errorf("the grant is %+v, %v", g, err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, a, mint(t, stranger, c), authority.TokenMalformed)
}

// forge assembles a JWT by hand, signed by sign.
func forge(t testing.TB, header, payload map[string]any, sign func(signed string) []byte) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(header) + "." + part(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(signed))
}

func payloadOf(c token.Claims) map[string]any {
	return map[string]any{
		"exp": c.ExpiresAt.Unix(), "iat": c.IssuedAt.Unix(), "jti": c.ParticipantID, "resource": c.StageARN, "topic": c.StageID,
		"events_url": c.EventsURL, "whip_url": c.WHIPURL, "version": "1.0",
		"capabilities": map[string]bool{"allow_publish": c.Publish, "allow_subscribe": c.Subscribe},
	}
}

func es384(t testing.TB, key *ecdsa.PrivateKey) func(string) []byte {
	return func(signed string) []byte {
		sum := sha512.Sum384([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

// TestAuthority_RefusesBadTokens is the table of attacks on tokens.
func TestAuthority_RefusesBadTokens(t *testing.T) {
	s := newStore(t)
	a := newAuthority(t, s)
	mine, others, deleted := newStage(t, s, account, region), newStage(t, s, "999900001111", region), newStage(t, s, account, region)
	elsewhere := newStage(t, s, account, "us-east-1")
	key, kid := importKey(t, s, account, region)
	gone, goneKid := importKey(t, s, account, region)
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Stages().Delete(deleted.String()), tx.PublicKeys().Delete(goneKid),
			tx.Revoke(mine.String(), "revoked", time.Now().Add(time.Hour)))
	})
	good := map[string]any{"alg": "ES384", "typ": "JWT", "kid": kid}
	issued := map[string]any{"alg": "HS384", "typ": "JWT"} // in the order of Rostrum's own
	by := func(k *ecdsa.PrivateKey, kid string, name arn.ARN, change func(*token.Claims)) string {
		c := claimsFor(name)
		c.KeyARN = kid
		if change != nil {
			change(&c)
		}
		return mint(t, k, c)
	}
	with := func(header map[string]any, key string, value any) map[string]any {
		out := map[string]any{}
		for k, v := range header {
			out[k] = v
		}
		out[key] = value
		return out
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	payload := payloadOf(claimsFor(mine))
	cases := map[string]struct {
		raw  string
		code authority.Code
		kind authority.Kind
	}{
		"nothing":                        {"", authority.TokenMalformed, authority.Unauthenticated},
		"no JWT":                         {"a.b", authority.TokenMalformed, authority.Unauthenticated},
		"a megabyte":                     {strings.Repeat("a", 1<<20), authority.TokenMalformed, authority.Unauthenticated},
		"alg none":                       {forge(t, with(good, "alg", "none"), payload, func(string) []byte { return nil }), authority.TokenMalformed, authority.Unauthenticated},
		"HS384 with the public key":      {forge(t, with(good, "alg", "HS384"), payload, hs384(der)), authority.TokenMalformed, authority.Unauthenticated},
		"as issued, by the public key":   {forge(t, issued, payload, hs384(der)), authority.TokenMalformed, authority.Unauthenticated},
		"as issued, by no secret":        {forge(t, issued, payload, hs384(nil)), authority.TokenMalformed, authority.Unauthenticated},
		"as issued, by a key":            {forge(t, issued, payload, es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"another curve":                  {forge(t, good, payload, es384(t, short)), authority.TokenMalformed, authority.Unauthenticated},
		"a zero signature":               {forge(t, good, payload, func(string) []byte { return make([]byte, 96) }), authority.TokenMalformed, authority.Unauthenticated},
		"a key that says who it is":      {forge(t, with(good, "jwk", map[string]string{"kty": "EC"}), payload, es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"a kid that is a path":           {forge(t, with(good, "kid", "../../etc/passwd"), payload, es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"a kid that is a URL":            {forge(t, with(good, "kid", "https://evil.example/key"), payload, es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"a kid that is a stage":          {forge(t, with(good, "kid", mine.String()), payload, es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"a stranger's signature":         {by(stranger, kid, mine, nil), authority.TokenMalformed, authority.Unauthenticated},
		"an own token by another key":    {by(key, "", mine, nil), authority.TokenMalformed, authority.Unauthenticated},
		"a deleted key":                  {by(gone, goneKid, mine, nil), authority.TokenMalformed, authority.Unauthenticated},
		"another account's stage":        {by(key, kid, others, nil), authority.TokenMalformed, authority.Unauthenticated},
		"another account's, not there":   {by(key, kid, arn.New(arn.Stage, "999900001111", region), nil), authority.TokenMalformed, authority.Unauthenticated},
		"another region's stage":         {by(key, kid, elsewhere, nil), authority.TokenMalformed, authority.Unauthenticated},
		"a stage that was deleted":       {by(key, kid, deleted, nil), authority.StageDeleted, authority.NotFound},
		"topic and resource differ":      {by(key, kid, mine, func(c *token.Claims) { c.StageID = elsewhere.ID }), authority.TokenMalformed, authority.Unauthenticated},
		"another server's addresses":     {by(key, kid, mine, func(c *token.Claims) { c.WHIPURL = "https://evil.example/whip" }), authority.TokenMalformed, authority.Unauthenticated},
		"another server's events":        {by(key, kid, mine, func(c *token.Claims) { c.EventsURL += "/" }), authority.TokenMalformed, authority.Unauthenticated},
		"a disconnected participant":     {by(key, kid, mine, func(c *token.Claims) { c.ParticipantID = "revoked" }), authority.ParticipantDisconnected, authority.Forbidden},
		"expired":                        {by(key, kid, mine, func(c *token.Claims) { c.IssuedAt, c.ExpiresAt = ago(2), ago(1) }), authority.TokenExpired, authority.Unauthenticated},
		"from the future":                {by(key, kid, mine, func(c *token.Claims) { c.IssuedAt, c.ExpiresAt = ago(-2), ago(-3) }), authority.TokenMalformed, authority.Unauthenticated},
		"without exp":                    {forge(t, good, with(payload, "exp", nil), es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"exp in a hundred years":         {forge(t, good, with(payload, "exp", int64(4e9)), es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"hidden, by an application":      {by(key, kid, mine, func(c *token.Claims) { c.Hidden = true }), authority.TokenMalformed, authority.Unauthenticated},
		"attributes of two kilobytes":    {forge(t, good, with(payload, "attributes", map[string]string{"a": strings.Repeat("x", 2048)}), es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
		"not before the day after today": {forge(t, good, with(payload, "nbf", time.Now().Add(time.Hour).Unix()), es384(t, key)), authority.TokenMalformed, authority.Unauthenticated},
	}
	for name, c := range cases {
		for range 2 { // no bad token is cached as good
			_, err := a.Authorize(t.Context(), c.raw)
			var r *authority.Refusal
			if !errors.As(err, &r) || r.Code != c.code || r.Kind != c.kind {
				t.Errorf("%s: refused with %v, want %s", name, err, c.code)
			}
			if r != nil && (strings.Contains(r.Error(), "999900001111") || c.raw != "" && strings.Contains(r.Error(), c.raw)) {
				t.Errorf("%s: the refusal reveals too much: %s", name, r)
			}
		}
	}
	if _, err := a.Authorize(t.Context(), by(key, kid, mine, nil)); err != nil {
		t.Errorf("a good self-signed token is refused: %v", err)
	}
}

func ago(hours int) time.Time {
	return time.Now().Add(-time.Duration(hours) * time.Hour).Truncate(time.Second)
}

func hs384(key []byte) func(string) []byte {
	return func(signed string) []byte {
		h := hmac.New(crypto.SHA384.New, key)
		h.Write([]byte(signed))
		return h.Sum(nil)
	}
}

func TestAuthority_ChecksAgainWhatCanChange(t *testing.T) {
	s := newStore(t)
	a, name := newAuthority(t, s), newStage(t, s, account, region)
	key, kid := importKey(t, s, account, region)
	c := claimsFor(name)
	c.KeyARN = kid
	raw := mint(t, key, c)
	if _, err := a.Authorize(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.Revoke(name.String(), c.ParticipantID, time.Now().Add(time.Hour)) })
	wantRefusal(t, a, raw, authority.ParticipantDisconnected)
	c.ParticipantID = "another"
	raw = mint(t, key, c)
	if _, err := a.Authorize(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.PublicKeys().Delete(kid) })
	wantRefusal(t, a, raw, authority.TokenMalformed)
	own, err := a.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authorize(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.Stages().Delete(name.String()) })
	wantRefusal(t, a, own, authority.StageDeleted)
}

func wantRefusal(t *testing.T, a *authority.Authority, raw string, code authority.Code) {
	t.Helper()
	_, err := a.Authorize(t.Context(), raw)
	var r *authority.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("the error is %v, want %s", err, code)
	}
}

func TestAuthority_AcceptsExpiredTokenOfOpenConnection(t *testing.T) {
	s := newStore(t)
	a, name := newAuthority(t, s), newStage(t, s, account, region)
	c := claimsFor(name)
	c.IssuedAt, c.ExpiresAt = ago(2), ago(1)
	raw, err := a.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, a, raw, authority.TokenExpired)
	if g, err := a.AuthorizeHolder(t.Context(), raw); err != nil || g.ParticipantID != c.ParticipantID {
		t.Errorf("the holder gets %+v, %v", g, err)
	}
}

// BenchmarkAuthorize measures what each request of a participant pays for the check of its token.
func BenchmarkAuthorize(b *testing.B) {
	s := newStore(b)
	a := newAuthority(b, s)
	name := newStage(b, s, account, region)
	raw, err := a.Issue(claimsFor(name))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authorize(context.Background(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func TestGrant_NoMoreThanAnExchangeLeft(t *testing.T) {
	issued := time.Unix(1788264000, 0)
	for _, c := range []struct {
		name              string
		issued            time.Time
		rights            store.Rights
		publish, received bool
	}{
		{"an older token", issued.Add(-time.Second), store.Rights{Subscribe: true, Issued: issued}, false, true},
		{"one of the same second", issued, store.Rights{Publish: true, Issued: issued}, true, false},
		{"one of the same second, nothing taken", issued, store.Rights{Publish: true, Subscribe: true, Issued: issued}, true, true},
		{"a newer token", issued.Add(time.Second), store.Rights{Issued: issued}, true, true},
	} {
		g := authority.Grant{Claims: token.Claims{Publish: true, Subscribe: true, IssuedAt: c.issued}}.NoMoreThan(c.rights)
		if g.Publish != c.publish || g.Subscribe != c.received {
			t.Errorf("%s: publish %v, subscribe %v, want %v, %v", c.name, g.Publish, g.Subscribe, c.publish, c.received)
		}
	}
	none := authority.Grant{Claims: token.Claims{IssuedAt: issued}}.NoMoreThan(store.Rights{Publish: true, Subscribe: true, Issued: issued})
	if none.Publish || none.Subscribe {
		t.Error("an exchange for a token with more rights gives them to an older one")
	}
}
