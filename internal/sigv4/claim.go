package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	stampLayout = "20060102T150405Z"
	dayLayout   = "20060102"

	maxAuthorization = 8 << 10  // bytes; a hundred signed headers fit
	maxTarget        = 16 << 10 // bytes of path and query: a presigned URL with its session token fits
	maxExpires       = 7 * 24 * time.Hour
)

// claim is the signature of a request with its parameters, not verified.
type claim struct {
	accessKeyID string
	day         string // of the scope, YYYYMMDD
	region      string
	service     string

	signedHeaders string // lower-case names in ascending order, joined by ";"
	signature     [sha256.Size]byte

	at    time.Time
	stamp string // at, as the string to sign spells it

	token     string // session token, "" when there is none
	payload   string // x-amz-content-sha256, "" when absent
	presigned bool
	expires   time.Duration // presigned only; 0 when the request doesn't say
}

// readClaim reads the signature from the header or the query of r. A request with
// both is refused: they could claim two callers.
func readClaim(r *http.Request) (*claim, error) {
	if len(r.RequestURI) > maxTarget || len(r.URL.RawQuery) > maxTarget {
		return nil, incomplete("The request target is longer than " + strconv.Itoa(maxTarget) + " bytes.")
	}
	// net/http removes Host from the header map: a value there is not from HTTP.
	if _, ok := r.Header["Host"]; ok || r.Host == "" {
		return nil, incomplete("The request must have exactly one Host header.")
	}
	authorization, inHeader, err := only(r.Header, "Authorization")
	if err != nil {
		return nil, err
	}
	inQuery := strings.Contains(r.URL.RawQuery, "X-Amz-") && presigned(r.URL.RawQuery)
	switch {
	case inHeader && inQuery:
		return nil, incomplete("The request is signed twice, in the Authorization header and in the query: only one is allowed.")
	case inHeader:
		return headerClaim(r, authorization)
	case inQuery:
		return queryClaim(r)
	}
	return nil, &Error{MissingAuthenticationToken, "Missing Authentication Token"}
}

// headerClaim reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func headerClaim(r *http.Request, authorization string) (*claim, error) {
	if len(authorization) > maxAuthorization {
		return nil, incomplete("The Authorization header is longer than " + strconv.Itoa(maxAuthorization) + " bytes.")
	}
	scheme, rest, _ := strings.Cut(authorization, " ")
	if scheme != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + clip(scheme) + "'.")
	}
	var credential, signedHeaders, signature string
	for part := range strings.SplitSeq(rest, ",") {
		part = strings.Trim(part, " \t")
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header: '" + clip(part) + "'.")
		}
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &signedHeaders
		case "Signature":
			field = &signature
		default:
			return nil, incomplete("Authorization header has an unknown parameter '" + clip(name) + "'.")
		}
		if *field != "" {
			return nil, incomplete("Authorization header has the parameter '" + name + "' twice.")
		}
		*field = value
	}
	c := new(claim)
	if err := c.parts("Authorization header", credential, signedHeaders, signature); err != nil {
		return nil, err
	}
	var err error
	if c.token, _, err = only(r.Header, "X-Amz-Security-Token"); err != nil {
		return nil, err
	}
	if c.payload, _, err = only(r.Header, "X-Amz-Content-Sha256"); err != nil {
		return nil, err
	}
	return c, c.readDate(r.Header)
}

// readDate takes the time of signing from X-Amz-Date, or from Date where that
// is absent and signed.
func (c *claim) readDate(h http.Header) error {
	stamp, ok, err := only(h, "X-Amz-Date")
	if err != nil {
		return err
	}
	if ok {
		return c.date("X-Amz-Date", stamp)
	}
	date, ok, err := only(h, "Date")
	if err != nil {
		return err
	}
	if !ok || !c.signs("date") {
		return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a signed 'Date' header.")
	}
	if at, err := http.ParseTime(date); err == nil {
		date = at.UTC().Format(stampLayout)
	}
	return c.date("Date", date)
}

// presignParameters are the parameters of a signature in the query, each of which
// may occur once.
var presignParameters = [...]string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
}

func presigned(rawQuery string) bool {
	q, _ := url.ParseQuery(rawQuery) // queryClaim reports the error
	return q.Has("X-Amz-Algorithm") || q.Has("X-Amz-Credential") || q.Has("X-Amz-Signature")
}

func queryClaim(r *http.Request) (*claim, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query string is malformed.")
	}
	for _, name := range presignParameters {
		if len(q[name]) > 1 {
			return nil, incomplete("The query has the parameter '" + name + "' twice.")
		}
	}
	if a := q.Get("X-Amz-Algorithm"); a != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + clip(a) + "'.")
	}
	c := &claim{presigned: true, token: q.Get("X-Amz-Security-Token"), payload: q.Get("X-Amz-Content-Sha256")}
	err = c.parts("Query", q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
	if err != nil {
		return nil, err
	}
	inHeader, ok, err := only(r.Header, "X-Amz-Content-Sha256")
	if err != nil {
		return nil, err
	}
	if ok {
		c.payload = inHeader
	}
	if q.Has("X-Amz-Expires") {
		seconds, err := strconv.ParseUint(q.Get("X-Amz-Expires"), 10, 32)
		c.expires = time.Duration(seconds) * time.Second
		if err != nil || c.expires == 0 || c.expires > maxExpires {
			return nil, incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
		}
	}
	return c, c.date("X-Amz-Date", q.Get("X-Amz-Date"))
}

// parts parses what header and query have in common.
func (c *claim) parts(place, credential, signedHeaders, signature string) error {
	var missing []string
	for _, p := range [...][2]string{{"Credential", credential}, {"SignedHeaders", signedHeaders}, {"Signature", signature}} {
		if p[1] == "" {
			missing = append(missing, place+" requires '"+p[0]+"' parameter.")
		}
	}
	if missing != nil {
		return incomplete(strings.Join(missing, " "))
	}
	if err := c.scope(credential); err != nil {
		return err
	}
	if len(signature) != 2*sha256.Size {
		return incomplete("Signature must be 64 hexadecimal digits.")
	}
	if _, err := hex.Decode(c.signature[:], []byte(signature)); err != nil {
		return incomplete("Signature must be 64 hexadecimal digits.")
	}
	last := ""
	for name := range strings.SplitSeq(signedHeaders, ";") {
		if !headerName(name) {
			return incomplete("SignedHeaders must be lower-case header names: '" + clip(name) + "' isn't one.")
		}
		if name <= last {
			return incomplete("SignedHeaders must be in ascending order and each only once: '" + clip(name) + "'.")
		}
		last = name
	}
	c.signedHeaders = signedHeaders
	return nil
}

// scope reads "<access key>/<day>/<region>/<service>/aws4_request".
func (c *claim) scope(credential string) error {
	var end string
	fields := [...]*string{&c.accessKeyID, &c.day, &c.region, &c.service, &end}
	rest, more := credential, true
	for _, f := range fields {
		if !more {
			break
		}
		*f, rest, more = strings.Cut(rest, "/")
	}
	if more || end == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	if end != terminator {
		return invalid("Credential should be scoped with a valid terminator: '" + terminator + "', not '" + clip(end) + "'.")
	}
	if !keyID(c.accessKeyID) {
		return unrecognized()
	}
	if !regionName(c.region) {
		return invalid("Credential should be scoped to a valid region.")
	}
	return nil
}

func (c *claim) date(place, stamp string) error {
	at, err := time.Parse(stampLayout, stamp)
	if err != nil || len(stamp) != len(stampLayout) { // Parse accepts fractions of seconds
		return incomplete(place + " must be in ISO-8601 'basic format', as 20060102T150405Z. Got '" + clip(stamp) + "'.")
	}
	c.at, c.stamp = at, stamp
	return nil
}

// signs reports whether a header is signed; the name may have any case.
func (c *claim) signs(name string) bool {
	for signed := range strings.SplitSeq(c.signedHeaders, ";") {
		if strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

// identity is the claim of who signed.
func (c *claim) identity() Identity {
	return Identity{AccessKeyID: c.accessKeyID, Region: c.region, SignedAt: c.at, Presigned: c.presigned}
}

// fits reports whether the claimed signature is that of key over toSign.
func (c *claim) fits(key signingKey, toSign []byte) bool {
	h := hmac.New(sha256.New, key[:])
	h.Write(toSign)
	var sum [sha256.Size]byte
	return hmac.Equal(h.Sum(sum[:0]), c.signature[:])
}

// only returns the value of a header that must not be repeated.
func only(h http.Header, name string) (value string, ok bool, err error) {
	values := h[name]
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", false, incomplete("The request has the header '" + name + "' " + strconv.Itoa(len(values)) + " times.")
}

func keyID(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 128
}

func regionName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 32
}

// headerName holds for the tokens of RFC 9110 §5.6.2, in lower case.
func headerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// clip keeps what a message repeats of the request short and printable.
func clip(s string) string {
	const maximum = 64
	if len(s) > maximum {
		s = s[:maximum] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
}
