package sigv4

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

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
		{"a signed header twice", order{}, replace("host;", "host;host;"), IncompleteSignature, "ascending"},
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
