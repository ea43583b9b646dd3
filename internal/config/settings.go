package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/operator"
	"rostrum/internal/store"

	"github.com/alecthomas/kong"
)

// Settings are all settings, each declared once. The flag of a setting is the name below, its
// variable is ROSTRUM_ and the name in capitals, its YAML key is the name with underscores. A
// flag wins over the environment, that over the file, and that over the default. An empty
// value means the default.
//
// The struct has more fields than a struct should, because the declarations of the flags are
// its tags.
type Settings struct {
	Config string `name:"config" placeholder:"FILE" help:"YAML file of settings."`

	Listen        Address         `name:"listen" group:"Addresses" default:"127.0.0.1:7080" help:"Address of HTTP: the API, WHIP, events sockets, HLS, pages, health. Port 0 takes a free one."`
	MediaPort     Port            `name:"media-port" group:"Addresses" default:"7081" help:"The one port of all media, UDP and TCP; 0 takes a free one."`
	MediaListen   ListenAddresses `name:"media-listen" group:"Addresses" placeholder:"IP,…" help:"Addresses of this machine at which media are received, by default that of listen; 0.0.0.0 and :: are all."`
	PublicIP      Addresses       `name:"public-ip" group:"Addresses" placeholder:"IP,…" help:"Addresses at which clients reach the media port, if they are not addresses of this machine."`
	AdminListen   Address         `name:"admin-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Address of metrics and profiles. Without it, listen serves metrics if only this machine can reach it."`
	NodeListen    Address         `name:"node-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Address at which other nodes of the same database reach this one, over TLS with the key of the database, and where it gets media of theirs, over UDP; by default a free port at the address of listen."`
	RTMPListen    Address         `name:"rtmp-listen" group:"Addresses" default:"127.0.0.1:1935" help:"Address of RTMP for encoders; port 0 takes a free one. If another program uses the default address, the server runs without RTMP."`
	RTMPSListen   Address         `name:"rtmps-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Address of RTMPS for encoders, with the certificate of listen."`
	TURNSListen   Address         `name:"turns-listen" group:"Addresses" placeholder:"HOST:PORT" help:"Address of TURN over TLS; by default listen serves it beside HTTPS."`
	ProxyProtocol Networks        `name:"proxy-protocol" group:"Addresses" placeholder:"IP|CIDR,…" help:"Proxies that send a PROXY protocol header before RTMP, RTMPS, TURN over TLS and media by TCP. The header is trusted for the address of the client, and whether it uses TLS."`
	PublicURL     URL             `name:"public-url" group:"Addresses" placeholder:"URL" help:"URL at which clients reach listen; by default made from it."`

	DataDir  string      `name:"data-dir" group:"Storage" default:"rostrum-data" placeholder:"FOLDER" help:"Folder of the database and of the key that encrypts its secrets."`
	Database DatabaseURL `name:"database" group:"Storage" placeholder:"URL" help:"PostgreSQL database, postgres://…; by default SQLite in the data folder."`

	DatabaseConnections int `name:"database-connections" group:"Storage" default:"16" help:"Largest number of connections to database, beside one for request rates. A request that gets none within five seconds is answered with 503."`

	Ephemeral  bool          `name:"ephemeral" group:"Storage" help:"Store nothing: all data are lost when the process ends. For tests and CI."`
	Seed       string        `name:"seed" group:"Storage" placeholder:"FILE" help:"File of stages, tokens, configurations, public keys and test publishers, YAML or JSON, that the server makes before it is ready, unless it has them; see docs/ci.md."`
	S3Endpoint URL           `name:"s3-endpoint" group:"Storage" placeholder:"URL" help:"Endpoint of the buckets of storage configurations: any S3 server, with credentials of the AWS SDK. By default buckets are folders in the data folder."`
	SpoolBytes int64         `name:"spool-bytes" group:"Storage" default:"4294967296" help:"Largest size, in bytes, of the part of a recording that waits on this machine while its bucket fails: an hour at the largest bitrate."`
	SpoolAge   time.Duration `name:"spool-age" group:"Storage" default:"90m" help:"How long uploads of a recording are retried before its destination fails."`
	QualityAge time.Duration `name:"quality-age" group:"Storage" default:"168h" help:"How long the history of the media quality of participants is kept, for GET /quality and the console; 0 keeps none, and ignores what clients report."`

	EventAge   time.Duration `name:"event-age" group:"Events" default:"168h" help:"How long events stay in the log. Events that wait for delivery stay longer."`
	EventBytes int64         `name:"event-bytes" group:"Events" default:"1073741824" help:"Largest size of the event log, in bytes of the events' details; beyond it the oldest are removed, delivered or not."`
	Targets    Targets       `name:"targets" group:"Events" placeholder:"LIST" help:"Targets of events, in addition to those of rostrum targets add; a list, see docs/events.md."`

	TLSCert       string    `name:"tls-cert" group:"Security" placeholder:"FILE" help:"Certificate chain, PEM, with which listen serves HTTPS."`
	TLSKey        string    `name:"tls-key" group:"Security" placeholder:"FILE" help:"Private key of the certificate, PEM."`
	Domains       Domains   `name:"domain" group:"Security" placeholder:"NAME,…" help:"Names of this server, for which it obtains and renews certificates by ACME; you accept the terms of the authority. The first is the public URL, and listen is :443 unless set."`
	ACMEDirectory Directory `name:"acme-directory" group:"Security" default:"https://acme-v02.api.letsencrypt.org/directory" help:"ACME directory of the authority that signs the certificates of domain; by default Let's Encrypt."`
	ACMEEmail     Email     `name:"acme-email" group:"Security" placeholder:"ADDRESS" help:"Contact address for that authority."`
	AccessKey     AccessKey `name:"access-key" group:"Security" placeholder:"ID" help:"Access key of the first operator; by default created at the first start and stored."`
	SecretKey     Secret    `name:"secret-key" group:"Security" placeholder:"SECRET" help:"Secret of that access key."`
	Account       Account   `name:"account" group:"Security" default:"000000000000" help:"Account of the first operator: 12 digits."`
	Region        Region    `name:"region" group:"Security" default:"us-east-1" help:"Region that the tools use; the server accepts every region."`
	Auth          string    `name:"auth" group:"Security" default:"sigv4" enum:"sigv4,none" help:"sigv4 requires signed requests; none accepts any credentials, and is refused unless listen is a loopback address."`
	CORSOrigins   Origins   `name:"cors-origins" group:"Security" placeholder:"ORIGIN,…" help:"Origins of web pages that may call the API, WHIP and the events sockets, such as https://app.example.com; by default all, or with auth none those of this machine."`
	PushPrivate   bool      `name:"push-private" group:"Security" help:"Allow channels to push their streams to private addresses, by their tag rostrum:push-url."`
	Insecure      bool      `name:"insecure" group:"Security" help:"Start although other machines can reach plain HTTP or well-known keys."`

	RTMPVideoCodecs VideoCodecs `name:"rtmp-video-codecs" group:"Encoders" placeholder:"CODEC,…" help:"Video codecs that encoders may send to stages by enhanced RTMP beside H264, if all viewers can decode them: VP9, AV1."`
	WHIPNeedsVideo  bool        `name:"whip-needs-video" group:"Encoders" help:"Refuse WHIP offers without video, as the managed service does; by default audio alone can be published."`

	Limits Limits `name:"limits" group:"Limits" default:"open" placeholder:"PROFILE" help:"Profile of quotas and request rates: open has high ones, aws those of the managed service. Single values may follow: aws,stages=5."`

	LogLevel  string `name:"log-level" group:"Logs" default:"info" enum:"debug,info,warn,error" help:"Lowest level that is logged: debug, info, warn or error."`
	LogFormat string `name:"log-format" group:"Logs" default:"text" enum:"text,json" help:"Format of the log: text for people, json for programs."`

	// Version is that of this program, for other nodes and operators. It is no setting.
	Version string `kong:"-"`

	sources sources
}

// AfterApply adds the environment and the file to the flags. Kong calls it for the command
// that was chosen.
func (s *Settings) AfterApply(chosen *kong.Context) error {
	s.sources = newSources(chosen)
	if err := s.sources.readEnvironment(); err != nil {
		return err
	}
	if s.Config != "" {
		if err := s.sources.readFile(s.Config); err != nil {
			return err
		}
	}
	if len(s.Domains) > 0 && !s.IsSet("listen") {
		s.Listen, s.sources.origin["listen"] = ":443", s.sources.origin["domain"] // for browsers and the ACME authority
	}
	return s.check()
}

// IsSet reports whether a setting has a value that is not the default.
func (s *Settings) IsSet(key string) bool { return s.sources.origin[key] != "" }

// IsFlag reports whether a setting was given on the command line.
func (s *Settings) IsFlag(key string) bool { return strings.HasPrefix(s.sources.origin[key], "--") }

// FlagsNameServer reports whether the command line says which server is meant.
func (s *Settings) FlagsNameServer() bool {
	return slices.ContainsFunc([]string{"config", "listen", "public_url", "domain", "data_dir", "database", "ephemeral", "access_key", "secret_key", "account"}, s.IsFlag)
}

// HasTLS reports whether there is a certificate, or will be one.
func (s *Settings) HasTLS() bool { return s.TLSCert != "" || len(s.Domains) > 0 }

// check finds settings that contradict each other.
func (s *Settings) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("tls_cert and tls_key go together: one of them is missing")
	case s.TLSCert != "" && len(s.Domains) > 0:
		return errors.New("tls_cert names a certificate, and domain obtains one: set only one of them")
	case s.Ephemeral && len(s.Domains) > 0:
		return errors.New("ephemeral stores nothing, and the certificates of domain must be stored, because ACME authorities limit how many they sign: set only one of them")
	case s.RTMPSListen != "" && !s.HasTLS():
		return errors.New("rtmps_listen needs domain, or tls_cert and tls_key, which are missing")
	case s.TURNSListen != "" && !s.HasTLS():
		return errors.New("turns_listen needs domain, or tls_cert and tls_key, which are missing")
	case s.AccessKey == "" && s.SecretKey != "":
		return errors.New("secret_key needs access_key, which is missing")
	case s.EventAge <= 0 || s.EventBytes <= 0:
		return errors.New("event_age and event_bytes must be above 0")
	case s.SpoolBytes <= 0 || s.SpoolAge <= 0:
		return errors.New("spool_bytes and spool_age must be above 0")
	case s.QualityAge < 0:
		return errors.New("quality_age must not be negative")
	case s.DatabaseConnections < 2: // one is for watching the log
		return errors.New("database_connections must be at least 2")
	case s.Ephemeral && s.Database != "":
		return errors.New("ephemeral stores nothing, and database is where to store it: set only one of them")
	}
	return nil
}

// CheckSafety returns why a server must not start with these settings. What only this machine
// reaches is safe.
func (s *Settings) CheckSafety() error {
	if s.Auth == "none" && !s.Listen.IsLoopback() {
		return fmt.Errorf("auth is none, which lets anybody do anything, and other machines can reach listen (%s): use auth sigv4, or listen on 127.0.0.1", s.Listen)
	}
	if s.Auth == "none" && s.IsPublic() {
		return errors.New("auth is none, which lets anybody do anything, and public_url or domain lets other machines in: use auth sigv4, or leave them out")
	}
	if s.Insecure {
		return nil
	}
	if s.Auth == "none" && s.CORSOrigins.Any() {
		return errors.New("auth is none and cors_origins is *, so any web page that is open on this machine could do anything: list the origins, or set insecure")
	}
	if s.AdminListen != "" && !s.AdminListen.IsLoopback() {
		return fmt.Errorf("other machines can reach admin_listen (%s), and profiles and metrics need no credentials: listen on 127.0.0.1, or set insecure if a firewall protects it", s.AdminListen)
	}
	if s.Listen.IsLoopback() {
		return nil
	}
	if !s.HasTLS() {
		return fmt.Errorf("other machines can reach listen (%s), and without TLS tokens can be read on the network: set domain, or tls_cert and tls_key, or set insecure if a proxy terminates TLS", s.Listen)
	}
	if s.AccessKey != "" && (looksWellKnown(string(s.AccessKey)) || looksWellKnown(string(s.SecretKey))) {
		return errors.New("access_key or secret_key is a well-known one, and other machines can reach this server: leave both out to have strong ones made, or set insecure")
	}
	return nil
}

// IsPublic reports whether other machines reach the public address, directly or by a proxy.
func (s *Settings) IsPublic() bool {
	if !s.Listen.IsLoopback() || len(s.Domains) > 0 {
		return true
	}
	public, err := url.Parse(string(s.PublicURL))
	return err == nil && public.Host != "" && !Address(net.JoinHostPort(public.Hostname(), "0")).IsLoopback()
}

// Endpoint is the URL at which clients reach a server that is bound to an address: the public
// URL, or one made from the address. It is part of tokens, so it is the same at every start.
func (s *Settings) Endpoint(bound string) (string, error) {
	if s.PublicURL != "" {
		return string(s.PublicURL), nil
	}
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	if port == "0" {
		return "", errors.New("listen has no port, and public_url is not set")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		if host, err = ownAddress(); err != nil {
			return "", err
		}
	}
	if len(s.Domains) > 0 {
		if port == "443" {
			return "https://" + s.Domains[0], nil
		}
		return "https://" + net.JoinHostPort(s.Domains[0], port), nil
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// NodeAddress is where other nodes reach what is bound for them.
func (s *Settings) NodeAddress(bound net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(s.nodeListen().WithPortOf(bound))
	if err != nil {
		return "", fmt.Errorf("node_listen: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		if host, err = ownAddress(); err != nil {
			return "", err
		}
	}
	return net.JoinHostPort(host, port), nil
}

// ListenForNodes is the address to bind for other nodes; empty where there are none.
func (s *Settings) ListenForNodes() Address {
	if s.Database == "" {
		return ""
	}
	return s.nodeListen()
}

func (s *Settings) nodeListen() Address {
	if s.NodeListen != "" {
		return s.NodeListen
	}
	host, _, _ := net.SplitHostPort(string(s.Listen)) // it has been checked
	return Address(net.JoinHostPort(host, "0"))
}

// MediaAddresses are the addresses at which media are received: media_listen, or else the
// address of listen.
func (s *Settings) MediaAddresses(ctx context.Context) ([]netip.Addr, error) {
	if len(s.MediaListen) > 0 {
		return s.MediaListen, nil
	}
	host, _, _ := net.SplitHostPort(string(s.Listen)) // it has been checked
	if host == "" {
		host = "::"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		at, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("listen for media at %s: %w", host, err)
		}
		return at, nil
	}
	if host == "::" {
		return []netip.Addr{ip, netip.IPv4Unspecified()}, nil
	}
	return []netip.Addr{ip.Unmap()}, nil
}

// LoopbackRemedy says what to change about a LoopbackConflict.
const LoopbackRemedy = "set media_listen to 0.0.0.0, or to the address that they reach"

// LoopbackConflict is the setting that advertises media to other machines although media are
// received on loopback only, as with listen on loopback behind an HTTP proxy; empty if there
// is none.
func (s *Settings) LoopbackConflict(receive []netip.Addr) string {
	if slices.ContainsFunc(receive, func(a netip.Addr) bool { return !a.IsLoopback() }) {
		return ""
	}
	for _, ip := range s.PublicIP {
		if !ip.IsLoopback() {
			return "public_ip " + ip.String()
		}
	}
	if u, err := url.Parse(string(s.PublicURL)); err == nil && u.Hostname() != "" && !Address(net.JoinHostPort(u.Hostname(), "0")).IsLoopback() {
		return "public_url " + string(s.PublicURL)
	}
	return ""
}

// Effective lists all settings in the order of their declaration.
func (s *Settings) Effective() []Value {
	var all []Value
	for _, d := range s.sources.declared {
		if d.Name == "config" {
			continue
		}
		v := Value{Value: d.text(), From: "default", Key: d.key(), quoted: !d.IsBool()}
		if from := s.sources.origin[d.key()]; from != "" {
			v.From = from
		}
		v.hides = d.hides() || d.Name == "access-key" && s.SecretKey != ""
		all = append(all, v)
	}
	return all
}

// EventTargets are the configured targets as the store has them.
func (s *Settings) EventTargets() ([]event.Target, error) {
	var all []event.Target
	for _, c := range s.Targets {
		t, err := c.EventTarget(s)
		if err != nil {
			return nil, fmt.Errorf("targets of events: %w", err)
		}
		all = append(all, t)
	}
	return all, nil
}

// OpenStore opens the store of the settings. A server creates it and locks it; for the
// tools, one that does not exist is an error that says how to name another.
func (s *Settings) OpenStore(ctx context.Context, server bool) (*store.Store, error) {
	if s.Ephemeral {
		return store.Open(ctx, store.Config{Ephemeral: true})
	}
	if _, err := os.Stat(s.DataDir); errors.Is(err, os.ErrNotExist) && !server {
		return nil, fmt.Errorf("there is no data folder %s: rostrum serve creates it at its first start; --data-dir names another", s.DataDir)
	}
	st, err := store.Open(ctx, store.Config{Dir: s.DataDir, URL: string(s.Database), Connections: s.DatabaseConnections, Exclusive: server})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w: stop that one, or give this one another folder with --data-dir", err)
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: run this as the user who owns %s, or name another folder with --data-dir", err, s.DataDir)
	}
	return st, err
}

// WithStore opens the store beside a server that may run, and calls fn with it.
func (s *Settings) WithStore(ctx context.Context, fn func(*store.Store) error) error {
	if s.Ephemeral {
		return errors.New("an ephemeral server stores nothing that another process could read; it prints its key when it starts")
	}
	st, err := s.OpenStore(ctx, false)
	if err != nil {
		return err
	}
	return errors.Join(fn(st), st.Close())
}

// Operator is the first operator.
func (s *Settings) Operator() operator.Config {
	return operator.Config{Account: string(s.Account), AccessKey: string(s.AccessKey), SecretKey: string(s.SecretKey)}
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
