package control

import (
	"sync"

	"golang.org/x/time/rate"

	"rostrum/ivsrealtime"
)

// A rateLimiter limits the requests of each account.
type rateLimiter struct {
	limits Limits

	mu      sync.Mutex // guards what follows
	buckets map[bucketKey]*rate.Limiter
}

// A bucketKey is one operation of an account in a region, or all its requests.
type bucketKey struct{ account, region, operation string }

// maxBuckets bounds the memory: callers choose the region.
const maxBuckets = 100_000

func newRateLimiter(limits Limits) *rateLimiter {
	return &rateLimiter{limits: limits, buckets: map[bucketKey]*rate.Limiter{}}
}

// allow counts a request; the error is a ThrottlingException.
func (l *rateLimiter) allow(c Caller, operation string) error {
	perOperation := l.limits.OtherRequests
	switch operation {
	case "CreateParticipantToken":
		perOperation = l.limits.TokenRequests
	case "ImportPublicKey", "GetPublicKey", "ListPublicKeys", "DeletePublicKey", "RevokeConnectionToken":
		perOperation = l.limits.PublicKeyRequests
	case "TagResource", "UntagResource", "ListTagsForResource":
		perOperation = l.limits.TagRequests
	}
	if !l.takeToken(bucketKey{c.Account, c.Region, operation}, perOperation) || !l.takeToken(bucketKey{account: c.Account}, l.limits.Requests) {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "Rate exceeded: too many %s requests a second", operation)
	}
	return nil
}

// takeToken takes a token from a bucket; there is always one if perSecond is 0.
func (l *rateLimiter) takeToken(key bucketKey, perSecond float64) bool {
	if perSecond == 0 {
		return true
	}
	l.mu.Lock()
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets) // all start with a full bucket again
		}
		b = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		l.buckets[key] = b
	}
	l.mu.Unlock()
	return b.Allow()
}
