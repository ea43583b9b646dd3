package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/certificate"
	"rostrum/internal/config"
	"rostrum/test/authority"
)

func TestEvaluateName_ChecksAddresses(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	for says, c := range map[string]struct {
		found string
		err   error
		state State
	}{
		"here, both ways":          {"192.0.2.1,2001:db8::1", nil, OK},
		"here, as IPv6 writes it":  {"::ffff:192.0.2.1", nil, OK},
		"here, and to another":     {"192.0.2.1,2001:db8::2", nil, Warning},
		"nowhere":                  {"", errors.New("no such host"), Broken},
		"to another machine alone": {"192.0.2.2", nil, Warning},
	} {
		var found config.Addresses
		if c.found != "" {
			if err := found.UnmarshalText([]byte(c.found)); err != nil {
				t.Fatal(err)
			}
		}
		if f := evaluateName("stage.example", found, c.err, own); f.State != c.state || f.State != OK && f.Remedy == "" {
			t.Errorf("%s: expected %s, saw %+v", says, c.state, f)
		}
	}
}

func TestEvaluateACME_ReportsTheAuthoritysReason(t *testing.T) {
	now := time.Now()
	leaf := &x509.Certificate{Issuer: pkix.Name{CommonName: "An Authority"}, NotAfter: now.Add(24 * time.Hour)}
	failed := &certificate.Failure{At: now, Reason: "no A record", Remedy: "add one", Next: now.Add(time.Minute)}
	for says, c := range map[string]struct {
		state certificate.State
		at    time.Time
		want  State
		found string
	}{
		"all is well":              {certificate.State{Leaf: leaf}, now, OK, "An Authority"},
		"just begun":               {certificate.State{}, now, Warning, "none yet"},
		"never signed":             {certificate.State{Failed: failed}, now, Broken, "no A record"},
		"not renewed, still good":  {certificate.State{Leaf: leaf, Failed: failed}, now, Warning, "no A record"},
		"not renewed, and run out": {certificate.State{Leaf: leaf, Failed: failed}, now.Add(25 * time.Hour), Broken, "no A record"},
	} {
		f := evaluateACME(c.state, c.at)
		if f.State != c.want || !strings.Contains(f.Found, c.found) || c.state.Failed != nil && f.Remedy != "add one" {
			t.Errorf("%s: expected %s and %q, saw %+v", says, c.want, c.found, f)
		}
	}
}

func TestCheckACMEPort_RequiresPort443(t *testing.T) {
	for says, c := range map[string]struct {
		s    config.Settings
		want State
	}{
		"at the main address":  {config.Settings{Listen: ":443"}, OK},
		"at that of TURN":      {config.Settings{Listen: ":8443", TURNSListen: "0.0.0.0:443"}, OK},
		"at another port":      {config.Settings{Listen: ":8443"}, Warning},
		"where nobody reaches": {config.Settings{Listen: "127.0.0.1:443"}, Warning},
	} {
		if f := checkACMEPort(&c.s); f.State != c.want || f.State != OK && f.Remedy == "" {
			t.Errorf("%s: expected %s, saw %+v", says, c.want, f)
		}
	}
}

func TestCheckNameAnswers_RecognizesThisServer(t *testing.T) {
	server := func() string {
		dir := t.TempDir()
		authority.SelfSigned(t, dir, "stage.example", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	here, another := server(), server()
	s := config.Settings{Listen: config.Address(here)}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	for at, want := range map[string]struct {
		state State
		says  string
	}{here: {OK, "this server answers"}, another: {Warning, "another server"}, silent.Addr().String(): {Warning, "no answer"}} {
		if f := checkNameAnswers(t.Context(), &s, "stage.example", at); f.State != want.state || !strings.Contains(f.Found, want.says) {
			t.Errorf("expected %s and %q, saw %+v", want.state, want.says, f)
		}
	}
}
