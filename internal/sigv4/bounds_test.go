package sigv4

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRecode_EncodesEachByteInOneWay(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"a+b":                "a%20b",
		"%41%61%7A%7a":       "Aazz",
		"%2f%2F":             "%2F%2F",
		"%00%99%aa%AA%ff%FF": "%00%99%AA%AA%FF%FF",
		"azAZ09-._~":         "azAZ09-._~",
		"`{@[/:,^":           "%60%7B%40%5B%2F%3A%2C%5E",
		"%4":                 malformed,
		"%":                  malformed,
		"a%4":                malformed,
		"%41":                "A",
		"%g0":                malformed,
		"%0g":                malformed,
		"%G0":                malformed,
		"%`0":                malformed,
		"%@0":                malformed,
		"%/0":                malformed,
		"%:0":                malformed,
		"%0:":                malformed,
	} {
		if got := recode(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAppendPath_Normalizes(t *testing.T) {
	for in, want := range map[string]string{
		"":          "/",
		"/":         "/",
		"/..":       "/",
		"/../a":     "/a",
		"/a/..":     "/",
		"/a/../b":   "/b",
		"/a/b/..":   "/a/",
		"/a/.":      "/a/",
		"/a/./b":    "/a/b",
		"/a//b":     "/a/b",
		"/a/b/../":  "/a/",
		"/a/b/../c": "/a/c",
		"/.a/b.":    "/.a/b.",
		"/a%2Fb":    "/a%252Fb",
	} {
		if got := string(appendPath(nil, in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAppendQuery_SortsByNameAndValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"b=1&a=2":               "a=2&b=1",
		"a=2&a=1&a=":            "a=&a=1&a=2",
		"a&b=&&c":               "a=&b=&c=",
		"b=1&a=3&b=0&a=2":       "a=2&a=3&b=0&b=1",
		"X-Amz-Signature=1&a=b": "a=b",
	} {
		got, err := appendQuery(nil, in, true)
		if err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
	if got, _ := appendQuery(nil, "X-Amz-Signature=1", false); string(got) != "X-Amz-Signature=1" {
		t.Errorf("a parameter of that name in a request signed in its header: got %q", got)
	}
	for _, in := range []string{"%zz=1", "a=%zz"} {
		if _, err := appendQuery(nil, in, false); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}

func TestAppendHeader_FindsAndFoldsValues(t *testing.T) {
	r := suiteRequest("POST", "/", "Zz-Aa-A1", " \ta \t b  ", "Zz-Aa-A1", "c")
	for name, want := range map[string]string{"zz-aa-a1": "a b,c", "host": "example.amazonaws.com"} {
		if got, err := appendHeader(nil, r, name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for length, want := range map[int64]string{0: "0", 7: "7"} {
		r.ContentLength = length
		if got, err := appendHeader(nil, r, "content-length"); err != nil || string(got) != want {
			t.Errorf("a length of %d: got %q, %v, want %s", length, got, err, want)
		}
	}
	r.ContentLength = -1
	if got, err := appendHeader(nil, r, "content-length"); err == nil {
		t.Errorf("an unknown length: got %q", got)
	}
	r.Header.Set("Content-Length", "9")
	r.ContentLength = 7
	if got, err := appendHeader(nil, r, "content-length"); err != nil || string(got) != "9" {
		t.Errorf("a length in the header: got %q, %v, want 9", got, err)
	}
}

func TestNames_AreHeldToTheirCharactersAndLengths(t *testing.T) {
	cases := []struct {
		kind  string
		check func(string) bool
		good  []string
		bad   []string
	}{
		{"an access key", keyID, []string{"a", "!~", strings.Repeat("a", 128)}, []string{"", " ", "a b", "\x7f", "\x1f", "é", strings.Repeat("a", 129)}},
		{"a region", regionName, []string{"a", "az-09", strings.Repeat("a", 32)}, []string{"", "`", "{", "/", ":", ",", ".", "A", strings.Repeat("a", 33)}},
		{"a header", headerName, []string{"a", "az09", "!#$%&'*+-.^_`|~", strings.Repeat("a", 256)}, []string{"", "{", "/", ":", "A", " ", "(", strings.Repeat("a", 257)}},
	}
	for _, c := range cases {
		for _, name := range c.good {
			if !c.check(name) {
				t.Errorf("%q is no name of %s", name, c.kind)
			}
		}
		for _, name := range c.bad {
			if c.check(name) {
				t.Errorf("%q is a name of %s", name, c.kind)
			}
		}
	}
}

func TestVerify_HoldsLengths(t *testing.T) {
	signed := func(target, region string) *http.Request {
		r := suiteRequest("POST", target, "X-Amz-Date", "20260901T120000Z")
		sign(t, r, "host;x-amz-date")
		return r
	}
	longest := signed("/"+strings.Repeat("a", maxTarget-1), "")
	if _, err := testVerifier().Verify(longest, nil); err != nil {
		t.Errorf("a target of %d bytes: %.80v", maxTarget, err)
	}
	_, err := testVerifier().Verify(signed("/"+strings.Repeat("a", maxTarget), ""), nil)
	wantError(t, err, IncompleteSignature, "longer than 16384 bytes")
	query := suiteRequest("POST", "/?"+strings.Repeat("a", maxTarget+1), "X-Amz-Date", "20260901T120000Z")
	query.RequestURI = "/"
	sign(t, query, "host;x-amz-date")
	_, err = testVerifier().Verify(query, nil)
	wantError(t, err, IncompleteSignature, "longer than 16384 bytes")
	query.URL.RawQuery = query.URL.RawQuery[:maxTarget]
	sign(t, query, "host;x-amz-date")
	if _, err = testVerifier().Verify(query, nil); err != nil {
		t.Errorf("a query of %d bytes: %.80v", maxTarget, err)
	}

	r := signed("/", "")
	authorization := r.Header.Get("Authorization")
	pad := func(length int) {
		r.Header.Set("Authorization", strings.Replace(authorization, ",", ","+strings.Repeat(" ", length-len(authorization)), 1))
	}
	pad(maxAuthorization)
	if _, err := testVerifier().Verify(r, nil); err != nil {
		t.Errorf("an Authorization of %d bytes: %.80v", maxAuthorization, err)
	}
	pad(maxAuthorization + 1)
	_, err = testVerifier().Verify(r, nil)
	wantError(t, err, IncompleteSignature, "longer than 8192 bytes")
}

func TestVerify_TakesLifetimesOfASecondToAWeek(t *testing.T) {
	for expires, good := range map[string]bool{"1": true, "604800": true, "0": false, "604801": false, "4294967296": false, "x": false} {
		r, body := order{url: "http://localhost:7080/GetStage?X-Amz-Expires=" + expires}.presign(t)
		if _, err := testVerifier().Verify(r, body); (err == nil) != good {
			t.Errorf("X-Amz-Expires=%s: got %v, want it believed: %v", expires, err, good)
		}
	}
}

func TestVerify_TakesAnySkew(t *testing.T) {
	cfg := testConfig()
	cfg.Skew = 90 * time.Second
	v := NewVerifier("ivs", testLookup, cfg)
	for offset, good := range map[time.Duration]bool{90 * time.Second: true, -90 * time.Second: true, 91 * time.Second: false, -91 * time.Second: false} {
		r, body := order{at: testNow.Add(offset)}.sign(t)
		_, err := v.Verify(r, body)
		if (err == nil) != good {
			t.Errorf("%v off: got %v, want it believed: %v", offset, err, good)
		}
		if !good {
			wantError(t, err, InvalidSignature, "90 sec.")
		}
	}
}

func TestVerify_KeepsSessionsToTheirEnd(t *testing.T) {
	r, body := order{creds: temporary, at: testNow.Add(time.Hour - time.Second)}.sign(t)
	for after, code := range map[time.Duration]string{time.Hour - time.Second: "", time.Hour: ExpiredToken} {
		cfg := testConfig()
		cfg.Now = func() time.Time { return testNow.Add(after) }
		_, err := NewVerifier("ivs", testLookup, cfg).Verify(r, body)
		if code == "" {
			if err != nil {
				t.Errorf("in its last second: %v", err)
			}
			continue
		}
		wantError(t, err, code, "expired")
	}
}

func TestVerify_ShowsTheCanonicalRequestUpTo4KiB(t *testing.T) {
	mismatched := func(target string) string {
		r := suiteRequest("POST", target, "X-Amz-Date", "20260901T120000Z")
		sign(t, r, "host;x-amz-date")
		r.Method = "PUTS"
		_, err := testVerifier().Verify(r, nil)
		if err == nil {
			t.Fatal("believed")
		}
		return err.Error()
	}
	canonical := func(target string) int {
		r := suiteRequest("PUTS", target, "X-Amz-Date", "20260901T120000Z")
		b, err := appendCanonical(nil, r, &claim{signedHeaders: "host;x-amz-date"}, strings.Repeat("0", 64))
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	maximum := "/" + strings.Repeat("a", 4<<10-canonical("/"))
	if n := canonical(maximum); n != 4<<10 {
		t.Fatalf("the canonical request has %d bytes", n)
	}
	if !strings.Contains(mismatched(maximum), "Canonical String") {
		t.Error("one of 4 KiB is not shown")
	}
	if strings.Contains(mismatched(maximum+"a"), "Canonical String") {
		t.Error("one of more than 4 KiB is shown")
	}
}

func TestVerify_AsksForSignedXAmzHeadersAlone(t *testing.T) {
	for name, good := range map[string]bool{"X-Am": true, "X-Amz": true, "X-Amzn-Trace-Id": true, "X-Amz-": false, "X-Amz-A": false, "x-amz-a": false} {
		r := suiteRequest("POST", "/", "X-Amz-Date", "20260901T120000Z")
		sign(t, r, "host;x-amz-date")
		r.Header[name] = []string{"1"}
		if _, err := testVerifier().Verify(r, nil); (err == nil) != good {
			t.Errorf("%s unsigned: got %v, want it believed: %v", name, err, good)
		}
	}
}

func TestClip_KeepsMessagesShortAndPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a b":                         "a b",
		"a\x1fb\x7fc\n":               "a.b.c.",
		"é\xff":                       "é.",
		strings.Repeat("a", 64):       strings.Repeat("a", 64),
		strings.Repeat("a", 64) + "b": strings.Repeat("a", 64) + "…",
	} {
		if got := clip(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
