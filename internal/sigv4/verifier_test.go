package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func wantError(t *testing.T, err error, code, fragment string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error with code %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Message, fragment) {
		t.Errorf("got %s %q, want %s with %q", e.Code, e.Message, code, fragment)
	}
}

var (
	lasting   = aws.Credentials{AccessKeyID: "AKIALASTING", SecretAccessKey: "lasting secret"}
	temporary = aws.Credentials{AccessKeyID: "ASIATEMPORARY", SecretAccessKey: "temporary secret", SessionToken: "token+/="}
	expired   = aws.Credentials{AccessKeyID: "ASIAEXPIRED", SecretAccessKey: "expired secret", SessionToken: "over"}
)

var testNow = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func testLookup(_ context.Context, id string) (Key, bool, error) {
	switch id {
	case lasting.AccessKeyID:
		return Key{Secret: lasting.SecretAccessKey}, true, nil
	case temporary.AccessKeyID:
		return Key{Secret: temporary.SecretAccessKey, SessionToken: temporary.SessionToken, Expires: testNow.Add(time.Hour)}, true, nil
	case expired.AccessKeyID:
		return Key{Secret: expired.SecretAccessKey, SessionToken: expired.SessionToken, Expires: testNow}, true, nil
	case "AKIABROKEN":
		return Key{}, false, io.ErrUnexpectedEOF
	}
	return Key{}, false, nil
}

func testVerifier() *Verifier {
	return NewVerifier("ivs", testLookup, Config{Now: func() time.Time { return testNow }})
}

// order is one request to be signed; its zero value is a plain GetStage.
type order struct {
	method, url, body string
	creds             aws.Credentials
	service, region   string
	at                time.Time
	hash              string // given to the signer; the body's when empty
	header            http.Header
}

func (o order) filled() order {
	if o.method == "" {
		o.method, o.body = "POST", `{"arn":"arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl"}`
	}
	if o.url == "" {
		o.url = "http://localhost:7080/GetStage"
	}
	if o.creds.AccessKeyID == "" {
		o.creds = lasting
	}
	if o.service == "" {
		o.service = "ivs"
	}
	if o.region == "" {
		o.region = "eu-west-1"
	}
	if o.at.IsZero() {
		o.at = testNow
	}
	if o.hash == "" {
		sum := sha256.Sum256([]byte(o.body))
		o.hash = hex.EncodeToString(sum[:])
	}
	return o
}

func (o order) request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(o.method, o.url, strings.NewReader(o.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range o.header {
		r.Header[name] = values
	}
	return r
}

// sign signs with AWS's own signer, and returns the request as a server reads
// it from the wire.
func (o order) sign(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	o = o.filled()
	r := o.request(t)
	if err := v4.NewSigner().SignHTTP(t.Context(), o.creds, r, o.hash, o.service, o.region, o.at); err != nil {
		t.Fatal(err)
	}
	return received(t, r), []byte(o.body)
}

func (o order) presign(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	o = o.filled()
	signed, header, err := v4.NewSigner().PresignHTTP(t.Context(), o.creds, o.request(t), o.hash, o.service, o.region, o.at)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(o.method, signed, strings.NewReader(o.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	return received(t, r), []byte(o.body)
}

// received sends r through a real server's parser.
func received(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		got.RequestURI = r.RequestURI
	}))
	defer server.Close()
	sent := r.Clone(t.Context())
	sent.Host = r.Host
	if sent.Host == "" {
		sent.Host = r.URL.Host
	}
	sent.URL.Host = server.Listener.Addr().String()
	res, err := server.Client().Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return got
}

func TestVerify_AcceptsWhatTheSDKSigns(t *testing.T) {
	const tags = "http://localhost:7080/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A000000000000%3Astage%2Fabcdefghijkl"
	cases := map[string]order{
		"a plain call":                       {},
		"a call with a session token":        {creds: temporary},
		"an unsigned payload":                {hash: "UNSIGNED-PAYLOAD", header: http.Header{"X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}},
		"an ARN with its slash escaped":      {method: "GET", url: tags},
		"an ARN with its slash bare":         {method: "GET", url: strings.Replace(tags, "%2F", "/", 1)},
		"an ARN with nothing escaped":        {method: "GET", url: "http://localhost:7080/tags/arn:aws:ivs:us-east-1:000000000000:stage/abcdefghijkl"},
		"lower-case escapes":                 {method: "GET", url: strings.ToLower(tags)},
		"repeated parameters":                {method: "DELETE", url: tags + "?tagKeys=b%20c&tagKeys=a%2Bb&tagKeys=%C3%A9"},
		"values that sort otherwise encoded": {method: "DELETE", url: tags + "?tagKeys=a%2Fb&tagKeys=a-b&tagKeys=a"},
		"a host without a port":              {url: "http://ivs.example.org/GetStage"},
		"an IPv6 host":                       {url: "http://[::1]:7080/GetStage"},
		"headers with inner blanks":          {header: http.Header{"X-Amz-User-Agent": {"  a   b  "}, "Accept": {"a", "b"}}},
		"an empty path":                      {url: "http://localhost:7080"},
		"a clock four minutes behind":        {at: testNow.Add(-4 * time.Minute)},
		"a clock four minutes ahead":         {at: testNow.Add(4 * time.Minute)},
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			want := Identity{AccessKeyID: o.filled().creds.AccessKeyID, Region: "eu-west-1", SignedAt: o.filled().at}
			r, body := o.sign(t)
			if got, err := testVerifier().Verify(r, body); err != nil || got != want {
				t.Errorf("header-signed: got %+v, %v; want %+v", got, err, want)
			}
			want.Presigned = true
			r, body = o.presign(t)
			if got, err := testVerifier().Verify(r, body); err != nil || got != want {
				t.Errorf("presigned: got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestVerify_TakesThePayloadHashOfAHeader(t *testing.T) {
	o := order{}.filled()
	o.header = http.Header{"X-Amz-Content-Sha256": {o.hash}}
	r, body := o.sign(t)
	if _, err := testVerifier().Verify(r, body); err != nil {
		t.Errorf("a hash that is the body's: %v", err)
	}
	_, err := testVerifier().Verify(r, append(body, ' '))
	wantError(t, err, InvalidSignature, "x-amz-content-sha256")

	o.hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	o.header = http.Header{"X-Amz-Content-Sha256": {o.hash}}
	r, body = o.sign(t)
	_, err = testVerifier().Verify(r, body)
	wantError(t, err, InvalidSignature, "chunks")
}

func TestVerify_RefusesWhatIsNotAsSigned(t *testing.T) {
	tamper := map[string]func(r *http.Request, body *[]byte){
		"method":           func(r *http.Request, _ *[]byte) { r.Method = "PUT" },
		"path":             func(r *http.Request, _ *[]byte) { r.RequestURI = strings.Replace(r.RequestURI, "Get", "Delete", 1) },
		"query":            func(r *http.Request, _ *[]byte) { r.URL.RawQuery += "&more=1" },
		"host":             func(r *http.Request, _ *[]byte) { r.Host = "elsewhere:7080" },
		"port":             func(r *http.Request, _ *[]byte) { r.Host = "localhost:7081" },
		"body":             func(_ *http.Request, body *[]byte) { *body = bytes.Replace(*body, []byte("stage"), []byte("Stage"), 1) },
		"signed header":    func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-User-Agent", "other") },
		"header dropped":   func(r *http.Request, _ *[]byte) { r.Header.Del("X-Amz-User-Agent") },
		"header repeated":  func(r *http.Request, _ *[]byte) { r.Header.Add("X-Amz-User-Agent", "other") },
		"header smuggled":  func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Target", "other") },
		"host smuggled":    func(r *http.Request, _ *[]byte) { r.Header["Host"] = []string{"other"} },
		"no host":          func(r *http.Request, _ *[]byte) { r.Host = "" },
		"token smuggled":   func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Security-Token", "t") },
		"payload smuggled": func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
	}
	base := order{header: http.Header{"X-Amz-User-Agent": {"tests"}}}
	for name, change := range tamper {
		t.Run(name, func(t *testing.T) {
			r, body := base.sign(t)
			change(r, &body)
			if got, err := testVerifier().Verify(r, body); err == nil {
				t.Errorf("header-signed: believed as %+v", got)
			}
			r, body = order{}.presign(t)
			if name == "signed header" || name == "header dropped" {
				return // a presigned request's SDK headers are in its query
			}
			change(r, &body)
			if got, err := testVerifier().Verify(r, body); err == nil {
				t.Errorf("presigned: believed as %+v", got)
			}
		})
	}
}

// Each part of the Authorization header and of a presigned query, changed in
// each of its characters, must be refused.
func TestVerify_RefusesEveryChangedCharacter(t *testing.T) {
	r, body := order{creds: temporary}.sign(t)
	authorization := r.Header.Get("Authorization")
	for i := len(algorithm) + 1; i < len(authorization); i++ {
		for _, c := range []string{"", "0", "a", "/", ";", ",", "="} {
			changed := authorization[:i] + c + authorization[i+1:]
			r.Header.Set("Authorization", changed)
			if changed != authorization && !sameParts(changed, authorization) {
				if _, err := testVerifier().Verify(r, body); err == nil {
					t.Fatalf("believed %q", changed)
				}
			}
		}
	}
	r, body = order{creds: temporary}.presign(t)
	query := r.URL.RawQuery
	for i := range len(query) {
		changed := query[:i] + "1" + query[i+1:]
		same, _ := url.ParseQuery(changed)
		if was, _ := url.ParseQuery(query); fmt.Sprint(was) == fmt.Sprint(same) {
			continue
		}
		r.URL.RawQuery = changed
		if _, err := testVerifier().Verify(r, body); err == nil {
			t.Fatalf("believed %q", changed)
		}
	}
}

// sameParts holds when only the blanks after the commas differ.
func sameParts(a, b string) bool {
	return strings.ReplaceAll(a, ", ", ",") == strings.ReplaceAll(b, ", ", ",")
}

func TestVerify_NamesWhatIsWrong(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	cases := []struct {
		name     string
		order    order
		change   func(*http.Request)
		code     string
		fragment string
	}{
		{"no signature", order{}, func(r *http.Request) { r.Header.Del("Authorization") }, MissingAuthenticationToken, "Missing"},
		{"an empty header", order{}, set("Authorization", ""), IncompleteSignature, "algorithm"},
		{"another scheme", order{}, set("Authorization", "Bearer abc"), IncompleteSignature, "'Bearer'"},
		{"signature version 2", order{}, set("Authorization", "AWS AKIA:abc"), IncompleteSignature, "'AWS'"},
		{"the asymmetric algorithm", order{}, replace("AWS4-HMAC", "AWS4-ECDSA-P256"), IncompleteSignature, "algorithm"},
		{"nothing but the algorithm", order{}, set("Authorization", algorithm), IncompleteSignature, "equal-sign"},
		{"two Authorization headers", order{}, func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }, IncompleteSignature, "2 times"},
		{"no credential", order{}, replace("Credential=", "Kredential="), IncompleteSignature, "'Kredential'"},
		{"a part twice", order{}, replace("Credential=", "Signature=x, Credential="), IncompleteSignature, "twice"},
		{"a part too many", order{}, replace("Credential=", "Extra=1, Credential="), IncompleteSignature, "'Extra'"},
		{"only a signature", order{}, set("Authorization", algorithm+" Signature="+strings.Repeat("0", 64)), IncompleteSignature, "requires 'Credential' parameter. Authorization header requires 'SignedHeaders'"},
		{"a short signature", order{}, replace("Signature=", "Signature=0"), IncompleteSignature, "64 hexadecimal"},
		{"a short scope", order{}, replace("/aws4_request", ""), IncompleteSignature, "5 slash-delimited"},
		{"a long scope", order{}, replace("/aws4_request", "/aws4_request/x"), IncompleteSignature, "5 slash-delimited"},
		{"another terminator", order{}, replace("/aws4_request", "/aws5_request"), InvalidSignature, "terminator"},
		{"another service", order{service: "s3"}, nil, InvalidSignature, "correct service: 'ivs'"},
		{"an empty region", order{}, replace("/eu-west-1/", "//"), InvalidSignature, "valid region"},
		{"another region than signed", order{}, replace("/eu-west-1/", "/us-east-1/"), InvalidSignature, "does not match the signature"},
		{"another day than the date's", order{}, replace("/20260901/", "/20260902/"), InvalidSignature, "'20260902' != '20260901'"},
		{"headers out of order", order{}, replace("SignedHeaders=", "SignedHeaders=zz;"), IncompleteSignature, "ascending"},
		{"upper-case signed headers", order{}, replace(";host", ";Host"), IncompleteSignature, "lower-case"},
		{"the host not signed", order{}, replace("host;", ""), InvalidSignature, "'Host'"},
		{"the date not signed", order{}, replace(";x-amz-date", ""), InvalidSignature, "'X-Amz-Date'"},
		{"a signed header that isn't there", order{}, replace("host;", "host;if-match;"), InvalidSignature, "'if-match' is not in the request"},
		{"a malformed date", order{}, set("X-Amz-Date", "2026-09-01T12:00:00Z"), IncompleteSignature, "basic format"},
		{"a date with a fraction", order{}, set("X-Amz-Date", "20260901T120000.5Z"), IncompleteSignature, "basic format"},
		{"two dates", order{}, func(r *http.Request) { r.Header.Add("X-Amz-Date", "20260901T120000Z") }, IncompleteSignature, "2 times"},
		{"no date", order{}, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, IncompleteSignature, "'Date'"},
		{"a date nobody signed", order{}, func(r *http.Request) { r.Header.Del("X-Amz-Date"); r.Header.Set("Date", "20260901T120000Z") }, IncompleteSignature, "signed 'Date'"},
		{"an unknown key", order{creds: aws.Credentials{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "s"}}, nil, UnrecognizedClient, "security token"},
		{"a wrong secret", order{creds: aws.Credentials{AccessKeyID: lasting.AccessKeyID, SecretAccessKey: "s"}}, nil, InvalidSignature, "Canonical String"},
		{"a temporary key without its token", order{creds: aws.Credentials{AccessKeyID: temporary.AccessKeyID, SecretAccessKey: temporary.SecretAccessKey}}, nil, UnrecognizedClient, ""},
		{"a temporary key with another token", order{creds: aws.Credentials{AccessKeyID: temporary.AccessKeyID, SecretAccessKey: temporary.SecretAccessKey, SessionToken: "other"}}, nil, UnrecognizedClient, ""},
		{"a lasting key with a token", order{creds: aws.Credentials{AccessKeyID: lasting.AccessKeyID, SecretAccessKey: lasting.SecretAccessKey, SessionToken: "any"}}, nil, UnrecognizedClient, ""},
		{"a session that is over", order{creds: expired}, nil, ExpiredToken, "expired"},
		{"a malformed query", order{url: "http://localhost:7080/GetStage?a=1"}, func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, IncompleteSignature, "malformed"},
		{"a target too long", order{url: "http://localhost:7080/" + strings.Repeat("a", maxTarget)}, nil, IncompleteSignature, "longer"},
		{"an Authorization too long", order{}, set("Authorization", algorithm+" "+strings.Repeat("a", maxAuthorization)), IncompleteSignature, "longer"},
		{"signed in header and query", order{}, func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=0" }, IncompleteSignature, "signed twice"},
		{"a payload hash of no kind", order{hash: "x", header: http.Header{"X-Amz-Content-Sha256": {"x"}}}, nil, InvalidSignature, "64 hexadecimal"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, body := c.order.sign(t)
			if c.change != nil {
				c.change(r)
			}
			_, err := testVerifier().Verify(r, body)
			wantError(t, err, c.code, c.fragment)
		})
	}
}

func TestVerify_NamesWhatIsWrongInAPresignedQuery(t *testing.T) {
	cases := []struct {
		name, old, new string
		code, fragment string
	}{
		{"no algorithm", "X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", IncompleteSignature, "algorithm"},
		{"no signature", "X-Amz-Signature=", "Y=", IncompleteSignature, "Query requires 'Signature'"},
		{"no date", "X-Amz-Date=", "Y=", IncompleteSignature, "X-Amz-Date"},
		{"a parameter twice", "X-Amz-Date=", "X-Amz-Date=1&X-Amz-Date=", IncompleteSignature, "twice"},
		{"no lifetime at all", "X-Amz-Expires=60", "X-Amz-Expires=0", IncompleteSignature, "604800"},
		{"a lifetime over a week", "X-Amz-Expires=60", "X-Amz-Expires=604801", IncompleteSignature, "604800"},
		{"a negative lifetime", "X-Amz-Expires=60", "X-Amz-Expires=-1", IncompleteSignature, "604800"},
		{"a longer lifetime than signed", "X-Amz-Expires=60", "X-Amz-Expires=61", InvalidSignature, "does not match"},
		{"a malformed pair", "X-Amz-Expires=60", "X-Amz-Expires=60&a=%4", IncompleteSignature, "malformed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, body := order{url: "http://localhost:7080/GetStage?X-Amz-Expires=60"}.presign(t)
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, c.old, c.new, 1)
			_, err := testVerifier().Verify(r, body)
			wantError(t, err, c.code, c.fragment)
		})
	}
}

func TestVerify_HoldsTheClockWindow(t *testing.T) {
	const notYet, over = "Signature not yet current: ", "Signature expired: "
	cases := []struct {
		name    string
		offset  time.Duration // of the caller's clock
		expires string        // presigned when given
		want    string        // start of the message; "" for believed
	}{
		{"right on time", 0, "", ""},
		{"5 minutes behind", -5 * time.Minute, "", ""},
		{"5 minutes and a second behind", -5*time.Minute - time.Second, "", over + "20260901T115459Z is now earlier than 20260901T115500Z (20260901T120000Z - 5 min.)"},
		{"5 minutes ahead", 5 * time.Minute, "", ""},
		{"5 minutes and a second ahead", 5*time.Minute + time.Second, "", notYet + "20260901T120501Z is still later than 20260901T120500Z (20260901T120000Z + 5 min.)"},
		{"a day behind", -24 * time.Hour, "", over},
		{"presigned for a minute, just alive", -time.Minute, "60", ""},
		{"presigned for a minute, over", -61 * time.Second, "60", over},
		{"presigned for 90 seconds, over", -91 * time.Second, "90", over + "20260901T115829Z is now earlier than 20260901T115830Z (20260901T120000Z - 90 sec.)"},
		{"presigned for a week, just alive", -7 * 24 * time.Hour, "604800", ""},
		{"presigned for a week, over", -7*24*time.Hour - time.Second, "604800", over},
		{"presigned in the future", 6 * time.Minute, "604800", notYet},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := order{at: testNow.Add(c.offset)}
			var r *http.Request
			var body []byte
			if c.expires == "" {
				r, body = o.sign(t)
			} else {
				o.url = "http://localhost:7080/GetStage?X-Amz-Expires=" + c.expires
				r, body = o.presign(t)
			}
			_, err := testVerifier().Verify(r, body)
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v, want it believed", err)
				}
				return
			}
			wantError(t, err, InvalidSignature, c.want)
		})
	}
}

func TestVerify_TakesASignedDateHeader(t *testing.T) {
	for _, date := range []string{"20260901T120000Z", "Tue, 01 Sep 2026 12:00:00 GMT"} {
		r := suiteRequest("POST", "/GetStage", "Date", date)
		sign(t, r, "date;host")
		if _, err := testVerifier().Verify(r, nil); err != nil {
			t.Errorf("%s: %v", date, err)
		}
	}
}

// sign signs for the lasting key as appendCanonical has it, for forms the
// SDK's signer doesn't make.
func sign(t *testing.T, r *http.Request, signedHeaders string) {
	t.Helper()
	c := &claim{day: "20260901", region: "eu-west-1", service: "ivs", signedHeaders: signedHeaders, stamp: "20260901T120000Z"}
	line, _, err := payload(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := appendCanonical(nil, r, c, line)
	if err != nil {
		t.Fatal(err)
	}
	key := scopedSecret{lasting.SecretAccessKey, c.day, c.region}.derive(c.service)
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/20260901/eu-west-1/ivs/aws4_request,SignedHeaders=%s,Signature=%x",
		algorithm, lasting.AccessKeyID, signedHeaders, mac(key[:], string(stringToSign(c, canonical)))))
}

func TestVerify_HandsOnTheLookupsError(t *testing.T) {
	r, body := order{creds: aws.Credentials{AccessKeyID: "AKIABROKEN", SecretAccessKey: "s"}}.sign(t)
	if _, err := testVerifier().Verify(r, body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the lookup's error", err)
	}
}

func TestVerify_KeepsSecretsOutOfErrors(t *testing.T) {
	o := order{creds: temporary}
	o.creds.SecretAccessKey = "wrong"
	r, body := o.sign(t)
	_, err := testVerifier().Verify(r, body)
	wantError(t, err, InvalidSignature, "does not match")
	for _, secret := range []string{temporary.SecretAccessKey, temporary.SessionToken} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is in %q", secret, err)
		}
	}
}

func TestVerify_CachesOnlyKeysThatProvedThemselves(t *testing.T) {
	v := testVerifier()
	for i := range 3 * keyGeneration {
		r, body := suiteRequest("POST", "/", "X-Amz-Date", "20260901T120000Z"), []byte(nil)
		r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/20260901/r-%d/ivs/aws4_request, SignedHeaders=host;x-amz-date, Signature=%064d",
			algorithm, lasting.AccessKeyID, i, 0))
		_, err := v.Verify(r, body)
		wantError(t, err, InvalidSignature, "does not match")
	}
	if n := len(v.keys.young) + len(v.keys.old); n != 0 {
		t.Errorf("strangers filled the cache with %d keys, want none", n)
	}
	r, body := order{}.sign(t)
	if _, err := v.Verify(r, body); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{lasting.SecretAccessKey, v.decoy} {
		if _, ok := v.keys.get(scopedSecret{secret, "20260901", "eu-west-1"}); !ok {
			t.Error("a key that proved itself, or its decoy, is not cached")
		}
	}
}

func TestKeyCache_IsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	var c keyCache
	used := scopedSecret{secret: "used"}
	c.put(used, signingKey{1})
	for i := range 10 * keyGeneration {
		c.put(scopedSecret{secret: fmt.Sprint(i)}, signingKey{})
		if key, ok := c.get(used); !ok || key != (signingKey{1}) {
			t.Fatalf("a key in use was forgotten after %d others", i)
		}
	}
	if n := len(c.young) + len(c.old); n > 2*keyGeneration {
		t.Errorf("holds %d keys, want at most %d", n, 2*keyGeneration)
	}
}

func TestClaimed_NeedsNoSecret(t *testing.T) {
	r, _ := order{creds: aws.Credentials{AccessKeyID: "anyone", SecretAccessKey: "anything"}}.sign(t)
	got, err := Claimed(r)
	want := Identity{AccessKeyID: "anyone", Region: "eu-west-1", SignedAt: testNow}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func FuzzVerify(f *testing.F) {
	r, _ := order{creds: temporary}.sign(f)
	f.Add(r.Header.Get("Authorization"), "", "/GetStage")
	p, _ := order{creds: temporary}.presign(f)
	f.Add("", p.URL.RawQuery, "/tags/arn%3Aaws%2F")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=;,Signature=", "X-Amz-Signature=%", "/.././/..")
	f.Add("AWS4-HMAC-SHA256 ,,,===", "a=b&a&=&%41=;", "")
	body := []byte(order{}.filled().body)
	f.Fuzz(func(t *testing.T, authorization, query, path string) {
		v := testVerifier()
		r := suiteRequest("POST", path+"?"+query, "X-Amz-Date", "20260901T120000Z")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		_, err := v.Verify(r, body)
		var e *Error
		// The host isn't the one the seeds were signed for: nothing may pass.
		if !errors.As(err, &e) || e.Code == "" || e.Message == "" {
			t.Errorf("got %v, want an *Error", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for name, o := range map[string]order{"lasting": {}, "temporary": {creds: temporary}} {
		b.Run(name, func(b *testing.B) {
			r, body := o.sign(b)
			v := testVerifier()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("presigned", func(b *testing.B) {
		r, body := order{}.presign(b)
		v := testVerifier()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
