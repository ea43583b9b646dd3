package control

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/ivsrealtime"
)

func TestRateLimiter_HasTheRatesOfTheManagedService(t *testing.T) {
	for operation, perSecond := range map[string]int{
		"CreateParticipantToken": 50, "ImportPublicKey": 3, "ListPublicKeys": 3, "TagResource": 10, "ListTagsForResource": 10, "CreateStage": 5, "ListCompositions": 5,
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := newRateLimiter(AWSLimits())
			allowed := func() (n int) {
				for range 200 {
					err := limiter.allow(alice, operation)
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
			if err := limiter.allow(bob, operation); err != nil {
				t.Errorf("%s: another account: %v, expected its own rate", operation, err)
			}
		})
	}
}

func TestRateLimiter_OpenLimitsCountAllOperationsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(OpenLimits())
		n := 0
		for i := range 5000 {
			if limiter.allow(alice, []string{"CreateStage", "GetStage", "ListStages"}[i%3]) == nil {
				n++
			}
		}
		if n != 1000 {
			t.Errorf("%d at once, expected 1000", n)
		}
	})
}

func TestRateLimiter_StaysBoundedWithInventedRegions(t *testing.T) {
	limiter := newRateLimiter(AWSLimits())
	largest := 0
	for i := range maxBuckets + 10 {
		c := alice
		c.Region = fmt.Sprint("r", i)
		_ = limiter.allow(c, "CreateStage")
		largest = max(largest, len(limiter.buckets))
	}
	if largest != maxBuckets {
		t.Errorf("%d buckets at once, expected %d", largest, maxBuckets)
	}
}

func TestRateLimiter_AllowsOneRequestAtAnyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := newRateLimiter(Limits{OtherRequests: 0.5})
		for i, allowed := range []bool{true, false, true} { // 0, 1 and 2 seconds from the start
			if err := limiter.allow(alice, "CreateStage"); (err == nil) != allowed {
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
			limiter, n := newRateLimiter(limits), 0
			for range 9 {
				if limiter.allow(alice, operation) == nil {
					n++
				}
			}
			if n != want {
				t.Errorf("%s: %d at once, expected %d", operation, n, want)
			}
		})
	}
}
