package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rostrum/internal/control"
)

// parse reads settings in a folder of its own that has the file rostrum.yaml, unless file
// is empty.
func parse(t *testing.T, file string, args ...string) (*Settings, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if file != "" {
		if err := os.WriteFile("rostrum.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", "rostrum.yaml")
	}
	return Parse(args...)
}

// effective are the settings in force by key.
func effective(s *Settings) map[string]Value {
	all := map[string]Value{}
	for _, v := range s.Effective() {
		all[v.Key] = Value{Value: v.Value, From: v.From}
	}
	return all
}

func TestSettings_FlagWinsOverEnvironmentOverFileOverDefault(t *testing.T) {
	const file = "listen: 127.0.0.1:3\nregion: eu-west-1\naccount: \"111111111111\"\nlog_level: \"\"\n"
	for name, text := range map[string]string{"ROSTRUM_LISTEN": "127.0.0.1:2", "ROSTRUM_REGION": "ap-south-1", "ROSTRUM_AUTH": ""} {
		t.Setenv(name, text)
	}
	s, err := parse(t, file, "--listen", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	seen := effective(s)
	for key, expected := range map[string]Value{
		"listen":    {Value: "127.0.0.1:1", From: "--listen"},
		"region":    {Value: "ap-south-1", From: "ROSTRUM_REGION"},
		"account":   {Value: "111111111111", From: "rostrum.yaml:3"},
		"log_level": {Value: "info", From: "default"},
		"auth":      {Value: "sigv4", From: "default"},
	} {
		if seen[key] != expected {
			t.Errorf("%s: expected %v, saw %v", key, expected, seen[key])
		}
	}
}

func TestSettings_RefusesWhatIsNotValid(t *testing.T) {
	for _, c := range []struct {
		name, file, env string
		args            []string
		complaint       string
	}{
		{name: "an unknown key", file: "acess_key: x", complaint: `rostrum.yaml:1: there is no setting "acess_key"; did you mean access_key?`},
		{name: "a key as the flag spells it", file: "log-level: info", complaint: "did you mean log_level?"},
		{name: "a key like none", file: "flux_capacitor: 1", complaint: `there is no setting "flux_capacitor"` + "\n"},
		{name: "a key twice", file: "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", complaint: "rostrum.yaml:2: listen is set twice"},
		{name: "a map for a value", file: "listen: {host: a}", complaint: "rostrum.yaml:1: listen: expected one value"},
		{name: "no map at all", file: "- listen", complaint: "expected settings as key: value"},
		{name: "no YAML at all", file: "listen: [", complaint: "rostrum.yaml"},
		{name: "a value outside its list", file: "\nlog_level: loud", complaint: `rostrum.yaml:2: log_level: "loud" is not one of debug, info, warn, error`},
		{name: "HEVC", args: []string{"--rtmp-video-codecs", "VP9,hevc"}, complaint: `"hevc" cannot be sent to stages: browsers decode it by WebRTC only with some hardware, and nothing transcodes it; have encoders send H264`},
		{name: "a codec that is none", args: []string{"--rtmp-video-codecs", "VP7"}, complaint: `"VP7" is not one of H264, VP9, AV1`},
		{name: "a port too large", env: "ROSTRUM_LISTEN=127.0.0.1:70000", complaint: `ROSTRUM_LISTEN: "127.0.0.1:70000" has a port that is not a number from 0 to 65535`},
		{name: "an address without port", args: []string{"--listen", "localhost"}, complaint: `"localhost" is not an address of the form HOST:PORT`},
		{name: "a truth that is none", env: "ROSTRUM_EPHEMERAL=maybe", complaint: `ROSTRUM_EPHEMERAL: "maybe" is not true or false`},
		{name: "an account YAML took for a number", file: "account: 0x10", complaint: `"0x10" is not 12 digits`},
		{name: "a region that is none", env: "ROSTRUM_REGION=moon", complaint: `ROSTRUM_REGION: "moon" is not a region`},
		{name: "a URL with a path", args: []string{"--public-url", "https://a.example/b"}, complaint: "is not a URL of the form"},
		{name: "a certificate without key", args: []string{"--tls-cert", "a.pem"}, complaint: "tls_cert and tls_key go together"},
		{name: "two kinds of certificate", args: []string{"--tls-cert", "a.pem", "--tls-key", "b.pem", "--domain", "stage.example"}, complaint: "set only one of them"},
		{name: "certificates that nobody keeps", args: []string{"--ephemeral", "--domain", "stage.example"}, complaint: "must be stored"},
		{name: "RTMPS without a certificate", args: []string{"--rtmps-listen", ":1"}, complaint: "rtmps_listen needs domain"},
		{name: "a name for many", file: "domain: ['*.stage.example']", complaint: `"*.stage.example" is a wildcard`},
		{name: "a name of this network", args: []string{"--domain", "stage.example,localhost"}, complaint: `"localhost" is not a full name`},
		{name: "an address for a name", args: []string{"--domain", "192.0.2.1"}, complaint: `"192.0.2.1" is not a full name`},
		{name: "a name that is none", args: []string{"--domain", "a stage.example"}, complaint: "is not a full name"},
		{name: "an authority in the clear", args: []string{"--acme-directory", "http://authority.example/dir"}, complaint: "https://HOST/PATH"},
		{name: "a mailbox with a name", args: []string{"--acme-email", "Me <me@stage.example>"}, complaint: "NAME@HOST"},
		{name: "a secret without access key", args: []string{"--secret-key", "kQ3vT8xZp1LmN6rB9wYc"}, complaint: "access_key, which is missing"},
		{name: "a short secret, not repeated", args: []string{"--access-key", "AKIA1234", "--secret-key", "sesame"}, complaint: "a secret has 16 to 128 characters"},
		{name: "an address nobody reaches", file: "public_ip: [192.0.2.1, 0.0.0.0]", complaint: `public_ip: "0.0.0.0" is not an IP address that clients could reach`},
		{name: "an address nobody can listen at", file: "media_listen: [0.0.0.0, 224.0.0.1]", complaint: `media_listen: "224.0.0.1" is not an IP address to listen at`},
		{name: "a list of lists", file: "public_ip: [[192.0.2.1]]", complaint: "expected a list of values"},
		{name: "a media port too large", env: "ROSTRUM_MEDIA_PORT=70000", complaint: `"70000" is not a number from 0 to 65535`},
		{name: "a profile that is none", args: []string{"--limits", "azure"}, complaint: `"azure" is not one of the profiles open, aws`},
		{name: "a limit that is none", file: "limits: {profile: aws, stage: 5}", complaint: `rostrum.yaml:1: limits: there is no limit "stage"; did you mean stages?`},
		{name: "a limit that is no number", file: "limits: {stages: many}", complaint: `limits: stages: "many" is not a whole number`},
		{name: "a limit below nothing", env: "ROSTRUM_LIMITS=open,requests=-1", complaint: `requests: "-1" is not a number of requests`},
		{name: "a limit without a unit", file: "limits: {connection_duration: 24}", complaint: `"24" is not a duration such as 24h`},
		{name: "a list of limits", file: "limits: [aws]", complaint: "expected a profile or a map of limits"},
		{name: "a file that is not there", args: []string{"--config", "missing.yaml"}, complaint: "missing.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if name, text, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, text)
			}
			_, err := parse(t, c.file, c.args...)
			if err == nil || !strings.Contains(err.Error()+"\n", c.complaint) {
				t.Errorf("expected %q, saw %v", c.complaint, err)
			}
			if strings.Contains(fmt.Sprint(err), "sesame") {
				t.Errorf("the secret is repeated: %q", err)
			}
		})
	}
}

func TestYAML_CanBeFedBackAndHidesSecrets(t *testing.T) {
	const strong = "kQ3vT8xZp1LmN6rB9wYc"
	s, err := parse(t, "", "--listen", "127.0.0.1:9", "--ephemeral", "--limits", "aws,stages=5", "--public-ip", "192.0.2.1,2001:db8::1", "--access-key", "AKIAREAL1", "--secret-key", strong)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := YAML(s.Effective())
	if err != nil || strings.Contains(printed, strong) {
		t.Fatalf("%v, %s", err, printed)
	}
	again, err := parse(t, printed)
	if err != nil {
		t.Fatalf("feeding back what was printed: %v\n%s", err, printed)
	}
	seen := effective(again)
	if seen["listen"].Value != "127.0.0.1:9" || seen["ephemeral"].Value != "true" || seen["account"].Value != "000000000000" || seen["limits"].Value != "aws,stages=5" || seen["public_ip"].Value != "192.0.2.1,2001:db8::1" {
		t.Errorf("expected the same settings, saw %v", seen)
	}
}

func TestCheckSafety_RefusesWhatOthersCanMisuse(t *testing.T) {
	const strong = "kQ3vT8xZp1LmN6rB9wYc"
	for _, c := range []struct {
		name    string
		s       Settings
		because string // empty: not refused
	}{
		{"loopback", Settings{Listen: "127.0.0.1:1"}, ""},
		{"loopback by name", Settings{Listen: "localhost:1"}, ""},
		{"loopback of IPv6", Settings{Listen: "[::1]:1"}, ""},
		{"loopback, anyone", Settings{Listen: "127.0.0.1:1", Auth: "none"}, ""},
		{"loopback, well-known keys", Settings{Listen: "127.0.0.1:1", AccessKey: "test", SecretKey: "test"}, ""},
		{"everywhere, plain", Settings{Listen: ":1"}, "without TLS"},
		{"everywhere by IPv4, plain", Settings{Listen: "0.0.0.0:1"}, "without TLS"},
		{"one address, plain", Settings{Listen: "192.0.2.1:1"}, "without TLS"},
		{"a name, plain", Settings{Listen: "rostrum.example:1"}, "without TLS"},
		{"everywhere, plain, insecure", Settings{Listen: ":1", Insecure: true}, ""},
		{"everywhere, TLS", Settings{Listen: ":1", TLSCert: "c", TLSKey: "k"}, ""},
		{"everywhere, TLS of an authority", Settings{Listen: ":1", Domains: Domains{"stage.example"}}, ""},
		{"everywhere, TLS, strong keys", Settings{Listen: ":1", TLSCert: "c", TLSKey: "k", AccessKey: "AKIAQ7ZX2M", SecretKey: strong}, ""},
		{"everywhere, TLS, key of the manuals", Settings{Listen: ":1", TLSCert: "c", TLSKey: "k", AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: strong}, "well-known"},
		{"everywhere, TLS, cheap secret", Settings{Listen: ":1", TLSCert: "c", TLSKey: "k", AccessKey: "AKIAQ7ZX2M", SecretKey: "password12345678"}, "well-known"},
		{"everywhere, TLS, secret of one letter", Settings{Listen: ":1", TLSCert: "c", TLSKey: "k", AccessKey: "AKIAQ7ZX2M", SecretKey: "aaaaaaaaaaaaaaaa"}, "well-known"},
		{"everywhere, anyone, even insecure", Settings{Listen: ":1", Auth: "none", Insecure: true}, "auth is none"},
		{"anyone, through a proxy", Settings{Listen: "127.0.0.1:1", Auth: "none", PublicURL: "https://rt.example.com", Insecure: true}, "auth is none"},
		{"profiles for others", Settings{Listen: "127.0.0.1:1", AdminListen: ":2"}, "admin_listen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.s.CheckSafety()
			if c.because == "" && err != nil {
				t.Errorf("expected to start, saw: %v", err)
			}
			if c.because != "" && (err == nil || !strings.Contains(err.Error(), c.because)) {
				t.Errorf("expected a refusal because of %q, saw: %v", c.because, err)
			}
		})
	}
}

func TestLimits_SingleValuesLieOverAProfile(t *testing.T) {
	var l Limits
	if err := l.UnmarshalText([]byte("aws,stages=5,connection_duration=1h,requests=2.5")); err != nil {
		t.Fatal(err)
	}
	expected := control.AWSLimits()
	expected.Stages, expected.ConnectionDuration, expected.Requests = 5, time.Hour, 2.5
	if l.Limits != expected {
		t.Errorf("expected %+v, saw %+v", expected, l.Limits)
	}
	if err := l.UnmarshalText([]byte("stages=7")); err == nil && l.profile != "open" {
		t.Errorf("expected values without profile to lie over open, saw %s", l)
	}
	for name := range limitFields(new(control.Limits)) {
		if name == "" {
			t.Error("a limit has no name to be set by")
		}
	}
}

func TestDomains_SetTheEndpoint(t *testing.T) {
	parsed, err := parse(t, "", "--domain", "Stage.Example.,bühne.example,stage.example")
	if err != nil {
		t.Fatal(err)
	}
	if seen := effective(parsed); seen["domain"].Value != "stage.example,xn--bhne-0ra.example" || seen["listen"].Value != ":443" {
		t.Errorf("domain is %q and listen %q", seen["domain"].Value, seen["listen"].Value)
	}
	for listen, want := range map[Address]string{":443": "https://stage.example", "127.0.0.1:8443": "https://stage.example:8443"} {
		s := Settings{Listen: listen, Domains: Domains{"stage.example"}}
		if at, err := s.Endpoint(string(listen)); at != want || err != nil {
			t.Errorf("listening at %s the endpoint is %q, %v, expected %s", listen, at, err, want)
		}
	}
	s := Settings{Listen: ":443", Domains: Domains{"stage.example"}, PublicURL: "https://front.example"}
	if at, _ := s.Endpoint(":443"); at != "https://front.example" {
		t.Errorf("with a public URL the endpoint is %q", at)
	}
}

func TestSettings_FlagWinsOverWhatContradictsItElsewhere(t *testing.T) {
	t.Setenv("ROSTRUM_DATABASE", "postgres://db.example/rostrum")
	t.Setenv("ROSTRUM_TLS_CERT", "cert.pem")
	s, err := parse(t, "tls_key: key.pem\n", "--ephemeral")
	if err != nil || s.Database != "" {
		t.Errorf("--ephemeral: expected no database, got %q, %v", s.Database, err)
	}
	s, err = parse(t, "tls_key: key.pem\n", "--domain", "stage.example.com")
	if err != nil || s.TLSCert != "" || s.TLSKey != "" {
		t.Errorf("--domain: expected no certificate, got %q, %q, %v", s.TLSCert, s.TLSKey, err)
	}
}
