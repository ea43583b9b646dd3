package sigv4

import (
	"context"
	"crypto/hmac"
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

// Key is what the server knows of an access key.
type Key struct {
	Secret string
	// SessionToken is the token that must come with a temporary key; "" for a
	// lasting one, which must come without.
	SessionToken string
	// Expires is when a temporary key ends; zero for never.
	Expires time.Time
}

// Lookup finds an access key. known is false for one that doesn't exist or is
// revoked; err is for a lookup that could not be made. It is called by each of
// Screen and Verify, before anything about the request is proven.
type Lookup func(ctx context.Context, accessKeyID string) (key Key, known bool, err error)

// Identity is who signed a request, and for where and when.
type Identity struct {
	AccessKeyID string
	Region      string    // of the scope: the region the request is meant for
	SignedAt    time.Time // by the caller's clock
	Presigned   bool      // signed in the query, so perhaps sent by another
}

// Config is what a Verifier may do otherwise; its zero value is good.
type Config struct {
	// Skew is how far the caller's clock may be off, either way. Default 5
	// minutes, as AWS has it.
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
	decoy   string // stands in for the secret of an unknown key
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

// Claimed tells who r says it is from, with nothing verified: for a server
// that accepts any credentials, and for logs.
func Claimed(r *http.Request) (Identity, error) {
	c, err := readClaim(r)
	if err != nil {
		return Identity{}, err
	}
	return c.identity(), nil
}

func (c *claim) identity() Identity {
	return Identity{AccessKeyID: c.accessKeyID, Region: c.region, SignedAt: c.at, Presigned: c.presigned}
}

// Screen refuses what Verify would refuse whatever the body is: requests without a
// signature, with one for something else or another time, or of a key that is not
// known. So a body need not be read for them.
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

// Verify tells who signed r, whose whole body is body. A request that isn't
// to be believed gives an *Error; any other error is the lookup's.
//
// What is believed: the method, path, query and every X-Amz- header are as
// signed; so is the host, in one of the spellings of host.go; so is the body, unless the caller signed it as UNSIGNED-PAYLOAD;
// the key is known and its session not over; the time is within the skew, or,
// presigned, within the lifetime the caller gave it. A request sent twice
// within that time is believed twice.
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
	if cap(canonical) <= 64<<10 { // one huge request must not stay in the pool
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

// matches compares in constant time the claimed signature with ours, for one
// host after another. Only a signing key that has proven itself is cached, so
// that strangers can't fill the cache; the decoy's is cached beside it, so that
// an unknown access key is found out no slower and no faster than a known one.
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

// fits tells whether the claimed signature is that of key over toSign.
func (c *claim) fits(key signingKey, toSign []byte) bool {
	h := hmac.New(sha256.New, key[:])
	h.Write(toSign)
	var sum [sha256.Size]byte
	return hmac.Equal(h.Sum(sum[:0]), c.signature[:])
}

// check holds the claim against the rules that need no key.
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

// checkClock refuses a time of signing outside the window. The code and these
// messages make the SDKs compare their clock with the answer's Date header,
// correct it and sign again; the oldest read the server's time from the
// parentheses.
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

// payload is the payload's line of the canonical request, and whether the body
// is the one it speaks of.
func payload(c *claim, body []byte) (line string, intact bool, err error) {
	if c.payload == "UNSIGNED-PAYLOAD" {
		return c.payload, true, nil
	}
	if c.payload != "" && len(c.payload) != 2*sha256.Size {
		if strings.HasPrefix(c.payload, "STREAMING-") {
			return "", false, invalid("x-amz-content-sha256 '" + clip(c.payload) + "' announces a body signed in chunks, which this service does not take: sign the whole body.")
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

// mismatch shows the caller what the server hashed, which is how one finds
// the fault in a signer. All of it is the caller's own; a session token is
// left out all the same, since messages end up in logs.
func mismatch(c *claim, canonical, toSign []byte) error {
	const most = 4 << 10
	message := "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	if c.token == "" && len(canonical) <= most {
		message += fmt.Sprintf("\n\nThe Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
			strings.ToValidUTF8(string(canonical), "."), toSign)
	}
	return invalid(message)
}
