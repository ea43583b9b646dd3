package main

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rostrum/internal/config"
	"rostrum/test/authority"
)

// findings runs doctor and answers what it found by check.
func findings(t *testing.T, args ...string) (map[string]finding, int) {
	t.Helper()
	stdout, stderr, code := finish(t, rostrum(t, append([]string{"doctor", "--json"}, args...)...))
	var all []finding
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	byCheck := map[string]finding{}
	for _, f := range all {
		byCheck[f.Check] = f
	}
	return byCheck, code
}

func TestDoctor_FindsAPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, taken, _ := net.SplitHostPort(l.Addr().String())
	found, code := findings(t, "--listen", l.Addr().String(), "--media-port", taken)
	if f := found["media port"]; f.State != broken || !strings.Contains(f.Remedy, "media_port") {
		t.Errorf("expected a broken media port, saw %+v", f)
	}
	if f := found["HTTP address"]; f.State != broken || !strings.Contains(f.Remedy, "listen") || code != exitFailure {
		t.Errorf("expected a broken HTTP address and exit 1, saw %+v and exit %d", f, code)
	}
}

func TestDoctor_IsContentWithDefaultsOnAFreePort(t *testing.T) {
	found, code := findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--public-ip", "127.0.0.1,::1")
	if code != exitOK {
		t.Errorf("expected exit 0, saw %d: %+v", code, found)
	}
	for check, f := range found {
		if f.State == broken || f.State == weak && f.Remedy == "" {
			t.Errorf("%s: expected nothing broken and a remedy for what is weak, saw %+v", check, f)
		}
	}
}

func TestDoctor_TriesTheMediaPortWhereMediaAreReceived(t *testing.T) {
	found, code := findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--media-listen", "0.0.0.0")
	if f := found["media port"]; f.State != sound || !strings.Contains(f.Found, "0.0.0.0") || code != exitOK {
		t.Errorf("exit %d, expected a free media port at 0.0.0.0, saw %+v", code, f)
	}
}

func TestDoctor_FindsWhatServeWouldRefuse(t *testing.T) {
	found, code := findings(t, "--listen", "0.0.0.0:0", "--media-port", "0", "--public-ip", "192.0.2.77")
	if f := found["public addresses"]; f.State != weak || !strings.Contains(f.Found, "192.0.2.77") {
		t.Errorf("expected an address that is not of this machine, saw %+v", f)
	}
	if f := found["safety"]; f.State != broken || code != exitFailure {
		t.Errorf("expected broken safety and exit 1, saw %+v and exit %d", f, code)
	}
}

func TestDoctor_FindsMediaThatOthersArePromisedInVain(t *testing.T) {
	for name, c := range map[string]struct {
		state condition
		args  []string
	}{
		"an address, and HTTP behind a proxy": {broken, []string{"--public-ip", "192.0.2.77"}},
		"a name, and HTTP behind a proxy":     {broken, []string{"--public-url", "https://stages.example"}},
		"media are received elsewhere":        {weak, []string{"--public-ip", "192.0.2.77", "--media-listen", "0.0.0.0"}},
		"the name is this machine's own":      {sound, []string{"--public-url", "http://localhost:7080"}},
	} {
		found, _ := findings(t, append(c.args, "--listen", "127.0.0.1:0", "--media-port", "0")...)
		if f := found["public addresses"]; f.State != c.state || f.State == broken && !strings.Contains(f.Remedy, "media_listen") {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
}

func TestDoctor_FindsWhereEncodersCantKnock(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, code := findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--rtmp-listen", l.Addr().String())
	if f := found["RTMP address"]; f.State != broken || !strings.Contains(f.Remedy, "rtmp_listen") || code != exitFailure {
		t.Errorf("expected a broken RTMP address and exit 1, saw %+v and exit %d", f, code)
	}
}

func TestBehindNAT_IsWhoHasPrivateAddressesAlone(t *testing.T) {
	for addresses, want := range map[string]bool{
		"127.0.0.1 10.0.0.4 fe80::1": true,
		"192.168.1.2 fd00::1":        true,
		"100.64.3.4":                 true,
		"127.0.0.1 ::1":              true,
		"10.0.0.4 203.0.113.7":       false,
		"192.168.1.2 2001:db8::1":    false,
	} {
		var own []netip.Addr
		for _, a := range strings.Fields(addresses) {
			own = append(own, netip.MustParseAddr(a))
		}
		if got := behindNAT(own); got != want {
			t.Errorf("%s: behind NAT %v, expected %v", addresses, got, want)
		}
	}
}

func TestExamineFolder_TellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", "")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		folder string
		state  condition
	}{
		"not there yet":       {filepath.Join(dir, "later"), sound},
		"a file":              {filepath.Join(dir, "file"), broken},
		"readable by others":  {open, weak},
		"of this user's only": {dir, sound},
	} {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if f := examineFolder(c.folder); f.State != c.state {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
}

func TestExamineCertificate_KnowsItsTimeAndNames(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "rostrum.example", now.Add(-time.Hour), now.Add(90*24*time.Hour))
	s := config.Settings{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	for name, c := range map[string]struct {
		url   config.URL
		at    time.Time
		state condition
	}{
		"good":               {"https://rostrum.example", now, sound},
		"no name to compare": {"", now, sound},
		"another name":       {"https://other.example:7080", now, broken},
		"expired":            {"", now.Add(91 * 24 * time.Hour), broken},
		"about to expire":    {"", now.Add(85 * 24 * time.Hour), weak},
		"not valid yet":      {"", now.Add(-2 * time.Hour), broken},
	} {
		s.PublicURL = c.url
		if f := examineCertificate(&s, c.at); f.State != c.state {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
	s.TLSKey = filepath.Join(dir, "missing.pem")
	if f := examineCertificate(&s, now); f.State != broken {
		t.Errorf("a key that is missing: expected broken, saw %+v", f)
	}
}
