package store

import (
	"context"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/test/postgres"
)

func TestEvents_ComeBackAsTheyWereEmitted(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage, elsewhere := newARN("stage", here), newARN("stage", here)
		want := []event.Event{event.SessionStarted(stage, "st-1", tenOClock), event.SessionStarted(elsewhere, "st-2", tenOClock), event.SessionEnded(stage, "st-1", tenOClock.Add(time.Second))}
		changed := s.Changed()
		write(t, s, func(tx *Tx) error { tx.Emit(want[:2]...); tx.Emit(want[2]); return nil })
		<-changed
		for i := range want {
			want[i].Cursor = int64(i + 1)
		}
		for name, c := range map[string]struct {
			query EventQuery
			want  []event.Event
		}{
			"all":          {EventQuery{Limit: 9}, want},
			"a part":       {EventQuery{After: 1, Limit: 1}, want[1:2]},
			"of one stage": {EventQuery{StageARN: stage, Limit: 9}, []event.Event{want[0], want[2]}},
			"none":         {EventQuery{After: 3, Limit: 9}, nil},
		} {
			if got, err := s.Events(context.Background(), c.query); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %+v, %v, expected %+v", name, got, err, c.want)
			}
		}
	})
}

func TestEvents_AreNeverMissedByWhoReadsOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		const writers, each = 8, 40
		stage := newARN("stage", here)
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range each {
					write(t, s, func(tx *Tx) error {
						tx.Emit(event.SessionStarted(stage, "st-1", tenOClock))
						if rand.IntN(4) == 0 {
							tx.Emit(event.SessionEnded(stage, "st-1", tenOClock))
						}
						_, err := tx.Beat("n1", tenOClock) // so that transactions meet
						return err
					})
				}
			})
		}
		written := make(chan struct{})
		go func() { group.Wait(); close(written) }()

		var seen []event.Event
		readOn := func() {
			for {
				var after int64
				if len(seen) > 0 {
					after = seen[len(seen)-1].Cursor
				}
				more, err := s.Events(context.Background(), EventQuery{After: after, Limit: 7})
				if err != nil {
					t.Fatal(err)
				}
				if seen = append(seen, more...); len(more) < 7 {
					return
				}
			}
		}
		for done := false; !done; {
			changed := s.Changed()
			readOn()
			select {
			case <-changed:
			case <-written:
				done = true
			}
		}
		readOn()
		all, err := s.Events(context.Background(), EventQuery{Limit: 10 * writers * each})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) < writers*each || !reflect.DeepEqual(seen, all) {
			t.Errorf("who read on saw %d events, there are %d", len(seen), len(all))
		}
	})
}

func TestChanged_TellsOfOtherNodesEvents(t *testing.T) {
	url, dir := postgres.Database(t), t.TempDir()
	here, elsewhere := opened(t, Config{Dir: dir, URL: url}), opened(t, Config{Dir: dir, URL: url})
	for seen := int64(0); seen < 3; seen++ {
		want := seen + 1
		write(t, elsewhere, func(tx *Tx) error { tx.Emit(event.SessionStarted("s", "st-1", tenOClock)); return nil })
		for cursor := seen; cursor < want; {
			changed := here.Changed()
			read(t, here, func(tx *Tx) (err error) {
				cursor, err = tx.LastCursor()
				return err
			})
			if cursor < want {
				<-changed
			}
		}
	}
}

func TestEvents_AreFoundByTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		start := time.Now()
		if cursor := cursorAt(t, s, start); cursor != 0 {
			t.Errorf("an empty log is read from cursor %d, expected 0", cursor)
		}
		emit := func(n int) {
			write(t, s, func(tx *Tx) error {
				for range n {
					tx.Emit(event.SessionStarted("s", "st-1", tenOClock))
				}
				return nil
			})
		}
		emit(5)
		between := time.Now()
		for !time.Now().Truncate(time.Microsecond).After(between) { //nolint:revive // the clock ticks within a microsecond
		}
		emit(4)
		for name, c := range map[string]struct {
			at   time.Time
			want int64
		}{"before all": {start, 0}, "between": {between.Add(time.Microsecond), 5}, "after all": {time.Now().Add(time.Hour), 9}} {
			if cursor := cursorAt(t, s, c.at); cursor != c.want {
				t.Errorf("%s: events follow cursor %d, expected %d", name, cursor, c.want)
			}
		}
	})
}

func cursorAt(t *testing.T, s *Store, at time.Time) (cursor int64) {
	read(t, s, func(tx *Tx) (err error) {
		cursor, err = tx.CursorAt(at)
		return err
	})
	return cursor
}

func TestSweep_CutsTheLogByAgeAndSize(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		const n = 1200 // more than one step of a sweep
		write(t, s, func(tx *Tx) error {
			for range n {
				tx.Emit(event.SessionStarted("s", "st-1", tenOClock))
			}
			return nil
		})
		left := func(r Retention) int {
			if _, err := s.Sweep(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			all, err := s.Events(context.Background(), EventQuery{Limit: 2 * n})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) > 0 && all[len(all)-1].Cursor != n {
				t.Errorf("the newest event left is %d, expected %d", all[len(all)-1].Cursor, n)
			}
			return len(all)
		}
		size := int64(len(event.SessionStarted("s", "st-1", tenOClock).Detail))
		if got := left(Retention{}); got != n {
			t.Errorf("%d of %d events are left that are neither old nor many", got, n)
		}
		if got := left(Retention{EventBytes: 100 * size}); got != 100 {
			t.Errorf("%d events are left, expected the 100 that fit", got)
		}
		if got := left(Retention{Events: time.Nanosecond}); got != 0 {
			t.Errorf("%d events are left, though all are too old", got)
		}
		write(t, s, func(tx *Tx) error { tx.Emit(event.SessionStarted("s", "st-1", tenOClock)); return nil })
		if all, err := s.Events(context.Background(), EventQuery{Limit: 9}); err != nil || len(all) != 1 || all[0].Cursor != n+1 {
			t.Errorf("after an empty log comes %v, %v, expected cursor %d", all, err, n+1)
		}
	})
}
