package main

import (
	"context"
	"fmt"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/server"
	"rostrum/internal/store"
)

// backupCommand copies the store, also while a server runs on it.
type backupCommand struct {
	Settings config.Settings `embed:""`

	Folder string `arg:"" help:"Folder to create; it must not exist."`
}

// Run writes the copy. To restore it, start a server on it: rostrum serve --data-dir FOLDER.
func (c *backupCommand) Run(ctx context.Context, out *output) error {
	return c.Settings.WithStore(ctx, func(st *store.Store) error {
		if err := st.Backup(ctx, c.Folder); err != nil {
			return err
		}
		return out.print(map[string]string{"folder": c.Folder}, func(w io.Writer) {
			fmt.Fprintf(w, "%s holds all data, secrets included: keep it safe.\nTo restore it, start a server on it or on a copy of it: rostrum serve --data-dir %s\n", c.Folder, server.ShellQuote(c.Folder))
		})
	})
}
