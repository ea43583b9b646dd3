package store

import (
	"errors"
	"testing"
	"time"

	"rostrum/test/postgres"
)

func TestHome_HasOneNodeAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alive, dead := func(Node) bool { return false }, func(Node) bool { return true }
		acquire := func(node string, isDead func(Node) bool) (h Home) {
			t.Helper()
			write(t, s, func(tx *Tx) (err error) {
				h, err = tx.AcquireHome("stage", node, isDead)
				return err
			})
			return h
		}
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddNode("a", tenOClock, NodeAddress{}), tx.AddNode("b", tenOClock, NodeAddress{Internal: "b:1", Protocol: 1}))
		})
		first := acquire("a", alive)
		if first.Node != "a" || acquire("a", dead) != first || acquire("b", alive) != first {
			t.Errorf("the home is %v, then others", first)
		}
		second := acquire("b", dead)
		if second.Node != "b" || second.Epoch == first.Epoch {
			t.Errorf("the home is %v after %v was lost", second, first)
		}
		write(t, s, func(tx *Tx) error { return tx.ReleaseHome("stage", first) }) // too late
		if acquire("a", alive) != second {
			t.Error("a home that was lost released that of another")
		}
		write(t, s, func(tx *Tx) error { return tx.DeclareDead("b") })
		if third := acquire("a", alive); third.Node != "a" {
			t.Errorf("the home is %v after its node was declared dead", third)
		}
		write(t, s, func(tx *Tx) error { return tx.ForgetNode("b") })
		all := map[string]Home{}
		read(t, s, func(tx *Tx) (err error) {
			all, err = tx.Homes("a")
			return err
		})
		if len(all) != 1 {
			t.Errorf("the homes of a are %v", all)
		}
	})
}

func TestHome_FencesTheWritesOfWhoLostIt(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var old, now Home
	write(t, s, func(tx *Tx) (err error) {
		if err := errors.Join(tx.AddNode("a", time.Now(), NodeAddress{}), tx.AddNode("b", time.Now(), NodeAddress{})); err != nil {
			return err
		}
		old, err = tx.AcquireHome("stage", "a", nil)
		return err
	})
	write(t, s, func(tx *Tx) error { return tx.RequireHome("stage", old) })
	write(t, s, func(tx *Tx) (err error) {
		now, err = tx.AcquireHome("stage", "b", func(Node) bool { return true })
		return err
	})
	if err := s.Write(t.Context(), func(tx *Tx) error { return tx.RequireHome("stage", old) }); !errors.Is(err, ErrHomeLost) {
		t.Errorf("who lost the home writes on: %v", err)
	}
	write(t, s, func(tx *Tx) error { return tx.RequireHome("stage", now) })
	write(t, s, func(tx *Tx) error { return tx.DeclareDead("b") })
	if err := s.Write(t.Context(), func(tx *Tx) error { return tx.RequireHome("stage", now) }); !errors.Is(err, ErrHomeLost) {
		t.Errorf("a node that was declared dead writes on: %v", err)
	}
}
