package sigv4

import "testing"

// TestVerify_TakesTheHostsOfProxies signs for one host and is received with another.
func TestVerify_TakesTheHostsOfProxies(t *testing.T) {
	cases := []struct {
		name                     string
		signed, received, public string
		want                     bool
	}{
		{"the public URL's, and nginx's upstream received", "rt.example.org", "127.0.0.1:7080", "rt.example.org", true},
		{"the public URL's with its port, and the name alone received", "rt.example.org:8443", "rt.example.org", "rt.example.org:8443", true},
		{"the public URL's with a default port", "rt.example.org:443", "127.0.0.1:7080", "rt.example.org", true},
		{"the public URL's without its default port", "rt.example.org", "127.0.0.1:7080", "rt.example.org:443", true},
		{"the public URL's, as its case is", "RT.example.org", "rt.example.org", "RT.example.org", true},
		{"the public URL's, in lower case", "rt.example.org", "127.0.0.1:7080", "RT.example.org", true},
		{"no port, and https's received", "rt.example.org", "rt.example.org:443", "", true},
		{"no port, and http's received", "rt.example.org", "rt.example.org:80", "", true},
		{"https's port, and none received", "rt.example.org:443", "rt.example.org", "", true},
		{"http's port, and none received", "rt.example.org:80", "rt.example.org", "", true},
		{"lower case, and another received", "rt.example.org", "RT.Example.org", "", true},
		{"lower case without the port, and another received", "rt.example.org", "RT.Example.org:443", "", true},
		{"an IPv6 address without the default port", "[2001:db8::1]", "[2001:db8::1]:443", "", true},
		{"an IPv6 address with a default port", "[2001:db8::80]:80", "[2001:db8::80]", "", true},

		{"another host", "elsewhere.example.org", "127.0.0.1:7080", "rt.example.org", false},
		{"another port", "rt.example.org:8443", "rt.example.org", "rt.example.org", false},
		{"another port received", "rt.example.org", "rt.example.org:8443", "", false},
		{"no public URL", "rt.example.org", "127.0.0.1:7080", "", false},
		{"the end of the host", "example.org", "rt.example.org", "rt.example.org", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.PublicHost = c.public
			v := NewVerifier("ivs", testLookup, cfg)
			r := suiteRequest("POST", "/GetStage", "X-Amz-Date", "20260901T120000Z")
			r.Host = c.signed
			sign(t, r, "host;x-amz-date")
			r.Host = c.received
			if _, err := v.Verify(r, nil); (err == nil) != c.want {
				t.Errorf("got %v, want it believed: %v", err, c.want)
			}
		})
	}
}

func TestVerify_TakesThePublicHostOfAPresignedRequest(t *testing.T) {
	cfg := testConfig()
	cfg.PublicHost = "rt.example.org"
	r, body := order{url: "http://rt.example.org/GetStage"}.presign(t)
	r.Host = "127.0.0.1:7080"
	if _, err := NewVerifier("ivs", testLookup, cfg).Verify(r, body); err != nil {
		t.Error(err)
	}
}

func TestVerify_ShowsTheHostReceivedInAMismatch(t *testing.T) {
	r, body := order{url: "http://elsewhere.example.org/GetStage"}.sign(t)
	r.Host = "127.0.0.1:7080"
	_, err := testVerifier().Verify(r, body)
	wantError(t, err, InvalidSignature, "\nhost:127.0.0.1:7080\n")
}
