// Package target manages the targets to which events are delivered.
package target

import (
	"context"
	"errors"
	"fmt"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

// Sync makes the configured targets in the store equal to configured. Targets that were
// added by hand stay.
func Sync(ctx context.Context, st *store.Store, configured []event.Target) error {
	err := st.Write(ctx, func(tx *store.Tx) error {
		wanted := map[string]bool{}
		for _, t := range configured {
			wanted[t.Name] = true
			if err := Put(tx, t); err != nil {
				return err
			}
		}
		kept, err := tx.Targets("")
		for _, t := range kept {
			if t.Configured && !wanted[t.Name] {
				err = errors.Join(err, tx.RemoveTarget(t.Name))
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("targets of events: %w", err)
	}
	return nil
}

// Put stores a target. A webhook that has no secret yet gets one.
func Put(tx *store.Tx, t event.Target) error {
	if t.Webhook != nil && len(t.Secrets) == 0 {
		if before, err := tx.Target(t.Name); err != nil || before.Webhook == nil {
			secret, err := event.NewSecret("")
			if err != nil {
				return err
			}
			t.Secrets = []event.Secret{secret}
		}
	}
	return tx.PutTarget(t)
}
