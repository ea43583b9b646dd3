package store

import (
	"bytes"
	"context"
	"fmt"
)

// Secret reads one of the server's own secrets (a signing key, say), or makes
// it by create and keeps it: all nodes and all starts get the same. What it
// returns is not encrypted; in the database it is.
func (s *Store) Secret(ctx context.Context, name string, create func() ([]byte, error)) (secret []byte, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		secret, err = tx.secret(name)
		return err
	})
	if err != nil || secret != nil {
		return secret, err
	}
	made, err := create()
	if err != nil {
		return nil, fmt.Errorf("make secret %s: %w", name, err)
	}
	err = s.Write(ctx, func(tx *Tx) error {
		if _, err := tx.exec(`INSERT INTO secret (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
			name, s.vault.seal(secretPlace(name), made)); err != nil {
			return fmt.Errorf("keep secret %s: %w", name, err)
		}
		secret, err = tx.secret(name) // another may have been first
		return err
	})
	return secret, err
}

// FindSecret reads a secret that may be there or not; nil is none.
func (s *Store) FindSecret(ctx context.Context, name string) (secret []byte, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		secret, err = tx.secret(name)
		return err
	})
	return secret, err
}

// ChangeSecret puts what change makes of a secret in its place, with no other change in
// between; nil is none. It calls change more than once where another was first.
func (s *Store) ChangeSecret(ctx context.Context, name string, change func(old []byte) ([]byte, error)) error {
	return s.Write(ctx, func(tx *Tx) error {
		old, err := tx.secret(name)
		if err != nil {
			return err
		}
		made, err := change(old)
		switch {
		case err != nil || bytes.Equal(made, old):
			return err
		case made == nil:
			_, err = tx.exec(`DELETE FROM secret WHERE name = $1`, name)
		case old == nil:
			_, err = tx.exec(`INSERT INTO secret (name, sealed) VALUES ($1, $2)`, name, s.vault.seal(secretPlace(name), made))
		default:
			_, err = tx.exec(`UPDATE secret SET sealed = $2 WHERE name = $1`, name, s.vault.seal(secretPlace(name), made))
		}
		if err != nil {
			return fmt.Errorf("keep secret %s: %w", name, err)
		}
		return nil
	})
}

// secret is nil when there is none of that name.
func (tx *Tx) secret(name string) ([]byte, error) {
	var sealed []byte
	found, err := tx.find([]any{&sealed}, `SELECT sealed FROM secret WHERE name = $1`+tx.lock("UPDATE"), name)
	if err != nil || !found {
		return nil, err
	}
	return tx.store.vault.open(secretPlace(name), sealed)
}

func secretPlace(name string) string { return "secret " + name }
