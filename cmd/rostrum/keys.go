package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/operator"
	"rostrum/internal/policy"
	"rostrum/internal/store"
)

// keysCommands are the commands about access keys. They use the store directly, also
// while a server runs on it.
type keysCommands struct {
	Create keysCreateCommand `cmd:"" help:"Create an access key of the account; its secret is printed only once."`
	List   keysListCommand   `cmd:"" help:"List the access keys of the account."`
	Revoke keysRevokeCommand `cmd:"" help:"Revoke an access key for good."`
	May    keysMayCommand    `cmd:"" help:"Explain whether an access key may do something, and which statement decides."`
}

type keysCreateCommand struct {
	Settings config.Settings `embed:""`

	User    string            `name:"user" default:"user" help:"Name of the user whom the key identifies."`
	Policy  []string          `name:"policy" placeholder:"FILE" help:"IAM policy document, JSON, that limits what the key may do, or one of IVSFullAccess and IVSReadOnlyAccess; without any it may do everything in the account."`
	Tag     map[string]string `name:"tag" placeholder:"KEY=VALUE" help:"Tag of the user, for policies that ask for aws:PrincipalTag."`
	Expires time.Duration     `name:"expires" placeholder:"DURATION" help:"Time after which the key expires, such as 12h."`
}

type keysListCommand struct {
	Settings config.Settings `embed:""`
}

type keysRevokeCommand struct {
	Settings config.Settings `embed:""`

	ID string `arg:"" help:"Id of the access key."`
}

// Run creates the key.
func (c *keysCreateCommand) Run(ctx context.Context, out *output) error {
	key := operator.NewKey(string(c.Settings.Account), c.User)
	key.PrincipalTags = c.Tag
	if c.Expires < 0 {
		return misuse(errors.New("--expires is in the past"))
	}
	if c.Expires > 0 {
		key.Expires = key.Created.Add(c.Expires)
	}
	for _, name := range c.Policy {
		document, err := readPolicy(name)
		if err != nil {
			return misuse(err)
		}
		key.Policies = append(key.Policies, json.RawMessage(document))
	}
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		made, err := operator.Add(ctx, st, key)
		if err != nil {
			return err
		}
		return out.print(made, func(w io.Writer) {
			fmt.Fprintf(w, "access key   %s\nsecret key   %s\n\nThe secret is not shown again.\n", made.ID, made.Secret)
		})
	})
}

// readPolicy returns the document of a built-in policy, or of a file.
func readPolicy(name string) ([]byte, error) {
	if document, ok := policy.Managed(name); ok {
		return document, nil
	}
	document, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if _, err := policy.Parse(document); err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	return document, nil
}

// Run lists the keys, oldest first.
func (c *keysListCommand) Run(ctx context.Context, out *output) error {
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		keys, err := operator.List(ctx, st, string(c.Settings.Account))
		if err != nil {
			return err
		}
		return out.print(keys, func(w io.Writer) { operator.DescribeKeys(w, keys, time.Now()) })
	})
}

// Run revokes the key.
func (c *keysRevokeCommand) Run(ctx context.Context, out *output) error {
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		revoked, err := operator.Revoke(ctx, st, c.ID)
		if err != nil {
			return err
		}
		return out.print(revoked, func(w io.Writer) { fmt.Fprintf(w, "%s is revoked.\n", revoked.ID) })
	})
}
