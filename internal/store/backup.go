package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rostrum/internal/durable"
)

// Backup copies the store to a new directory while it runs: the database as it
// was at one moment, and its key. To restore is to start on the copy as data
// directory. The copy appears under its name once it is complete and on disk;
// it opens every secret, so keep it as safe as the original.
//
// A PostgreSQL database is copied by its own pg_dump; Backup says so.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if s.temporary != "" {
		return errors.New("an ephemeral store keeps nothing to back up")
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("back up to %s: it exists already", dir)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	unfinished, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*") // made with mode 0700
	if err != nil {
		return fmt.Errorf("back up to %s: %w", dir, err)
	}
	defer os.RemoveAll(unfinished)
	if err := s.copyTo(ctx, unfinished); err != nil {
		return fmt.Errorf("back up to %s: %w", dir, err)
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return fmt.Errorf("back up to %s: %w", dir, err)
	}
	return durable.SyncFolder(parent)
}

func (s *Store) copyTo(ctx context.Context, dir string) error {
	database, key := filepath.Join(dir, databaseFile), filepath.Join(dir, keyFile)
	if err := s.db.backup(ctx, database); err != nil {
		return err
	}
	if err := os.WriteFile(key, s.vault.text(), 0o600); err != nil {
		return err
	}
	for _, name := range []string{database, key} {
		if err := os.Chmod(name, 0o600); err != nil {
			return err
		}
		if err := syncFile(name); err != nil {
			return err
		}
	}
	return durable.SyncFolder(dir)
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
