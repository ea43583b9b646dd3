package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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

func testConfig() Config { return Config{Now: func() time.Time { return testNow }} }

func testVerifier() *Verifier { return NewVerifier("ivs", testLookup, testConfig()) }

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
