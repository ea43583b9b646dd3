package doctor

import (
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

// Findings are those of the settings args by check. It reports whether any is broken.
func Findings(t *testing.T, args ...string) (byCheck map[string]Finding, fails bool) {
	t.Helper()
	t.Chdir(t.TempDir())
	s, err := config.Parse(args...)
	if err != nil {
		t.Fatal(err)
	}
	byCheck = map[string]Finding{}
	for _, f := range Examine(t.Context(), s) {
		byCheck[f.Check] = f
		fails = fails || f.State == Broken
	}
	return byCheck, fails
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDoctor_FindsAPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, taken, _ := net.SplitHostPort(l.Addr().String())
	found, fails := Findings(t, "--listen", l.Addr().String(), "--media-port", taken)
	if f := found["media port"]; f.State != Broken || !strings.Contains(f.Remedy, "media_port") {
		t.Errorf("expected a broken media port, saw %+v", f)
	}
	if f := found["HTTP address"]; f.State != Broken || !strings.Contains(f.Remedy, "listen") || !fails {
		t.Errorf("expected a broken HTTP address, saw %+v", f)
	}
}

func TestDoctor_FindsNothingBrokenWithDefaults(t *testing.T) {
	found, fails := Findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--public-ip", "127.0.0.1,::1")
	if fails {
		t.Errorf("expected nothing broken, saw %+v", found)
	}
	for check, f := range found {
		if f.State == Broken || f.State == Warning && f.Remedy == "" {
			t.Errorf("%s: expected nothing broken and a remedy for what is weak, saw %+v", check, f)
		}
	}
}

func TestDoctor_ChecksTheMediaPortWhereMediaAreReceived(t *testing.T) {
	found, fails := Findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--media-listen", "0.0.0.0")
	if f := found["media port"]; f.State != OK || !strings.Contains(f.Found, "0.0.0.0") || fails {
		t.Errorf("expected a free media port at 0.0.0.0, saw %+v", f)
	}
}

func TestDoctor_FindsWhatServeWouldRefuse(t *testing.T) {
	found, fails := Findings(t, "--listen", "0.0.0.0:0", "--media-port", "0", "--public-ip", "192.0.2.77")
	if f := found["public addresses"]; f.State != Warning || !strings.Contains(f.Found, "192.0.2.77") {
		t.Errorf("expected an address that is not of this machine, saw %+v", f)
	}
	if f := found["safety"]; f.State != Broken || !fails {
		t.Errorf("expected broken safety, saw %+v", f)
	}
}

func TestDoctor_FindsMediaThatOtherMachinesCannotReach(t *testing.T) {
	for name, c := range map[string]struct {
		state State
		args  []string
	}{
		"an address, and HTTP behind a proxy": {Broken, []string{"--public-ip", "192.0.2.77"}},
		"a name, and HTTP behind a proxy":     {Broken, []string{"--public-url", "https://stages.example"}},
		"media are received elsewhere":        {Warning, []string{"--public-ip", "192.0.2.77", "--media-listen", "0.0.0.0"}},
		"the name is this machine's own":      {OK, []string{"--public-url", "http://localhost:7080"}},
	} {
		found, _ := Findings(t, append(c.args, "--listen", "127.0.0.1:0", "--media-port", "0")...)
		if f := found["public addresses"]; f.State != c.state || f.State == Broken && !strings.Contains(f.Remedy, "media_listen") {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
}

func TestDoctor_FindsWhereEncodersCannotConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, fails := Findings(t, "--listen", "127.0.0.1:0", "--media-port", "0", "--rtmp-listen", l.Addr().String())
	if f := found["RTMP address"]; f.State != Broken || !strings.Contains(f.Remedy, "rtmp_listen") || !fails {
		t.Errorf("expected a broken RTMP address, saw %+v", f)
	}
}

func TestAllPrivate_KnowsPublicAddresses(t *testing.T) {
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
		if got := allPrivate(own); got != want {
			t.Errorf("%s: all private %v, expected %v", addresses, got, want)
		}
	}
}

func TestCheckFolder_FindsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "file", "")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		folder string
		state  State
	}{
		"not there yet":       {filepath.Join(dir, "later"), OK},
		"a file":              {filepath.Join(dir, "file"), Broken},
		"readable by others":  {open, Warning},
		"of this user's only": {dir, OK},
	} {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if f := checkFolder(c.folder); f.State != c.state {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
}

func TestCheckCertificate_ChecksTimeAndNames(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	authority.SelfSigned(t, dir, "rostrum.example", now.Add(-time.Hour), now.Add(90*24*time.Hour))
	s := config.Settings{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	for name, c := range map[string]struct {
		url   config.URL
		at    time.Time
		state State
	}{
		"good":               {"https://rostrum.example", now, OK},
		"no name to compare": {"", now, OK},
		"another name":       {"https://other.example:7080", now, Broken},
		"expired":            {"", now.Add(91 * 24 * time.Hour), Broken},
		"about to expire":    {"", now.Add(85 * 24 * time.Hour), Warning},
		"not valid yet":      {"", now.Add(-2 * time.Hour), Broken},
	} {
		s.PublicURL = c.url
		if f := checkCertificate(&s, c.at); f.State != c.state {
			t.Errorf("%s: expected %s, saw %+v", name, c.state, f)
		}
	}
	s.TLSKey = filepath.Join(dir, "missing.pem")
	if f := checkCertificate(&s, now); f.State != Broken {
		t.Errorf("a key that is missing: expected broken, saw %+v", f)
	}
}
