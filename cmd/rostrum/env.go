package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"rostrum/internal/store"
)

// envVerb prints what AWS SDKs and the AWS CLI need to reach this server.
type envVerb struct {
	Settings settings `embed:""`
}

// An environment is what a client needs to know.
type environment struct {
	Endpoint  string `json:"endpoint"`
	AccessKey string `json:"accessKeyId"`
	SecretKey string `json:"secretAccessKey"`
	Region    string `json:"region"`
}

// Run prints shell exports: eval "$(rostrum env)".
func (v *envVerb) Run(ctx context.Context, out *output) error {
	s := &v.Settings
	return s.withStore(ctx, func(st *store.Store) error {
		endpoint, err := s.endpoint(string(s.Listen))
		if err != nil {
			return err
		}
		key, _, err := ensureOperator(ctx, st, s)
		if err != nil {
			return err
		}
		if !key.Revoked.IsZero() {
			return fmt.Errorf("access key %s of the first operator is revoked: rostrum keys create makes another", key.ID)
		}
		c := environment{Endpoint: endpoint, AccessKey: key.ID, SecretKey: key.Secret, Region: string(s.Region)}
		return out.say(c, c.exports)
	})
}

// exports writes it for a POSIX shell. A session token of other
// credentials would spoil the signatures.
func (c environment) exports(w io.Writer) {
	for _, variable := range [][2]string{
		{"AWS_ENDPOINT_URL_IVS_REALTIME", c.Endpoint},
		{"AWS_ENDPOINT_URL_IVS", c.Endpoint},
		{"AWS_ACCESS_KEY_ID", c.AccessKey},
		{"AWS_SECRET_ACCESS_KEY", c.SecretKey},
		{"AWS_REGION", c.Region},
		{"AWS_DEFAULT_REGION", c.Region},
	} {
		fmt.Fprintf(w, "export %s=%s\n", variable[0], quote(variable[1]))
	}
	fmt.Fprintln(w, "unset AWS_SESSION_TOKEN AWS_PROFILE")
}

// quote makes one word of a POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// endpoint is the URL under which clients reach a server bound to an address:
// the public one, or else made from the address. It stands in tokens, so it is
// the same at every start.
func (s *settings) endpoint(bound string) (string, error) {
	if s.PublicURL != "" {
		return string(s.PublicURL), nil
	}
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	if port == "0" {
		return "", errors.New("listen names no port, and public_url is not set")
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

// ownAddress is the first address of this machine that others could reach, or
// the loopback address where there is none. IPv4 comes first.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("addresses of this machine: %w", err)
	}
	best := "127.0.0.1"
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || !prefix.Addr().IsGlobalUnicast() {
			continue
		}
		if prefix.Addr().Is4() {
			return prefix.Addr().String(), nil
		}
		best = prefix.Addr().String()
	}
	return best, nil
}
