package store

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"rostrum/test/postgres"
)

// twoStores opens one database twice, as two nodes do.
func twoStores(t *testing.T) (a, b *Store) {
	t.Helper()
	c := Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	return opened(t, c), opened(t, c)
}

// take takes tokens of a bucket of ten that gets one an hour.
func take(t *testing.T, s *Store, bucket string, tokens int) RateGrant {
	t.Helper()
	grants, _, err := s.Rates().Take(t.Context(), []RateWish{{bucket, time.Hour, 10 * time.Hour, tokens}})
	if err != nil {
		t.Fatal(err)
	}
	return grants[bucket]
}

func TestRates_GrantWhatAllNodesLeft(t *testing.T) {
	a, b := twoStores(t)
	for i, step := range []struct {
		store        *Store
		wish, tokens int
		fullHours    float64
	}{
		{a, 3, 3, 0},
		{b, 4, 4, 3},
		{a, 0, 0, 7},
		{a, 9, 3, 7},
		{b, 1, 0, 10},
	} {
		got := take(t, step.store, "one", step.wish)
		if hours := got.FullWait.Hours(); got.Tokens != step.tokens || hours > step.fullHours || hours < step.fullHours-0.2 {
			t.Errorf("step %d: %d tokens, full after %.3f h, expected %d and %.0f h", i, got.Tokens, hours, step.tokens, step.fullHours)
		}
	}
	if got := take(t, b, "another", 11); got.Tokens != 10 {
		t.Errorf("a new bucket gives %d tokens, expected 10", got.Tokens)
	}
}

func TestRates_ConcurrentNodesTakeEachTokenOnce(t *testing.T) {
	a, b := twoStores(t)
	var mu sync.Mutex // guards taken
	taken := map[string]int{}
	var running sync.WaitGroup
	for _, s := range []*Store{a, b} {
		running.Go(func() {
			for range 40 {
				grants, _, err := s.Rates().Take(t.Context(), []RateWish{{"x", time.Hour, 50 * time.Hour, 1}, {"y", time.Hour, 60 * time.Hour, 1}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for bucket, g := range grants {
					taken[bucket] += g.Tokens
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	if want := map[string]int{"x": 50, "y": 60}; !maps.Equal(taken, want) {
		t.Errorf("taken %v, expected %v", taken, want)
	}
}

// TestRates_RefillWithTime takes more than the size of a bucket.
func TestRates_RefillWithTime(t *testing.T) {
	s, _ := twoStores(t)
	for missing := 8; missing > 0; {
		grants, _, err := s.Rates().Take(t.Context(), []RateWish{{"fast", time.Millisecond, 5 * time.Millisecond, missing}})
		if err != nil {
			t.Fatal(err) // among others that the test took too long
		}
		missing -= grants["fast"].Tokens
	}
}

func TestRates_CountLivingNodes(t *testing.T) {
	a, b := twoStores(t)
	for i, s := range []*Store{a, b} {
		write(t, s, func(tx *Tx) error { return tx.AddNode(fmt.Sprint("node", i), time.Now(), NodeAddress{}) })
	}
	write(t, a, func(tx *Tx) error { return tx.AddNode("dead", time.Now(), NodeAddress{}) })
	write(t, a, func(tx *Tx) error { return tx.DeclareDead("dead") })
	if _, nodes, err := a.Rates().Take(t.Context(), []RateWish{{"one", time.Hour, time.Hour, 1}}); err != nil || nodes != 2 {
		t.Errorf("%d nodes, %v, expected 2", nodes, err)
	}
}

func TestSweep_RemovesFullBuckets(t *testing.T) {
	s, _ := twoStores(t)
	take(t, s, "empty", 10)
	if _, err := s.Rates().db.Exec(`INSERT INTO rate SELECT 'old' || n, 1, 0, 1, 1 FROM generate_series(1, 1200) AS n`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context(), Retention{}); err != nil {
		t.Fatal(err)
	}
	read(t, s, func(tx *Tx) error {
		left, err := tx.names(`SELECT bucket FROM rate`)
		if len(left) != 1 || left[0] != "empty" {
			t.Errorf("%d buckets left, expected the one that is not full", len(left))
		}
		return err
	})
}

func TestRates_AreNotSharedOnSQLite(t *testing.T) {
	if s := opened(t, Config{Dir: t.TempDir()}); s.Rates() != nil {
		t.Error("SQLite shares rates with other nodes")
	}
}

// TestRates_NeedNoPreparedStatements: a PgBouncer that pools transactions may have none.
func TestRates_NeedNoPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol"} {
		s := opened(t, Config{Dir: t.TempDir(), URL: postgres.Database(t) + "&default_query_exec_mode=" + mode})
		if got := take(t, s, "one", 3); got.Tokens != 3 {
			t.Errorf("%s: %d tokens, expected 3", mode, got.Tokens)
		}
	}
}
