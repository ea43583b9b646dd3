package config

import (
	"context"
	"errors"
	"fmt"
	"os"

	"rostrum/internal/operator"
	"rostrum/internal/store"
)

// OpenStore opens the store of the settings. A server creates it and locks it; for the
// tools, one that does not exist is an error that says how to name another.
func (s *Settings) OpenStore(ctx context.Context, server bool) (*store.Store, error) {
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

// withStore runs fn on the kept store of the settings.
func (s *Settings) WithStore(ctx context.Context, fn func(*store.Store) error) error {
	if s.Ephemeral {
		return errors.New("an ephemeral server keeps nothing that another process could read: its key is printed when it starts")
	}
	st, err := s.OpenStore(ctx, false)
	if err != nil {
		return err
	}
	return errors.Join(fn(st), st.Close())
}

// operator is the first operator that the settings name.
func (s *Settings) Operator() operator.Config {
	return operator.Config{Account: string(s.Account), AccessKey: string(s.AccessKey), SecretKey: string(s.SecretKey)}
}
