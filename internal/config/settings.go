package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// settings is all that can be configured, each setting declared once. Its flag
// is the name below, its variable ROSTRUM_ and the name in capitals, its YAML
// key the name with underscores; a flag wins over the environment, that over the
// file, that over the default. An empty value means the default.
//
// A setting stands here only when what it sets is in this binary.
type Settings struct {
	Config string `name:"config" placeholder:"FILE" help:"YAML file of settings."`

	Listen        Address         `name:"listen" group:"Addresses" default:"127.0.0.1:7080" help:"Where HTTP is served: the API, WHIP, events sockets, health, metrics."`
	MediaPort     Port            `name:"media-port" group:"Addresses" default:"7081" help:"The one port of all media, UDP and TCP, at the address of listen or of media-listen; 0 takes a free one."`
	MediaListen   ListenAddresses `name:"media-listen" group:"Addresses" placeholder:"IP,…" help:"Addresses of this machine where media are received, if not that of listen; 0.0.0.0 and :: are all."`
	PublicIP      Addresses       `name:"public-ip" group:"Addresses" placeholder:"IP,…" help:"Addresses at which clients reach the media port, where this machine does not have them itself."`
	AdminListen   Address         `name:"admin-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Serve metrics and profiles there, and metrics no longer at the main address, which has them on loopback alone."`
	RTMPListen    Address         `name:"rtmp-listen" group:"Addresses" default:"127.0.0.1:1935" help:"Where encoders reach channels by RTMP; port 0 takes a free one. The default is passed over when it is taken."`
	RTMPSListen   Address         `name:"rtmps-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Where encoders reach channels by RTMPS, with the certificate of the main address."`
	TURNSListen   Address         `name:"turns-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Where TURN is reached by TLS, if not at the main address, which takes it beside HTTPS."`
	ProxyProtocol Networks        `name:"proxy-protocol" group:"Addresses" placeholder:"IP|CIDR,…" help:"Proxies that put a PROXY protocol header in front of RTMP, RTMPS, TURN by TLS and media by TCP: their word is taken for where a client is, and whether it speaks TLS."`
	PublicURL     URL             `name:"public-url" group:"Addresses" placeholder:"URL" help:"How clients reach the main address; by default made from it."`

	DataDir   string      `name:"data-dir" group:"Keeping" default:"rostrum-data" placeholder:"FOLDER" help:"Folder of the database and the keys that encrypt it."`
	Database  DatabaseURL `name:"database" group:"Keeping" placeholder:"URL" help:"PostgreSQL database, postgres://…; by default SQLite in the data folder."`
	Ephemeral bool        `name:"ephemeral" group:"Keeping" help:"Keep nothing: all is gone when the process ends. For tests and CI."`

	EventAge   time.Duration `name:"event-age" group:"Events" default:"168h" help:"How long the event log goes back. What a target has yet to be told stays longer."`
	EventBytes int64         `name:"event-bytes" group:"Events" default:"1073741824" help:"How large the event log may grow, in bytes of the events' details."`
	Targets    Targets       `name:"targets" group:"Events" placeholder:"LIST" help:"Where events go, beside what rostrum targets add has set up; a list, see docs/events.md."`

	S3Endpoint URL `name:"s3-endpoint" group:"Keeping" placeholder:"URL" help:"Where the buckets of storage configurations are: any S3 server, with credentials by the AWS chain. By default they are folders in the data folder."`

	SpoolBytes int64         `name:"spool-bytes" group:"Keeping" default:"4294967296" help:"How much of a recording may wait on this machine while its bucket doesn't take it, in bytes: an hour at the largest bitrate."`
	SpoolAge   time.Duration `name:"spool-age" group:"Keeping" default:"90m" help:"How long a bucket may not take a recording before its destination has failed."`

	TLSCert       string    `name:"tls-cert" group:"Security" placeholder:"FILE" help:"Certificate chain, PEM: the main address then speaks HTTPS."`
	TLSKey        string    `name:"tls-key" group:"Security" placeholder:"FILE" help:"Private key of the certificate, PEM."`
	Domains       Domains   `name:"domain" group:"Security" placeholder:"NAME,…" help:"Names of this server, for which it obtains and renews certificates by ACME, whose terms you so accept; the first is its public URL, and listen is :443 unless set."`
	ACMEDirectory Directory `name:"acme-directory" group:"Security" default:"https://acme-v02.api.letsencrypt.org/directory" help:"The authority that is asked for the certificates of domain; Let's Encrypt, unless set."`
	ACMEEmail     Email     `name:"acme-email" group:"Security" placeholder:"ADDRESS" help:"Where that authority writes to, if it must."`
	AccessKey     AccessKey `name:"access-key" group:"Security" placeholder:"ID" help:"Access key of the first operator; by default made at the first start and kept."`
	SecretKey     Secret    `name:"secret-key" group:"Security" placeholder:"SECRET" help:"Secret of that access key."`
	Account       Account   `name:"account" group:"Security" default:"000000000000" help:"Account of the first operator: 12 digits."`
	Region        Region    `name:"region" group:"Security" default:"us-east-1" help:"Region that the tools name; the server takes any."`
	Auth          string    `name:"auth" group:"Security" default:"sigv4" enum:"sigv4,none" help:"sigv4 asks for signed requests; none takes any credentials and is refused off loopback."`
	CORSOrigins   Origins   `name:"cors-origins" group:"Security" placeholder:"ORIGIN,…" help:"Web pages that may call the API, WHIP and the events sockets, as in https://app.example.com; by default all, or with auth none those of this machine."`
	PushPrivate   bool      `name:"push-private" group:"Security" help:"Let channels send their streams on to private addresses, by their tag rostrum:push-url."`
	Insecure      bool      `name:"insecure" group:"Security" help:"Start although plain HTTP or well-known keys are offered off loopback."`

	Limits Limits `name:"limits" group:"Limits" default:"open" placeholder:"PROFILE" help:"open is generous; aws has the managed service's quotas and rates; single values may follow: aws,stages=5."`

	LogLevel  string `name:"log-level" group:"Logs" default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat string `name:"log-format" group:"Logs" default:"text" enum:"text,json" help:"text for people, json for programs."`

	origin   map[string]string // by key, where a value that is no default came from
	declared []declaration
}

// A declaration is one setting as its struct tag declares it.
type declaration struct{ *kong.Flag }

func (d declaration) key() string { return strings.ReplaceAll(d.Name, "-", "_") }

func (d declaration) variable() string { return "ROSTRUM_" + strings.ToUpper(d.key()) }

// hides reports whether text leaves out a part of the value that nobody may see.
func (d declaration) hides() bool {
	v, ok := d.Target.Interface().(interface{ hides() bool })
	return ok && v.hides()
}

// text is the value in force, as it would be written on the command line.
func (d declaration) text() string { return fmt.Sprint(d.Target.Interface()) }

// set gives the setting a value from outside the command line. The error names
// the value and what is allowed.
func (d declaration) set(text string) error {
	if d.Enum != "" && !d.EnumMap()[text] {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(d.EnumSlice(), ", "))
	}
	if d.IsBool() && text != "true" && text != "false" {
		return fmt.Errorf("%q is not true or false", text)
	}
	err := d.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text}), d.Target)
	if cause := errors.Unwrap(err); cause != nil {
		return cause // without the flag's name: it was not the flag that said it
	}
	return err
}

// declarations lists the settings among flags, in the order of their declaration:
// the flags in groups. A verb that has settings puts none of its own into a group.
func declarations(flags []*kong.Flag) []declaration {
	var all []declaration
	for _, f := range flags {
		if f.Group != nil || f.Name == "config" {
			all = append(all, declaration{f})
		}
	}
	return all
}

// AfterApply completes what the command line says with the environment and the
// file. Kong calls it for the verb that was chosen.
func (s *Settings) AfterApply(chosen *kong.Context) error {
	s.origin = map[string]string{}
	for _, step := range chosen.Path {
		if step.Flag != nil {
			d := declaration{step.Flag}
			s.origin[d.key()] = "--" + d.Name
		}
	}
	s.declared = declarations(chosen.Flags())
	if err := s.readEnvironment(); err != nil {
		return err
	}
	if s.Config != "" {
		if err := s.readFile(s.Config); err != nil {
			return err
		}
	}
	if len(s.Domains) > 0 && s.origin["listen"] == "" {
		s.Listen, s.origin["listen"] = ":443", s.origin["domain"] // where browsers look, and the authority
	}
	return s.check()
}

// isSet tells whether a setting has a value that is not the default.
func (s *Settings) IsSet(key string) bool { return s.origin[key] != "" }

// speaksTLS tells whether there is a certificate, or will be one.
func (s *Settings) HasTLS() bool { return s.TLSCert != "" || len(s.Domains) > 0 }

// check holds settings against each other.
func (s *Settings) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("tls_cert and tls_key go together: one of them is missing")
	case s.TLSCert != "" && len(s.Domains) > 0:
		return errors.New("tls_cert is a certificate of your own, and domain obtains one: one of them is too many")
	case s.Ephemeral && len(s.Domains) > 0:
		return errors.New("ephemeral keeps nothing, and the certificates of domain must be kept, for authorities sign few a week: one of them is too many")
	case s.RTMPSListen != "" && !s.HasTLS():
		return errors.New("rtmps_listen goes with domain, or with tls_cert and tls_key, which are missing")
	case s.TURNSListen != "" && !s.HasTLS():
		return errors.New("turns_listen goes with domain, or with tls_cert and tls_key, which are missing")
	case s.AccessKey == "" && s.SecretKey != "":
		return errors.New("secret_key goes with access_key, which is missing")
	case s.EventAge <= 0 || s.EventBytes <= 0:
		return errors.New("event_age and event_bytes are more than nothing")
	case s.SpoolBytes <= 0 || s.SpoolAge <= 0:
		return errors.New("spool_bytes and spool_age are more than nothing")
	case s.Ephemeral && s.Database != "":
		return errors.New("ephemeral keeps nothing, and database is where to keep it: one of them is too many")
	}
	return nil
}

// Parse reads settings from the flags args, the environment and the file that they name.
func Parse(args ...string) (*Settings, error) {
	var cli struct {
		Settings Settings `embed:""`
	}
	parser, err := kong.New(&cli)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(args)
	return &cli.Settings, err
}
