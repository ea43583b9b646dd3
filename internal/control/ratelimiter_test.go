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
	for i := range maxBuckets + 10 {
		c := alice
		c.Region = fmt.Sprint("r", i)
		_ = limiter.allow(c, "CreateStage")
	}
	if n := len(limiter.buckets); n > maxBuckets {
		t.Errorf("%d buckets, expected at most %d", n, maxBuckets)
	}
}
