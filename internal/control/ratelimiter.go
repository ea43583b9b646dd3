package control

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rostrum/ivsrealtime"
)

// A rateLimiter limits the requests of each account. The rate of an operation is that of
// the managed service, which refuses what is beyond it. The rate of all operations
// together protects the machine: a burst beyond it waits for a moment, because a client
// whose requests are refused all at once gives up on most of them.
type rateLimiter struct {
	limits Limits

	mu      sync.Mutex // guards what follows
	buckets map[bucketKey]*rate.Limiter
	waiting int // bytes
}

const (
	// maxWait bounds how long a request waits, and so how many of an account do.
	maxWait = 4 * time.Second

	// maxWaitingBytes bounds the memory of the requests that wait; each counts as
	// minWaitingBytes at least. It is half of what the bodies of all requests may take.
	maxWaitingBytes = 2 << 20
	minWaitingBytes = 256
)

// A bucketKey is one operation of an account in a region, or all its requests.
type bucketKey struct{ account, region, operation string }

// maxBuckets bounds the memory: callers choose the region.
const maxBuckets = 100_000

func newRateLimiter(limits Limits) *rateLimiter {
	return &rateLimiter{limits: limits, buckets: map[bucketKey]*rate.Limiter{}}
}

// A Wait is what a request must do before it is executed: wait for the duration, and call
// End then, or when it no longer wants to wait. The zero value is no wait.
type Wait struct {
	Duration time.Duration
	limiter  *rateLimiter
	bytes    int
}

// End frees the place of a request that waited.
func (w Wait) End() {
	if w.limiter == nil {
		return
	}
	w.limiter.mu.Lock()
	w.limiter.waiting -= w.bytes
	w.limiter.mu.Unlock()
}

// reserve counts a request that takes bytes of memory; the error is a ThrottlingException.
func (l *rateLimiter) reserve(c Caller, operation string, bytes int) (Wait, error) {
	perOperation := l.limits.OtherRequests
	switch operation {
	case "CreateParticipantToken":
		perOperation = l.limits.TokenRequests
	case "ImportPublicKey", "GetPublicKey", "ListPublicKeys", "DeletePublicKey", "RevokeConnectionToken":
		perOperation = l.limits.PublicKeyRequests
	case "TagResource", "UntagResource", "ListTagsForResource":
		perOperation = l.limits.TagRequests
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refused := ivsrealtime.Errorf(ivsrealtime.Throttling, "Rate exceeded: too many %s requests a second", operation)
	if perOperation > 0 && !l.bucket(bucketKey{c.Account, c.Region, operation}, perOperation).Allow() {
		return Wait{}, refused
	}
	if l.limits.Requests == 0 {
		return Wait{}, nil
	}
	all := l.bucket(bucketKey{account: c.Account}, l.limits.Requests)
	d := time.Duration((1 - all.Tokens()) / l.limits.Requests * float64(time.Second))
	if d <= 0 {
		all.Allow()
		return Wait{}, nil
	}
	bytes = max(bytes, minWaitingBytes)
	if d > maxWait || l.waiting+bytes > maxWaitingBytes {
		return Wait{}, refused
	}
	l.waiting += bytes
	return Wait{all.Reserve().Delay(), l, bytes}, nil
}

// bucket returns a bucket, which is full when it is new.
func (l *rateLimiter) bucket(key bucketKey, perSecond float64) *rate.Limiter {
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets) // all start with a full bucket again
		}
		b = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		l.buckets[key] = b
	}
	return b
}
