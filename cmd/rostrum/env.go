package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/operator"
	"rostrum/internal/server"
	"rostrum/internal/store"
)

// envCommand prints the environment for AWS SDKs and the AWS CLI.
type envCommand struct {
	Settings config.Settings `embed:""`
}

// An environment is what a client needs to reach a server.
type environment struct {
	Endpoint  string `json:"endpoint"`
	AccessKey string `json:"accessKeyId"`
	SecretKey string `json:"secretAccessKey"`
	Region    string `json:"region"`
	CABundle  string `json:"caBundle,omitempty"` // file of the authority that signed the server's certificate
}

// Run prints shell exports: eval "$(rostrum env)".
func (c *envCommand) Run(ctx context.Context, out *output) error {
	s := &c.Settings
	return s.WithStore(ctx, func(st *store.Store) error {
		endpoint, err := s.Endpoint(string(s.Listen))
		if err != nil {
			return err
		}
		key, _, err := operator.Ensure(ctx, st, s.Operator())
		if err != nil {
			return err
		}
		if !key.Revoked.IsZero() {
			return fmt.Errorf("access key %s of the first operator is revoked: rostrum keys create makes another", key.ID)
		}
		c := environment{Endpoint: endpoint, AccessKey: key.ID, SecretKey: key.Secret, Region: string(s.Region)}
		if c.CABundle, err = s.CABundle(); errors.Is(err, config.ErrNoAuthority) {
			fmt.Fprintln(out.stderr, "rostrum: "+err.Error()+": set AWS_CA_BUNDLE to a file with it")
		} else if err != nil {
			return err
		}
		return out.print(c, c.exports)
	})
}

// exports writes it for a POSIX shell. It unsets a session token of other credentials,
// with which signatures would be wrong.
func (c environment) exports(w io.Writer) {
	for _, variable := range [][2]string{
		{"AWS_ENDPOINT_URL_IVS_REALTIME", c.Endpoint},
		{"AWS_ENDPOINT_URL_IVS", c.Endpoint},
		{"AWS_ACCESS_KEY_ID", c.AccessKey},
		{"AWS_SECRET_ACCESS_KEY", c.SecretKey},
		{"AWS_REGION", c.Region},
		{"AWS_DEFAULT_REGION", c.Region},
	} {
		fmt.Fprintf(w, "export %s=%s\n", variable[0], server.ShellQuote(variable[1]))
	}
	if c.CABundle != "" {
		fmt.Fprintf(w, "export AWS_CA_BUNDLE=%s\n", server.ShellQuote(c.CABundle))
	}
	fmt.Fprintln(w, "unset AWS_SESSION_TOKEN AWS_PROFILE")
}
