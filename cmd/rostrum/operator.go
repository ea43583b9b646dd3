package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// operatorName is the user name of the first operator of an account.
const operatorName = "operator"

// openStore opens the store of the settings. A server creates it and has it for itself;
// for the tools, one that isn't there is an error that says how to name another.
func (s *settings) openStore(ctx context.Context, server bool) (*store.Store, error) {
	if s.Ephemeral {
		return store.Open(ctx, store.Config{Ephemeral: true})
	}
	if _, err := os.Stat(s.DataDir); errors.Is(err, os.ErrNotExist) && !server {
		return nil, fmt.Errorf("there is no data folder %s: rostrum serve makes it at its first start; --data-dir names another", s.DataDir)
	}
	st, err := store.Open(ctx, store.Config{Dir: s.DataDir, URL: string(s.Database), Exclusive: server})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w: stop that one, or give this one a folder of its own with --data-dir", err)
	}
	return st, err
}

// ensureOperator finds the key of the account's first operator, or makes it.
// A key that the settings name is kept as they have it. Made reports whether
// the key is new to the store.
func ensureOperator(ctx context.Context, st *store.Store, s *settings) (key store.AccessKey, made bool, err error) {
	id, err := operatorKeyID(ctx, st, s)
	if err != nil {
		return key, false, err
	}
	err = st.Write(ctx, func(tx *store.Tx) error {
		made = false
		kept, err := tx.AccessKey(id)
		switch {
		case err == nil && kept.Account != string(s.Account):
			return fmt.Errorf("access key %s belongs to account %s: set account to it, or access_key to another", id, kept.Account)
		case err == nil && (s.SecretKey == "" || kept.Secret == string(s.SecretKey)):
			key = *kept
			return nil
		case err == nil:
			kept.Secret = string(s.SecretKey)
			key = *kept
			return tx.UpdateAccessKey(id, func(k *store.AccessKey) error {
				k.Secret = string(s.SecretKey)
				return nil
			})
		case !errors.Is(err, ivsrealtime.ResourceNotFound):
			return err
		}
		if s.AccessKey != "" && s.SecretKey == "" {
			return fmt.Errorf("access key %s is not kept here, and secret_key is missing", id)
		}
		made = true
		key = newAccessKey(string(s.Account), operatorName)
		key.ID = id
		if s.SecretKey != "" {
			key.Secret = string(s.SecretKey)
		}
		return createKey(tx, key)
	})
	if err != nil {
		return key, false, fmt.Errorf("first operator: %w", err)
	}
	return key, made, nil
}

// operatorKeyID is the id that the settings name, or the one noted in the store
// for the account.
func operatorKeyID(ctx context.Context, st *store.Store, s *settings) (string, error) {
	if s.AccessKey != "" {
		return string(s.AccessKey), nil
	}
	id, err := st.Secret(ctx, "operator of "+string(s.Account), func() ([]byte, error) {
		return []byte(newKeyID()), nil
	})
	if err != nil {
		return "", fmt.Errorf("first operator: %w", err)
	}
	return string(id), nil
}

// createKey keeps a key, and its account if that is new.
func createKey(tx *store.Tx, key store.AccessKey) error {
	err := tx.CreateAccount(store.Account{ID: key.Account, Created: key.Created})
	if err != nil && !errors.Is(err, ivsrealtime.Conflict) {
		return err
	}
	return tx.CreateAccessKey(key)
}

// newAccessKey mints a key of an account: 40 characters of secret, about 200 bits.
func newAccessKey(account, user string) store.AccessKey {
	return store.AccessKey{
		ID: newKeyID(), Account: account, UserName: user, Created: time.Now(),
		Secret: rand.Text() + rand.Text()[:14],
	}
}

// newKeyID mints the public half of a key, as long as the service's.
func newKeyID() string { return "RSTR" + rand.Text()[:16] }
