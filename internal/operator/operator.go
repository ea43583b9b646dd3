// Package operator makes and finds the access keys by which operators sign requests.
package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// firstUser is the user name of the first operator of an account.
const firstUser = "operator"

// Config names the first operator of an account.
type Config struct {
	Account   string
	AccessKey string // by default made once and kept in the store
	SecretKey string // of AccessKey; may be empty where the store has that key
}

// Ensure returns the key of the account's first operator, and creates it if the store
// has none. A configured key replaces what the store has of it. Created reports whether
// the key is new to the store.
func Ensure(ctx context.Context, st *store.Store, c Config) (key store.AccessKey, created bool, err error) {
	id, err := keyID(ctx, st, c)
	if err != nil {
		return key, false, err
	}
	err = st.Write(ctx, func(tx *store.Tx) error {
		created = false
		kept, err := tx.AccessKey(id)
		switch {
		case err == nil && kept.Account != c.Account:
			return fmt.Errorf("access key %s belongs to account %s: set account to it, or access_key to another", id, kept.Account)
		case err == nil && (c.SecretKey == "" || kept.Secret == c.SecretKey):
			key = *kept
			return nil
		case err == nil:
			kept.Secret = c.SecretKey
			key = *kept
			return tx.UpdateAccessKey(id, func(k *store.AccessKey) error {
				k.Secret = c.SecretKey
				return nil
			})
		case !errors.Is(err, ivsrealtime.ResourceNotFound):
			return err
		}
		if c.AccessKey != "" && c.SecretKey == "" {
			return fmt.Errorf("access key %s is not in the store, and secret_key is missing", id)
		}
		created = true
		key = NewKey(c.Account, firstUser)
		key.ID = id
		if c.SecretKey != "" {
			key.Secret = c.SecretKey
		}
		return create(tx, key)
	})
	if err != nil {
		return key, false, fmt.Errorf("first operator: %w", err)
	}
	return key, created, nil
}

// keyID is the configured id, or the one that the store has for the account.
func keyID(ctx context.Context, st *store.Store, c Config) (string, error) {
	if c.AccessKey != "" {
		return c.AccessKey, nil
	}
	id, err := st.Secret(ctx, "operator of "+c.Account, func() ([]byte, error) {
		return []byte(newKeyID()), nil
	})
	if err != nil {
		return "", fmt.Errorf("first operator: %w", err)
	}
	return string(id), nil
}

// create stores a key, and its account if that is new.
func create(tx *store.Tx, key store.AccessKey) error {
	err := tx.CreateAccount(store.Account{ID: key.Account, Created: key.Created})
	if err != nil && !errors.Is(err, ivsrealtime.Conflict) {
		return err
	}
	return tx.CreateAccessKey(key)
}

// NewKey generates a key of an account. The secret has 40 characters, about 200 bits.
func NewKey(account, user string) store.AccessKey {
	return store.AccessKey{
		ID: newKeyID(), Account: account, UserName: user, Created: time.Now(),
		Secret: rand.Text() + rand.Text()[:14],
	}
}

// newKeyID generates the public part of a key, as long as an AWS access key id.
func newKeyID() string { return "RSTR" + rand.Text()[:16] }
