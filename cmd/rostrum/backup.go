package main

import (
	"context"
	"fmt"
	"io"

	"rostrum/internal/config"
	"rostrum/internal/server"
	"rostrum/internal/store"
)

// backupVerb copies the store, also while a server runs on it.
type backupVerb struct {
	Settings config.Settings `embed:""`

	Folder string `arg:"" help:"Folder to write; it must not exist yet."`
}

// Run writes the copy. To restore is to start on it: rostrum serve --data-dir FOLDER.
func (v *backupVerb) Run(ctx context.Context, out *output) error {
	return v.Settings.WithStore(ctx, func(st *store.Store) error {
		if err := st.Backup(ctx, v.Folder); err != nil {
			return err
		}
		return out.say(map[string]string{"folder": v.Folder}, func(w io.Writer) {
			fmt.Fprintf(w, "%s holds everything, secrets included: keep it safe.\nTo restore it, start on it or on a copy: rostrum serve --data-dir %s\n", v.Folder, server.ShellQuote(v.Folder))
		})
	})
}
