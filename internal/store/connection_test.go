package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestRevokeConnection_LastsUntilTheTokenHasExpired(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		now := time.Now()
		of := func(id string) ConnectionID { return ConnectionID{"111122223333", "eu-west-1", id} }
		write(t, s, func(tx *Tx) error {
			return errors.Join(
				tx.RevokeConnection(of("past"), now, now.Add(-time.Second)),
				tx.RevokeConnection(of("early"), now.Add(-time.Hour), now.Add(time.Hour)),
				tx.RevokeConnection(of("again"), now.Add(-time.Hour), now.Add(-time.Second)),
				tx.RevokeConnection(of("again"), now, now.Add(time.Hour)))
		})
		if _, err := s.Sweep(context.Background(), Retention{}); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			for c, want := range map[ConnectionID]bool{
				of("past"): false, of("early"): true, of("again"): true, of("other"): false,
				{"111122223333", "us-east-1", "again"}: false, {"999900001111", "eu-west-1", "again"}: false,
			} {
				if got, err := tx.ConnectionRevoked(c); err != nil || got != want {
					t.Errorf("%+v is revoked: %t, %v, expected %t", c, got, err, want)
				}
			}
			since, err := tx.ConnectionsRevokedSince(now.Add(-time.Minute))
			if err != nil || !slices.Equal(since, []ConnectionID{of("again")}) {
				t.Errorf("revoked since: %v, %v", since, err)
			}
			return nil
		})
	})
}
