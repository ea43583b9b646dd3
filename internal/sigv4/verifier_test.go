package sigv4

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

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

func TestKeyCache_KeepsAWholeGeneration(t *testing.T) {
	var c keyCache
	for i := range 2 * keyGeneration {
		c.put(scopedSecret{secret: fmt.Sprint(i)}, signingKey{byte(i)})
	}
	for i := range 2 * keyGeneration {
		s := scopedSecret{secret: fmt.Sprint(i)}
		if key, ok := c.young[s]; ok != (i >= keyGeneration) || ok && key != (signingKey{byte(i)}) {
			t.Fatalf("key %d is in the young generation: %t", i, ok)
		}
		if key, ok := c.old[s]; ok != (i < keyGeneration) || ok && key != (signingKey{byte(i)}) {
			t.Fatalf("key %d is in the old generation: %t", i, ok)
		}
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
