package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/config"
	"rostrum/internal/operator"
	"rostrum/internal/seed"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// seedCommand makes what a file lists, on a server that runs.
type seedCommand struct {
	Settings config.Settings `embed:""`

	File     string `arg:"" help:"What there shall be, YAML or JSON; - is standard input. See docs/ci.md."`
	Endpoint string `placeholder:"URL" help:"The server, with credentials of the AWS SDK; by default that of $$AWS_ENDPOINT_URL_IVS_REALTIME unless a flag names a server, and else the server of the settings, with its operator's key."`
	Publish  bool   `help:"Then run the test publishers of the file until interrupted."`
}

// Run prints one JSON document, for people with indents.
func (c *seedCommand) Run(ctx context.Context, out *output) error {
	file, err := seed.ReadFile(c.File, os.Stdin)
	if err != nil {
		return misuse(err)
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	result, err := seed.Apply(ctx, client, file)
	if err != nil {
		return err
	}
	if err := out.print(result, func(w io.Writer) {
		indented := json.NewEncoder(w)
		indented.SetIndent("", "  ")
		indented.SetEscapeHTML(false)
		_ = indented.Encode(result) // a terminal that was closed
	}); err != nil {
		return err
	}
	switch n := file.CountPublishers(); {
	case n > 0 && !c.Publish:
		fmt.Fprintf(out.stderr, "rostrum: test publishers of the file: %d, not run: --publish runs them\n", n)
	case c.Publish:
		return publishSeed(ctx, client, file, result)
	}
	return nil
}

// publishSeed runs the test publishers until ctx ends. It fails when none is left.
func publishSeed(ctx context.Context, client *ivsrealtime.Client, file *seed.File, result *seed.Result) error {
	publishers, err := file.Publishers(ctx, client, result)
	if err != nil {
		return err
	}
	var failures []error
	publishers.Run(ctx, func(err error) { failures = append(failures, err) })
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(failures...)
}

// client calls the server of --endpoint, or of the environment, with credentials of the AWS SDK,
// or that of the settings with its operator's key. Flags win over the environment.
func (c *seedCommand) client(ctx context.Context) (*ivsrealtime.Client, error) {
	s := &c.Settings
	b := ivsrealtime.NewClientBuilder()
	if c.Endpoint != "" || os.Getenv("AWS_ENDPOINT_URL_IVS_REALTIME") != "" && !s.FlagsNameServer() {
		if os.Getenv("AWS_REGION") == "" || s.IsFlag("region") {
			b.Region(string(s.Region))
		}
		return b.EndpointOverride(c.Endpoint).Build(ctx)
	}
	endpoint, err := c.localEndpoint()
	if err != nil {
		return nil, err
	}
	key, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	return b.Region(string(s.Region)).EndpointOverride(endpoint).CredentialsProvider(key).Build(ctx)
}

// localEndpoint is the address of listen where this machine reaches it without TLS: the public
// URL may be that of a proxy or a mapped port. With TLS it is the public URL.
func (c *seedCommand) localEndpoint() (string, error) {
	s := &c.Settings
	if s.HasTLS() {
		return s.Endpoint(string(s.Listen))
	}
	host, port, err := net.SplitHostPort(string(s.Listen))
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // needs no /etc/hosts
	}
	if port == "0" {
		return "", misuse(errors.New("listen has no port: give --endpoint, or set AWS_ENDPOINT_URL_IVS_REALTIME"))
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// key is that of the settings, or the operator's in the store.
func (c *seedCommand) key(ctx context.Context) (p credentials.StaticCredentialsProvider, err error) {
	s := &c.Settings
	if s.AccessKey != "" && s.SecretKey != "" {
		return credentials.NewStaticCredentialsProvider(string(s.AccessKey), string(s.SecretKey), ""), nil
	}
	if s.Ephemeral {
		return p, misuse(errors.New("an ephemeral server stores no key: give access_key and secret_key, of the server too, or the AWS credentials that it printed with --endpoint"))
	}
	return p, s.WithStore(ctx, func(st *store.Store) error {
		key, _, err := operator.Ensure(ctx, st, s.Operator())
		p = credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
		return err
	})
}
