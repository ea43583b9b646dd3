package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"rostrum/internal/arn"
)

func TestStanding_KeepsTheRightsOfTheLastExchange(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := arn.New(arn.Stage, "111122223333", "us-east-1").String()
		at := func(second int64) time.Time { return time.Unix(1788264000+second, 0).UTC() }
		later := time.Now().Add(time.Hour)
		write(t, s, func(tx *Tx) error {
			return errors.Join(
				tx.Exchanged(stage, "less", Rights{true, true, at(5)}, later), tx.Exchanged(stage, "less", Rights{false, true, at(6)}, later),
				tx.Exchanged(stage, "more", Rights{false, false, at(5)}, later), tx.Exchanged(stage, "more", Rights{true, false, at(4)}, time.Now()),
				tx.Exchanged(stage, "past", Rights{false, false, at(5)}, time.Now().Add(-time.Second)))
		})
		if _, err := s.Sweep(context.Background(), Retention{}); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			for participant, want := range map[string]*Rights{
				"less": {false, true, at(6)}, "more": {true, false, at(5)}, "past": nil, "other": nil,
			} {
				got, err := tx.Standing(stage, participant)
				if err != nil {
					return err
				}
				if (got.Rights == nil) != (want == nil) || want != nil && *got.Rights != *want {
					t.Errorf("%s: got %+v, want %+v", participant, got.Rights, want)
				}
			}
			return nil
		})
	})
}
