package store

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

func aTarget(name string) event.Target {
	return event.Target{Name: name, Account: here.Account, Webhook: &event.Webhook{URL: "https://example.com/" + name},
		Secrets: []event.Secret{{ID: "k1", Key: "a-very-secret-key"}}}
}

// told emits events of a stage and gives them back as the log has them.
func told(t testing.TB, s *Store, stage string, n int) []event.Event {
	t.Helper()
	var before int64
	write(t, s, func(tx *Tx) (err error) {
		before, err = tx.LastCursor()
		for range n {
			tx.Emit(event.SessionStarted(stage, "st-1", time.Now()))
		}
		return err
	})
	events, err := s.Events(context.Background(), EventQuery{After: before, Limit: n})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestTarget_StartsWithTheNextEventAndKeepsItsPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx, l := context.Background(), DeliveryStore{s}
		last := told(t, s, "x", 3)[2].Cursor
		write(t, s, func(tx *Tx) error { return tx.PutTarget(aTarget("hook")) })
		if at, err := l.Claim(ctx, "hook", "me", time.Now().Add(time.Minute)); err != nil || at != last {
			t.Errorf("a new target starts at %d, %v, expected %d", at, err, last)
		}
		changed := aTarget("hook")
		changed.Secrets, changed.Disabled = nil, true
		write(t, s, func(tx *Tx) error { return tx.PutTarget(changed) })
		all, err := l.Targets(ctx)
		if err != nil || len(all) != 1 || !all[0].Disabled || all[0].Revision != 2 || len(all[0].Secrets) != 1 || all[0].Secrets[0].Key != "a-very-secret-key" {
			t.Errorf("the changed target is %+v, %v: expected it disabled, revision 2, with the secret it had", all, err)
		}
		theirs := aTarget("hook")
		theirs.Account = other.Account
		expectCode(t, s.Write(ctx, func(tx *Tx) error { return tx.PutTarget(theirs) }), ivsrealtime.Conflict, "changing another account's target")
		expectCode(t, s.Write(ctx, func(tx *Tx) error { return tx.PutTarget(event.Target{Name: "hook"}) }), ivsrealtime.ValidationFailed, "a target of no kind")
		write(t, s, func(tx *Tx) error { return tx.RemoveTarget("hook") })
		expectCode(t, s.Write(ctx, func(tx *Tx) error { return tx.RemoveTarget("hook") }), ivsrealtime.ResourceNotFound, "removing it twice")
	})
}

func TestTarget_SecretsAreNotReadableOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, Config{Dir: dir})
	write(t, s, func(tx *Tx) error { return tx.PutTarget(aTarget("hook")) })
	if bytes.Contains(files(t, dir), []byte("a-very-secret-key")) {
		t.Error("the secret of a target stands in the database as it is")
	}
}

func TestDeliveryStore_SavesProgressAtomicallyForTheHolderOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx, l := context.Background(), DeliveryStore{s}
		write(t, s, func(tx *Tx) error { return tx.PutTarget(aTarget("hook")) })
		e := told(t, s, "x", 3)
		if _, err := l.Claim(ctx, "hook", "me", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		due := time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()
		p := event.Progress{Cursor: e[2].Cursor, Parked: []event.ParkedDelivery{
			{Event: e[0], Attempts: 1, Due: due, Since: time.Now(), Error: "it answered 500"}, {Event: e[1], Since: time.Now()}, {Event: e[2], Since: time.Now()}}}
		if err := l.SaveProgress(ctx, "hook", "another", p); !errors.Is(err, event.ErrNotHeld) {
			t.Errorf("another's progress: %v, expected ErrNotHeld", err)
		}
		for range 2 { // its answer may be lost
			if err := l.SaveProgress(ctx, "hook", "me", p); err != nil {
				t.Fatal(err)
			}
		}
		lanes, err := l.StageQueues(ctx, "hook")
		if err != nil || len(lanes) != 1 || lanes[0] != (event.StageQueue{StageARN: "x", Waiting: 3, Due: due}) {
			t.Errorf("lanes are %+v, %v, expected one of x with 3, due %v", lanes, err, due)
		}
		parked, err := l.Parked(ctx, "hook", "x", 2)
		if err != nil || len(parked) != 2 || parked[0].Event.ID != e[0].ID || parked[0].Attempts != 1 || parked[0].Error != "it answered 500" || string(parked[1].Event.Detail) != string(e[1].Detail) {
			t.Errorf("parked are %+v, %v, expected the first two whole", parked, err)
		}
		dead := event.ParkedDelivery{Event: e[1], Attempts: 99, Due: due, Error: "never", Dead: true}
		if err := l.SaveProgress(ctx, "hook", "me", event.Progress{Delivered: []int64{e[0].Cursor}, Failed: []event.ParkedDelivery{dead}}); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *Tx) error {
			state, err := tx.TargetState("hook")
			if state != (TargetState{Behind: 0, Parked: 1, Dead: 1, LastError: "never"}) {
				t.Errorf("the target stands at %+v, expected 1 parked and 1 dead, with its error", state)
			}
			return err
		})
		write(t, s, func(tx *Tx) error {
			n, err := tx.Redeliver("hook", 0)
			if n != 1 {
				t.Errorf("%d deliveries are tried again, expected 1", n)
			}
			return err
		})
		if parked, err = l.Parked(ctx, "hook", "x", 9); err != nil || len(parked) != 2 || parked[0].Event.ID != e[1].ID {
			t.Errorf("parked are %+v, %v, expected the dead one first", parked, err)
		}
	})
}

func TestDeliveryStore_OneNodeHoldsATarget(t *testing.T) {
	s := opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t)})
	ctx, l := context.Background(), DeliveryStore{s}
	write(t, s, func(tx *Tx) error { return tx.PutTarget(aTarget("hook")) })
	for _, step := range []struct {
		holder string
		until  time.Duration
		held   bool
	}{{"one", time.Minute, true}, {"two", time.Minute, false}, {"one", -time.Second, true}, {"two", time.Minute, true}, {"one", time.Minute, false}} {
		if _, err := l.Claim(ctx, "hook", step.holder, time.Now().Add(step.until)); (err == nil) != step.held {
			t.Errorf("claim by %s: %v, expected it to hold: %v", step.holder, err, step.held)
		}
	}
	if err := l.Release(ctx, "hook", "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Claim(ctx, "hook", "one", time.Now()); err != nil {
		t.Errorf("claim of what was released: %v", err)
	}
}

func TestSweep_KeepsEventsThatTargetsHaveYetToGet(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx, l := context.Background(), DeliveryStore{s}
		write(t, s, func(tx *Tx) error { return tx.PutTarget(aTarget("hook")) })
		e := told(t, s, "x", 5)
		if _, err := l.Claim(ctx, "hook", "me", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := l.SaveProgress(ctx, "hook", "me", event.Progress{Cursor: e[3].Cursor, Parked: []event.ParkedDelivery{{Event: e[1], Since: time.Now(), Dead: true}}}); err != nil {
			t.Fatal(err)
		}
		left := func(r Retention) (n []int64) {
			t.Helper()
			if _, err := s.Sweep(ctx, r); err != nil {
				t.Fatal(err)
			}
			events, err := s.Events(ctx, EventQuery{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				n = append(n, e.Cursor)
			}
			return n
		}
		if n := left(Retention{Events: time.Nanosecond}); len(n) != 2 || n[0] != e[1].Cursor || n[1] != e[4].Cursor {
			t.Errorf("a sweep leaves %v, expected the dead one, %d, and what comes after the cursor, %d", n, e[1].Cursor, e[4].Cursor)
		}
		read(t, s, func(tx *Tx) error {
			at, err := tx.CursorAt(time.Now().Add(time.Hour))
			if at != e[4].Cursor {
				t.Errorf("after a time to come stand events after %d, expected %d", at, e[4].Cursor)
			}
			return err
		})
		disabled := aTarget("hook")
		disabled.Disabled = true
		write(t, s, func(tx *Tx) error { return tx.PutTarget(disabled) })
		if n := left(Retention{Events: time.Nanosecond, Dead: time.Nanosecond}); len(n) != 0 {
			t.Errorf("a sweep leaves %v although nobody waits for anything", n)
		}
	})
}

func TestSweep_BoundsTheLogWhateverTargetsHaveYetToGet(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx, l := context.Background(), DeliveryStore{s}
		write(t, s, func(tx *Tx) error { return errors.Join(tx.PutTarget(aTarget("away")), tx.PutTarget(aTarget("hook"))) })
		const n, kept = 1200, 100 // more than one step of a sweep
		e := told(t, s, "arn:aws:ivs:"+here.Region+":"+here.Account+":stage/x", n)
		if _, err := l.Claim(ctx, "hook", "me", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		parked := []event.ParkedDelivery{{Event: e[1], Since: time.Now()}, {Event: e[2], Since: time.Now(), Dead: true}, {Event: e[n-1], Since: time.Now()}}
		if err := l.SaveProgress(ctx, "hook", "me", event.Progress{Cursor: e[n-1].Cursor, Parked: parked}); err != nil {
			t.Fatal(err)
		}
		swept, err := s.Sweep(ctx, Retention{EventBytes: kept * int64(len(e[0].Detail))})
		if err != nil {
			t.Fatal(err)
		}
		if swept.Undelivered["away"] != n-kept || swept.Undelivered["hook"] != 2 || len(swept.Undelivered) != 2 {
			t.Errorf("the sweep tells of %v, expected %d that one target has not seen, and one parked and one dead for the other", swept.Undelivered, n-kept)
		}
		left, err := s.Events(ctx, EventQuery{Limit: 2 * n})
		if err != nil || len(left) != kept || left[0].Cursor != e[n-kept].Cursor {
			t.Errorf("%d events are left, %v, expected the newest %d", len(left), err, kept)
		}
		queues, err := l.StageQueues(ctx, "hook")
		if err != nil || len(queues) != 1 || queues[0].Waiting != 1 {
			t.Errorf("parked are %+v, %v, expected the one whose event is left", queues, err)
		}
		if cursor, err := l.Claim(ctx, "away", "me", time.Now().Add(time.Minute)); err != nil || cursor != e[n-kept-1].Cursor {
			t.Errorf("the other target goes on after %d, %v, expected %d", cursor, err, e[n-kept-1].Cursor)
		}
		if swept, err = s.Sweep(ctx, Retention{EventBytes: kept * int64(len(e[0].Detail))}); err != nil || len(swept.Undelivered) > 0 {
			t.Errorf("another sweep tells of %v, %v", swept.Undelivered, err)
		}
	})
}
