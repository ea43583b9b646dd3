package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// memoryRates does what *store.Rates does, in memory and by the clock of synctest. An answer
// takes a millisecond.
type memoryRates struct {
	mu         sync.Mutex // guards what follows
	fullAt     map[string]time.Time
	statements int
	nodes      int
	fails      bool
}

func newMemoryRates(nodes int) *memoryRates {
	return &memoryRates{fullAt: map[string]time.Time{}, nodes: nodes}
}

func (m *memoryRates) Take(_ context.Context, wishes []store.RateWish) (map[string]store.RateGrant, int, error) {
	time.Sleep(time.Millisecond / 2)
	defer time.Sleep(time.Millisecond / 2)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statements++
	if m.fails {
		return nil, 0, errors.New("connection refused")
	}
	grants := map[string]store.RateGrant{}
	for _, w := range wishes {
		if _, again := grants[w.Bucket]; again {
			return nil, 0, errors.New("ON CONFLICT DO UPDATE command cannot affect row a second time")
		}
		full := max(0, time.Until(m.fullAt[w.Bucket]))
		n := max(0, min(w.Tokens, int((w.Depth-full)/w.Period)))
		m.fullAt[w.Bucket] = time.Now().Add(full + time.Duration(n)*w.Period)
		grants[w.Bucket] = store.RateGrant{Tokens: n, FullWait: full}
	}
	return grants, m.nodes, nil
}

func (m *memoryRates) fail(fails bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = fails
}

// newNode returns the rate limiter of a node, which runs until the test ends.
func newNode(t *testing.T, limits Limits, db rateDatabase) *rateLimiter {
	shared := newSharedRates(db, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = shared.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return newRateLimiter(limits, shared)
}

// callAtOnce calls each node n times at once, and returns how many calls are executed.
func callAtOnce(nodes []*rateLimiter, n int, operation string) int {
	var running sync.WaitGroup
	var executed atomic.Int64
	for _, node := range nodes {
		for range n {
			running.Go(func() {
				wait, err := node.reserve(context.Background(), alice, operation, 0)
				time.Sleep(wait.Duration)
				wait.End()
				if err == nil {
					executed.Add(1)
				}
			})
		}
	}
	running.Wait()
	return int(executed.Load())
}

func TestSharedRates_NodesTogetherHaveTheRateOfOne(t *testing.T) {
	for operation, perSecond := range map[string]int{"CreateParticipantToken": 50, "ImportPublicKey": 3, "TagResource": 10, "CreateStage": 5} {
		synctest.Test(t, func(t *testing.T) {
			db := newMemoryRates(3)
			nodes := []*rateLimiter{newNode(t, AWSLimits(), db), newNode(t, AWSLimits(), db), newNode(t, AWSLimits(), db)}
			for second := range 4 {
				if n := callAtOnce(nodes, 100, operation); n != perSecond {
					t.Errorf("%s: second %d: %d calls of three nodes, expected %d", operation, second, n, perSecond)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

func TestSharedRates_ABurstOverNodesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemoryRates(2)
		nodes := []*rateLimiter{newNode(t, OpenLimits(), db), newNode(t, OpenLimits(), db)}
		start := time.Now()
		if n := callAtOnce(nodes, 2000, "ListStages"); n != 4000 {
			t.Errorf("%d of 4,000 calls at once are executed", n)
		}
		if took := time.Since(start); took < 2900*time.Millisecond || took > 3500*time.Millisecond {
			t.Errorf("a burst of 4,000 takes %v, expected three seconds at 1,000 a second", took)
		}
		time.Sleep(2 * time.Second)
		if n := callAtOnce(nodes, 4000, "ListStages"); n < 4790 || n > 5010 {
			t.Errorf("%d of 8,000 calls at once are executed, expected 5,000, less what nodes took in advance", n)
		}
		for _, node := range nodes {
			if node.waiting != 0 || len(node.waitingOf) != 0 {
				t.Errorf("%d bytes wait still", node.waiting)
			}
		}
	})
}

// TestSharedRates_FewRequestsWaitForTheDatabase: at a steady rate batches come before they
// are needed.
func TestSharedRates_FewRequestsWaitForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemoryRates(1)
		node := newNode(t, OpenLimits(), db)
		const calls = 5000
		waited := 0
		for range calls {
			before := time.Now()
			if err := allow(node, alice, "GetStage"); err != nil {
				t.Fatal(err)
			}
			if time.Since(before) > 0 {
				waited++
			}
			time.Sleep(2 * time.Millisecond)
		}
		if waited > calls/100 || db.statements > calls/10 {
			t.Errorf("of %d calls %d waited for the database, in %d statements", calls, waited, db.statements)
		}
	})
}

// TestSharedRates_LeaveABusyNodeTheRate: nodes with a request now and then take next to
// nothing from the one that needs it.
func TestSharedRates_LeaveABusyNodeTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemoryRates(11)
		limits := Limits{TokenRequests: 200}
		busy := newNode(t, limits, db)
		var others sync.WaitGroup
		defer others.Wait()
		for range 10 {
			node := newNode(t, limits, db)
			others.Go(func() {
				for range 12 {
					_ = allow(node, alice, "CreateParticipantToken")
					time.Sleep(time.Second)
				}
			})
		}
		time.Sleep(time.Second)
		callAtOnce([]*rateLimiter{busy}, 1000, "CreateParticipantToken") // the burst
		executed := 0
		for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
			if allow(busy, alice, "CreateParticipantToken") == nil {
				executed++
			}
		}
		if executed < 10*180 || executed > 10*200 {
			t.Errorf("a busy node has %d calls in ten seconds beside ten a second elsewhere, expected up to 1,900", executed)
		}
	})
}

// TestSharedRates_EachNodeHasItsShareWithoutDatabase: no request is refused because the
// database does not answer, and none waits for it again and again.
func TestSharedRates_EachNodeHasItsShareWithoutDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemoryRates(5)
		node := newNode(t, AWSLimits(), db)
		if n := callAtOnce([]*rateLimiter{node}, 100, "CreateParticipantToken"); n != 50 {
			t.Fatalf("%d calls, expected 50", n)
		}
		time.Sleep(2 * time.Second)
		db.fail(true)
		if n := callAtOnce([]*rateLimiter{node}, 100, "CreateParticipantToken"); n < 10 || n > 15 {
			t.Errorf("%d calls without the database, expected a fifth of 50", n)
		}
		time.Sleep(time.Second)
		before := time.Now()
		if n := callAtOnce([]*rateLimiter{node}, 100, "CreateParticipantToken"); n != 10 || time.Since(before) > 0 {
			t.Errorf("a second later %d calls, after %v, expected 10 at once", n, time.Since(before))
		}
		db.fail(false)
		time.Sleep(2 * time.Second)
		_ = allow(node, alice, "CreateParticipantToken") // has the node ask
		time.Sleep(time.Second)
		if n := callAtOnce([]*rateLimiter{node}, 100, "CreateParticipantToken"); n != 50 {
			t.Errorf("%d calls once the database answers again, expected 50", n)
		}
	})
}

func TestSharedRates_FreeTheMemoryOfRequestsThatEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(OpenLimits(), newSharedRates(newMemoryRates(1), slog.New(slog.DiscardHandler))) // does not run
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := limiter.reserve(ctx, alice, "GetStage", 1000); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that ended: %v", err)
		}
		if limiter.waiting != 0 || limiter.shared.buckets[bucketKey{account: alice.Account}].waiting != 0 {
			t.Errorf("%d bytes wait still", limiter.waiting)
		}
	})
}

// TestSharedRates_StopWithoutRequestsThatWait: a node that stops serves those it has.
func TestSharedRates_StopWithoutRequestsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedRates(newMemoryRates(1), slog.New(slog.DiscardHandler))
		limiter := newRateLimiter(OpenLimits(), shared)
		done := make(chan error)
		go func() { done <- allow(limiter, alice, "GetStage") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := shared.Run(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestSharedRates_StayBoundedWithInventedRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedRates(newMemoryRates(1), slog.New(slog.DiscardHandler))
		waited := bucketKey{account: "waited for"}
		shared.bucket(waited, 5, 0).waiting = 1
		largest := 0
		for i := range maxBuckets + 10 {
			shared.bucket(bucketKey{region: fmt.Sprint("r", i)}, 5, 0)
			largest = max(largest, len(shared.buckets))
		}
		if largest != maxBuckets || shared.buckets[waited] == nil {
			t.Errorf("%d buckets at once, expected %d, and the one that is waited for among them", largest, maxBuckets)
		}
	})
}

// TestSharedRates_TwoNodesOnPostgreSQL is the promise with the real database: in a few
// seconds two nodes let through what one bucket has.
func TestSharedRates_TwoNodesOnPostgreSQL(t *testing.T) {
	c := store.Config{Dir: t.TempDir(), URL: postgres.Database(t)}
	limits := Limits{TokenRequests: 100, Requests: 1000}
	var nodes []*rateLimiter
	for range 2 {
		s, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		nodes = append(nodes, newNode(t, limits, s.Rates()))
	}
	start := time.Now()
	executed, refused := 0, 0
	for time.Since(start) < 3*time.Second {
		for _, node := range nodes {
			switch wait, err := node.reserve(t.Context(), alice, "CreateParticipantToken", 0); {
			case err == nil:
				executed++
				wait.End()
			case errors.Is(err, ivsrealtime.Throttling):
				refused++
			default:
				t.Fatal(err)
			}
		}
	}
	if maxExecuted := 100 + int(100*time.Since(start).Seconds()) + 5; executed > maxExecuted || executed < 150 || refused == 0 {
		t.Errorf("%d calls in %v, expected 150 to %d; %d refused", executed, time.Since(start), maxExecuted, refused)
	}
}
