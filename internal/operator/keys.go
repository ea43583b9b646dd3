package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Key is an access key for display. Secret is set only when the key was just created.
type Key struct {
	ID      string            `json:"accessKeyId"`
	Secret  string            `json:"secretAccessKey,omitempty"`
	Account string            `json:"account"`
	User    string            `json:"user"`
	Tags    map[string]string `json:"tags,omitempty"`
	Bounded bool              `json:"boundedByPolicies"`

	Policies []json.RawMessage `json:"policies,omitempty"` // IAM policy documents

	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

func withoutSecret(k store.AccessKey) Key {
	return Key{
		ID: k.ID, Account: k.Account, User: k.UserName, Tags: k.PrincipalTags, Bounded: len(k.Policies) > 0, Policies: k.Policies,
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

// Update changes a key of an account.
func Update(ctx context.Context, st *store.Store, account, id string, change func(*store.AccessKey)) (updated Key, err error) {
	err = st.Write(ctx, func(tx *store.Tx) error {
		return tx.UpdateAccessKey(id, func(k *store.AccessKey) error {
			if k.Account != account {
				return notFound(id)
			}
			change(k)
			updated = withoutSecret(*k)
			return nil
		})
	})
	return updated, err
}

// Delete deletes a key of an account.
func Delete(ctx context.Context, st *store.Store, account, id string) error {
	return st.Write(ctx, func(tx *store.Tx) error {
		k, err := tx.AccessKey(id)
		switch {
		case err != nil:
			return err
		case k.Account != account:
			return notFound(id)
		}
		return tx.DeleteAccessKey(id)
	})
}

// Find returns a key of an account.
func Find(ctx context.Context, st *store.Store, account, id string) (found Key, err error) {
	err = st.Read(ctx, func(tx *store.Tx) error {
		k, err := tx.AccessKey(id)
		switch {
		case err != nil:
			return err
		case k.Account != account:
			return notFound(id)
		}
		found = withoutSecret(*k)
		return nil
	})
	return found, err
}

// notFound is the error for a key of another account, too: whether there is one is not told.
func notFound(id string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "Access key %s does not exist", id)
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
