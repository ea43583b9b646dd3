package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/ivsrealtime"
)

// allow counts a request that does not wait.
func allow(l *rateLimiter, c Caller, operation string) error {
	wait, err := l.reserve(context.Background(), c, operation, 0)
	if err == nil && wait.Duration > 0 {
		err = fmt.Errorf("must wait %v", wait.Duration)
	}
	return err
}

func TestRateLimiter_HasTheRatesOfTheManagedService(t *testing.T) {
	for operation, perSecond := range map[string]int{
		"CreateParticipantToken": 50, "ImportPublicKey": 3, "ListPublicKeys": 3, "TagResource": 10, "ListTagsForResource": 10, "CreateStage": 5, "ListCompositions": 5,
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := newRateLimiter(AWSLimits(), nil)
			allowed := func() (n int) {
				for range 200 {
					err := allow(limiter, alice, operation)
					if err == nil {
						n++
					} else if !errors.Is(err, ivsrealtime.Throttling) {
						t.Fatalf("%s: %v, expected a ThrottlingException", operation, err)
					}
				}
				return n
			}
			if n := allowed(); n != perSecond {
				t.Errorf("%s: %d at once, expected %d", operation, n, perSecond)
			}
			time.Sleep(time.Second)
			if n := allowed(); n != perSecond {
				t.Errorf("%s: %d one second later, expected %d", operation, n, perSecond)
			}
			bob := alice
			bob.Account = "999988887777"
			if err := allow(limiter, bob, operation); err != nil {
				t.Errorf("%s: another account: %v, expected its own rate", operation, err)
			}
		})
	}
}

func TestRateLimiter_OpenLimitsCountAllOperationsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(OpenLimits(), nil)
		n := 0
		for i := range 5000 {
			if allow(limiter, alice, []string{"CreateStage", "GetStage", "ListStages"}[i%3]) == nil {
				n++
			}
		}
		if n != 1000 {
			t.Errorf("%d at once, expected 1000", n)
		}
	})
}

// TestRateLimiter_LetsABurstWait: four thousand requests at once all get their turn, a
// thousand a second, and what is beyond them is refused.
func TestRateLimiter_LetsABurstWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(OpenLimits(), nil)
		const burst, longest = 1000, 1000 + 4*1000
		var mu sync.Mutex // guards what follows
		perSecond, refused := map[int]int{}, 0
		var running sync.WaitGroup
		start := time.Now()
		for range longest + 500 {
			running.Go(func() {
				wait, err := limiter.reserve(t.Context(), alice, "ListStages", 100)
				time.Sleep(wait.Duration)
				wait.End()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused++
					return
				}
				perSecond[int(math.Ceil(time.Since(start).Seconds()))]++
			})
		}
		running.Wait()
		if want := map[int]int{0: burst, 1: 1000, 2: 1000, 3: 1000, 4: 1000}; !maps.Equal(perSecond, want) || refused != 500 {
			t.Errorf("executed by second: %v, refused: %d", perSecond, refused)
		}
		if limiter.waiting != 0 || len(limiter.waitingOf) != 0 {
			t.Errorf("%d bytes wait still, of %v", limiter.waiting, limiter.waitingOf)
		}
		time.Sleep(time.Second)
		if err := allow(limiter, alice, "ListStages"); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

// TestRateLimiter_BoundsTheMemoryOfWhatWaits: an account alone has three quarters of the
// memory, and others find some.
func TestRateLimiter_BoundsTheMemoryOfWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(OpenLimits(), nil)
		const bytes = 16 << 10
		waits := func(c Caller) (all []Wait) {
			for {
				wait, err := limiter.reserve(t.Context(), c, "CreateStage", bytes)
				if errors.Is(err, ivsrealtime.Throttling) {
					return all
				}
				if err != nil {
					t.Fatal(err)
				}
				if wait.Duration > 0 {
					all = append(all, wait)
				}
			}
		}
		accounts := make([]Caller, 5)
		for i := range accounts {
			accounts[i].Account = fmt.Sprint(111122223333 + i)
		}
		first := waits(accounts[0])
		if got, want := len(first), maxWaitingBytes*3/4/bytes; got != want {
			t.Errorf("an account alone has %d requests waiting, expected %d", got, want)
		}
		for _, c := range accounts[1:4] {
			if n := len(waits(c)); n == 0 {
				t.Errorf("account %s has no request waiting beside others", c.Account)
			}
		}
		if err := allow(limiter, accounts[4], "CreateStage"); err != nil {
			t.Errorf("another account, within its rate: %v", err)
		}
		if limiter.waiting > maxWaitingBytes {
			t.Errorf("%d bytes wait", limiter.waiting)
		}
		for _, wait := range first {
			wait.End()
		}
		if len(waits(accounts[1])) == 0 {
			t.Error("the memory of requests that waited is not free again")
		}
	})
}

func TestRateLimiter_StaysBoundedWithInventedRegions(t *testing.T) {
	limiter := newRateLimiter(AWSLimits(), nil)
	largest := 0
	for i := range maxBuckets + 10 {
		c := alice
		c.Region = fmt.Sprint("r", i)
		_ = allow(limiter, c, "CreateStage")
		largest = max(largest, len(limiter.buckets))
	}
	if largest != maxBuckets {
		t.Errorf("%d buckets at once, expected %d", largest, maxBuckets)
	}
}

func TestRateLimiter_AllowsOneRequestAtAnyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(Limits{OtherRequests: 0.5}, nil)
		for i, allowed := range []bool{true, false, true} { // 0, 1 and 2 seconds from the start
			if err := allow(limiter, alice, "CreateStage"); (err == nil) != allowed {
				t.Errorf("after %d s: %v, expected a request every two seconds", i, err)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestRateLimiter_EveryOperationHasTheRateOfItsKind(t *testing.T) {
	limits := Limits{PublicKeyRequests: 1, TagRequests: 2, TokenRequests: 3, OtherRequests: 4}
	for operation, want := range map[string]int{
		"ImportPublicKey": 1, "GetPublicKey": 1, "ListPublicKeys": 1, "DeletePublicKey": 1,
		"TagResource": 2, "UntagResource": 2, "ListTagsForResource": 2,
		"CreateParticipantToken": 3, "DisconnectParticipant": 4,
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter, n := newRateLimiter(limits, nil), 0
			for range 9 {
				if allow(limiter, alice, operation) == nil {
					n++
				}
			}
			if n != want {
				t.Errorf("%s: %d at once, expected %d", operation, n, want)
			}
		})
	}
}
