package sigv4

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Key is an access key as the server stores it.
type Key struct {
	Secret string
	// SessionToken must be sent with a temporary key; "" for a long-term key, which
	// must be sent without.
	SessionToken string
	// Expires is when a temporary key expires; zero for never.
	Expires time.Time
}

// Lookup finds an access key. known is false if the key does not exist or is
// revoked; err is a failure of the lookup. Screen and Verify call it for requests
// that are not authenticated.
type Lookup func(ctx context.Context, accessKeyID string) (key Key, known bool, err error)

// Identity is who signed a request, for which region and when.
type Identity struct {
	AccessKeyID string
	Region      string    // of the scope
	SignedAt    time.Time // by the caller's clock
	Presigned   bool      // signed in the query, so that others may send it
}

// Config has the options of a Verifier; the zero value is valid.
type Config struct {
	// Skew is the allowed difference of the caller's clock. Default 5 minutes, as
	// in AWS.
	Skew time.Duration
	// PublicHost is the host of the service's public URL, with its port if it
	// has one: what requests behind a proxy are signed for. Default none.
	PublicHost string
	// Now is the server's clock. Default time.Now.
	Now func() time.Time
}

// Verifier verifies requests to one service. It is safe for concurrent use.
type Verifier struct {
	service string
	lookup  Lookup
	skew    time.Duration
	public  []string // the spellings of Config.PublicHost
	now     func() time.Time
	decoy   string // secret in place of an unknown key's
	keys    keyCache
	buffers sync.Pool // *[]byte
}

// NewVerifier returns a Verifier of requests signed for service ("ivs").
func NewVerifier(service string, lookup Lookup, cfg Config) *Verifier {
	v := &Verifier{service: service, lookup: lookup, skew: cfg.Skew, public: spellings(cfg.PublicHost), now: cfg.Now, decoy: rand.Text()}
	if v.skew == 0 {
		v.skew = 5 * time.Minute
	}
	if v.now == nil {
		v.now = time.Now
	}
	v.buffers.New = func() any {
		b := make([]byte, 0, 2<<10)
		return &b
	}
	return v
}

// Claimed returns the identity in r without verification: for servers that accept
// any credentials, and for logs.
func Claimed(r *http.Request) (Identity, error) {
	c, err := readClaim(r)
	if err != nil {
		return Identity{}, err
	}
	return c.identity(), nil
}

// Screen refuses requests that Verify would refuse with any body: without a
// signature, with another scope or time, or of an unknown key. Their bodies need
// not be read.
func (v *Verifier) Screen(r *http.Request) error {
	c, err := readClaim(r)
	if err != nil {
		return err
	}
	if err := v.check(r, c); err != nil {
		return err
	}
	_, known, err := v.lookup(r.Context(), c.accessKeyID)
	if err != nil {
		return fmt.Errorf("look up access key: %w", err)
	}
	if !known {
		return unrecognized()
	}
	return nil
}

// Verify returns who signed r, whose whole body is body. The error is an *Error if
// verification fails; other errors are from the lookup.
//
// It verifies that method, path, query and all X-Amz- headers are as signed; the
// host, in one of the spellings of host.go; the body, unless it is signed as
// UNSIGNED-PAYLOAD; that the key is known and not expired; and that the time is
// within the skew or, if presigned, within the lifetime. Within that time a
// request can be replayed.
func (v *Verifier) Verify(r *http.Request, body []byte) (Identity, error) {
	c, err := readClaim(r)
	if err != nil {
		return Identity{}, err
	}
	if err := v.check(r, c); err != nil {
		return Identity{}, err
	}
	payloadHash, intact, err := payload(c, body)
	if err != nil {
		return Identity{}, err
	}
	key, known, err := v.lookup(r.Context(), c.accessKeyID)
	if err != nil {
		return Identity{}, fmt.Errorf("look up access key: %w", err)
	}
	if !known {
		key = Key{Secret: v.decoy}
	}

	buffer := v.buffers.Get().(*[]byte)
	defer v.buffers.Put(buffer)
	canonical, err := appendCanonical((*buffer)[:0], r, c, payloadHash)
	if err != nil {
		return Identity{}, err
	}
	if cap(canonical) <= 64<<10 { // large buffers are not pooled
		*buffer = canonical
	}
	toSign := stringToSign(c, canonical)
	match := v.matches(scopedSecret{key.Secret, c.day, c.region}, r.Host, canonical, toSign, c)
	tokenMatch := subtle.ConstantTimeCompare([]byte(c.token), []byte(key.SessionToken)) == 1

	switch {
	case !known:
		return Identity{}, unrecognized()
	case !match:
		return Identity{}, mismatch(c, canonical, toSign)
	case !tokenMatch:
		return Identity{}, unrecognized()
	case !key.Expires.IsZero() && !v.now().Before(key.Expires):
		return Identity{}, &Error{ExpiredToken, "The security token included in the request is expired"}
	case !intact:
		return Identity{}, invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return c.identity(), nil
}

// matches compares the claimed signature with the expected one in constant time,
// for each possible host. A signing key is cached only after a match, so that
// unauthenticated clients can't fill the cache; the decoy's key is cached with it,
// so that unknown access keys take the same time as known ones.
func (v *Verifier) matches(secret scopedSecret, host string, canonical, toSign []byte, c *claim) bool {
	key, cached := v.keys.get(secret)
	if !cached {
		key = secret.derive(v.service)
	}
	if !c.fits(key, toSign) && !slices.ContainsFunc(v.otherHosts(host), func(other string) bool {
		return c.fits(key, stringToSign(c, withHost(canonical, other)))
	}) {
		return false
	}
	if !cached {
		v.keys.put(secret, key)
		decoy := scopedSecret{v.decoy, secret.day, secret.region}
		v.keys.put(decoy, decoy.derive(v.service))
	}
	return true
}

// check checks the claim as far as that needs no key.
func (v *Verifier) check(r *http.Request, c *claim) error {
	if c.service != v.service {
		return invalid("Credential should be scoped to correct service: '" + v.service + "'.")
	}
	if day := c.stamp[:len(dayLayout)]; c.day != day {
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			clip(c.day) + "' != '" + day + "', from '" + c.stamp + "'.")
	}
	if err := v.checkClock(c); err != nil {
		return err
	}
	if !c.signs("host") {
		return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		const prefix = "x-amz-"
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			continue
		}
		if !c.signs(name) {
			return invalid("'" + clip(name) + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

// checkClock refuses a signing time outside the window. The code and the messages
// are those by which SDKs correct their clock, from the Date header or, in old
// SDKs, from the time in parentheses.
func (v *Verifier) checkClock(c *claim) error {
	now := v.now().UTC()
	if c.at.Sub(now) > v.skew {
		return invalid(fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s.)",
			c.stamp, now.Add(v.skew).Format(stampLayout), now.Format(stampLayout), spell(v.skew)))
	}
	lifetime := v.skew
	if c.expires > 0 {
		lifetime = c.expires
	}
	if now.Sub(c.at) > lifetime {
		return invalid(fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s.)",
			c.stamp, now.Add(-lifetime).Format(stampLayout), now.Format(stampLayout), spell(lifetime)))
	}
	return nil
}

func spell(d time.Duration) string {
	if d%time.Minute != 0 {
		return fmt.Sprintf("%d sec", d/time.Second)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// payload returns the payload hash of the canonical request, and whether the body
// has that hash.
func payload(c *claim, body []byte) (line string, intact bool, err error) {
	if c.payload == "UNSIGNED-PAYLOAD" {
		return c.payload, true, nil
	}
	if c.payload != "" && len(c.payload) != 2*sha256.Size {
		if strings.HasPrefix(c.payload, "STREAMING-") {
			return "", false, invalid("x-amz-content-sha256 '" + clip(c.payload) + "' announces a body signed in chunks, which is not supported: sign the whole body.")
		}
		return "", false, invalid("x-amz-content-sha256 must be UNSIGNED-PAYLOAD or the SHA-256 of the body as 64 hexadecimal digits.")
	}
	sum := sha256.Sum256(body)
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	if c.payload == "" {
		return string(digits[:]), true, nil
	}
	return c.payload, string(digits[:]) == c.payload, nil
}

func stringToSign(c *claim, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b := make([]byte, 0, 256)
	for _, s := range [...]string{algorithm, "\n", c.stamp, "\n", c.day, "/", c.region, "/", c.service, "/", terminator, "\n"} {
		b = append(b, s...)
	}
	return hex.AppendEncode(b, sum[:])
}

// mismatch is the error for a wrong signature. It contains what the server hashed,
// to debug signers, but no session token: messages end up in logs.
func mismatch(c *claim, canonical, toSign []byte) error {
	const max = 4 << 10
	message := "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	if c.token == "" && len(canonical) <= max {
		message += fmt.Sprintf("\n\nThe Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
			strings.ToValidUTF8(string(canonical), "."), toSign)
	}
	return invalid(message)
}
