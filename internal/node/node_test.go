package node_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/test/postgres"
)

const (
	lease = 10 * time.Second
	beat  = lease / 20
)

// onBoth runs a test on SQLite and on PostgreSQL, with a clock of its own.
func onBoth(t *testing.T, test func(t *testing.T, s *store.Store)) {
	run := func(t *testing.T, cfg store.Config) {
		synctest.Test(t, func(t *testing.T) {
			s, err := store.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			test(t, s)
		})
	}
	t.Run("SQLite", func(t *testing.T) { run(t, store.Config{Ephemeral: true}) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}) })
}

func open(t *testing.T, s *store.Store, shared bool) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), s, node.Config{Shared: shared, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run runs a node until the test's end or stop.
func run(t *testing.T, n *node.Node) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func write(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// nodes lists the ids of all nodes in the store.
func nodes(t *testing.T, s *store.Store) (ids []string) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Nodes()
		ids = nil
		for _, n := range all {
			ids = append(ids, n.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestNode_ForgetsDeadNodeOnceAllIsClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		n := open(t, s, true)
		var first, second []time.Time
		died := time.Now()
		write(t, s, func(tx *store.Tx) error { return tx.AddNode("dead", died.Add(-time.Hour), store.NodeAddress{}) }) // by its own clock
		n.OnDead(func(_ context.Context, dead store.Node) error {
			if dead.ID != "dead" {
				return nil // this node, at its end
			}
			if !dead.Seen.Equal(died.Add(-time.Hour).Truncate(time.Millisecond)) {
				t.Errorf("it was last seen at %v", dead.Seen)
			}
			if first = append(first, time.Now()); len(first) < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		n.OnDead(func(_ context.Context, dead store.Node) error {
			if dead.ID == "dead" {
				second = append(second, time.Now())
			}
			return nil
		})
		stop := run(t, n)
		time.Sleep(lease + 3*beat/2)
		if !slices.Contains(nodes(t, s), "dead") {
			t.Error("the dead node was forgotten before all that it had open was closed")
		}
		time.Sleep(2 * beat)
		if got := nodes(t, s); !slices.Equal(got, []string{n.ID()}) {
			t.Errorf("nodes are %v, want this one", got)
		}
		if err := errors.Join(stop(), n.Close()); err != nil {
			t.Error(err)
		}
		if len(first) != 3 || !slices.Equal(first, second) {
			t.Errorf("the functions ran at %v and %v, want both three times", first, second)
		} else if took := first[0].Sub(died); took != lease || first[2].Sub(first[0]) != 2*beat {
			t.Errorf("the first ran after %v, and for the third time %v later", took, first[2].Sub(first[0]))
		}
		if got := nodes(t, s); len(got) != 0 {
			t.Errorf("nodes are %v after the last one closed", got)
		}
	})
}

func TestNode_DeclaresNoLiveNodeDead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		a, b := open(t, s, true), open(t, s, true)
		for _, n := range []*node.Node{a, b} {
			n.OnDead(func(_ context.Context, dead store.Node) error {
				if dead.ID != n.ID() {
					t.Errorf("%s declares %s dead", n.ID(), dead.ID)
				}
				return nil
			})
		}
		stopA, stopB := run(t, a), run(t, b)
		time.Sleep(10 * lease)
		if err := errors.Join(stopA(), a.Close(), stopB(), b.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestNode_RecoversFormerProcessesOnlyWhereItIsAlone(t *testing.T) {
	for _, shared := range []bool{false, true} {
		onBoth(t, func(t *testing.T, s *store.Store) {
			write(t, s, func(tx *store.Tx) error { return tx.AddNode("former", time.Now(), store.NodeAddress{}) })
			n := open(t, s, shared)
			var closed []string
			n.OnDead(func(_ context.Context, dead store.Node) error {
				closed = append(closed, dead.ID)
				return nil
			})
			if err := n.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			if slices.Equal(closed, []string{"former"}) == shared || slices.Contains(nodes(t, s), "former") != shared {
				t.Errorf("shared %v: closed %v", shared, closed)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNode_FailsToRecoverWhatCannotBeClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		write(t, s, func(tx *store.Tx) error { return tx.AddNode("former", time.Now(), store.NodeAddress{}) })
		n := open(t, s, false)
		failure := errors.New("on purpose")
		n.OnDead(func(context.Context, store.Node) error { return failure })
		if err := n.Recover(t.Context()); !errors.Is(err, failure) {
			t.Errorf("it recovers with %v", err)
		}
		if err := n.Close(); !errors.Is(err, failure) {
			t.Errorf("it closes with %v", err)
		}
		if got := nodes(t, s); len(got) != 2 {
			t.Errorf("nodes are %v, want both", got)
		}
	})
}

func TestNode_EndsWhenDeclaredDead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		n := open(t, s, true)
		ended := make(chan error, 1)
		go func() { ended <- n.Run(t.Context()) }()
		write(t, s, func(tx *store.Tx) error { return tx.ForgetNode(n.ID()) })
		if err := <-ended; !errors.Is(err, node.ErrDeclaredDead) {
			t.Errorf("it ends with %v", err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_RefusesToRunBesideNodesOfAnotherProtocol(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		write(t, s, func(tx *store.Tx) error {
			return tx.AddNode("newer", time.Now(), store.NodeAddress{Public: "https://newer.example", Version: "v9", Protocol: node.Protocol + 1})
		})
		_, err := node.Open(t.Context(), s, node.Config{Shared: true})
		if err == nil || !strings.Contains(err.Error(), "https://newer.example") || !strings.Contains(err.Error(), "v9") {
			t.Errorf("it opens with %v", err)
		}
	})
}
