package operator

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rostrum/internal/store"
)

// A Key is an access key for display. Secret is set only when the key was just created.
type Key struct {
	ID      string            `json:"accessKeyId"`
	Secret  string            `json:"secretAccessKey,omitempty"`
	Account string            `json:"account"`
	User    string            `json:"user"`
	Tags    map[string]string `json:"tags,omitempty"`
	Bounded bool              `json:"boundedByPolicies"`
	Created time.Time         `json:"created,omitzero"`
	Expires time.Time         `json:"expires,omitzero"`
	Revoked time.Time         `json:"revoked,omitzero"`
}

func withoutSecret(k store.AccessKey) Key {
	return Key{
		ID: k.ID, Account: k.Account, User: k.UserName, Tags: k.PrincipalTags, Bounded: len(k.Policies) > 0,
		Created: k.Created, Expires: k.Expires, Revoked: k.Revoked,
	}
}

// Add stores a new key, and its account if that is new.
func Add(ctx context.Context, st *store.Store, key store.AccessKey) (Key, error) {
	if err := st.Write(ctx, func(tx *store.Tx) error { return create(tx, key) }); err != nil {
		return Key{}, err
	}
	made := withoutSecret(key)
	made.Secret = key.Secret
	return made, nil
}

// List lists the keys of an account, oldest first.
func List(ctx context.Context, st *store.Store, account string) ([]Key, error) {
	keys := []Key{}
	err := st.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.AccessKeys(account)
		for _, k := range all {
			keys = append(keys, withoutSecret(k))
		}
		return err
	})
	return keys, err
}

// Revoke makes a key unusable for good. One that is revoked already stays as it is.
func Revoke(ctx context.Context, st *store.Store, id string) (revoked Key, err error) {
	err = st.Write(ctx, func(tx *store.Tx) error {
		return tx.UpdateAccessKey(id, func(k *store.AccessKey) error {
			if k.Revoked.IsZero() {
				k.Revoked = time.Now()
			}
			revoked = withoutSecret(*k)
			return nil
		})
	})
	return revoked, err
}

// DescribeKeys writes a table of keys.
func DescribeKeys(w io.Writer, keys []Key, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "ACCESS KEY\tUSER\tCREATED\tALLOWED\tSTATE")
	for _, k := range keys {
		allowed := "everything"
		if k.Bounded {
			allowed = "what its policies allow"
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.User, k.Created.Format(time.DateOnly), allowed, k.state(now))
	}
	_ = tab.Flush()
}

func (k Key) state(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked " + k.Revoked.Format(time.DateOnly)
	case k.Expires.IsZero():
		return "valid"
	case now.After(k.Expires):
		return "expired " + k.Expires.Format(time.DateOnly)
	}
	return "valid until " + k.Expires.Format(time.RFC3339)
}
