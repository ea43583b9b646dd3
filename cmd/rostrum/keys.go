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

// keysVerbs groups the verbs about access keys. They work on the store itself,
// also while a server runs on it.
type keysVerbs struct {
	Create keysCreateVerb `cmd:"" help:"Make an access key of the account; its secret is printed this once."`
	List   keysListVerb   `cmd:"" help:"List the access keys of the account."`
	Revoke keysRevokeVerb `cmd:"" help:"Make an access key worthless, for good."`
	May    keysMayVerb    `cmd:"" help:"Explain whether an access key may do something, and which statement decides."`
}

type keysCreateVerb struct {
	Settings config.Settings `embed:""`

	User    string            `name:"user" default:"user" help:"Name of the user that the key stands for."`
	Policy  []string          `name:"policy" placeholder:"FILE" help:"IAM policy document, JSON, that says what the key may do, or one of IVSFullAccess and IVSReadOnlyAccess; without any it may do everything in the account."`
	Tag     map[string]string `name:"tag" placeholder:"KEY=VALUE" help:"Tag of the user, for policies that ask for aws:PrincipalTag."`
	Expires time.Duration     `name:"expires" placeholder:"DURATION" help:"Time after which the key is worthless, such as 12h."`
}

type keysListVerb struct {
	Settings config.Settings `embed:""`
}

type keysRevokeVerb struct {
	Settings config.Settings `embed:""`

	ID string `arg:"" help:"The access key's id."`
}

// Run makes the key.
func (v *keysCreateVerb) Run(ctx context.Context, out *output) error {
	key := operator.NewKey(string(v.Settings.Account), v.User)
	key.PrincipalTags = v.Tag
	if v.Expires < 0 {
		return misuse(errors.New("--expires lies in the past"))
	}
	if v.Expires > 0 {
		key.Expires = key.Created.Add(v.Expires)
	}
	for _, name := range v.Policy {
		document, err := readPolicy(name)
		if err != nil {
			return misuse(err)
		}
		key.Policies = append(key.Policies, json.RawMessage(document))
	}
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		made, err := operator.Add(ctx, st, key)
		if err != nil {
			return err
		}
		return out.say(made, func(w io.Writer) {
			fmt.Fprintf(w, "access key   %s\nsecret key   %s\n\nThe secret is not shown again.\n", made.ID, made.Secret)
		})
	})
}

// readPolicy is the document of a built-in policy, or of a file.
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
func (v *keysListVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		keys, err := operator.List(ctx, st, string(v.Settings.Account))
		if err != nil {
			return err
		}
		return out.say(keys, func(w io.Writer) { operator.DescribeKeys(w, keys, time.Now()) })
	})
}

// Run revokes the key.
func (v *keysRevokeVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		revoked, err := operator.Revoke(ctx, st, v.ID)
		if err != nil {
			return err
		}
		return out.say(revoked, func(w io.Writer) { fmt.Fprintf(w, "%s is revoked.\n", revoked.ID) })
	})
}
