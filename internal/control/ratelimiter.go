package control

import (
	"context"
	"errors"
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
	shared *sharedRates // nil where no other node uses the database

	mu        sync.Mutex // guards what follows
	buckets   map[bucketKey]*rate.Limiter
	waiting   int            // bytes
	waitingOf map[string]int // bytes, by account
}

const (
	// maxWait bounds how long a request waits, and so how many of an account do.
	maxWait = 4 * time.Second

	// maxWaitingBytes bounds the memory of the requests that wait; each counts as
	// minWaitingBytes at least. It is half of what the bodies of all requests may take.
	maxWaitingBytes = 2 << 20
	minWaitingBytes = 256

	// maxWaitingShare bounds the memory of an account's requests that wait, as a multiple of
	// what is left: one account alone has three quarters of maxWaitingBytes, and however
	// many wait, another one finds some.
	maxWaitingShare = 3
)

// A bucketKey is one operation of an account in a region, or all its requests.
type bucketKey struct{ account, region, operation string }

// maxBuckets bounds the memory: callers choose the region.
const maxBuckets = 100_000

func newRateLimiter(limits Limits, shared *sharedRates) *rateLimiter {
	return &rateLimiter{limits: limits, shared: shared, buckets: map[bucketKey]*rate.Limiter{}, waitingOf: map[string]int{}}
}

// A Wait is what a request must do before it is executed: wait for the duration, and call
// End then, or when it no longer wants to wait. The zero value is no wait.
type Wait struct {
	Duration time.Duration
	limiter  *rateLimiter // nil unless it holds memory
	account  string
	bytes    int
}

// End frees the memory of a request that waited.
func (w Wait) End() {
	if w.limiter != nil {
		w.limiter.mu.Lock()
		defer w.limiter.mu.Unlock()
		w.limiter.free(w.account, w.bytes)
	}
}

// reserve counts a request that takes bytes of memory; the error is a ThrottlingException.
// With rates that nodes share it may block for the database, not longer than ctx.
func (l *rateLimiter) reserve(ctx context.Context, c Caller, operation string, bytes int) (Wait, error) {
	share := 1.0
	if l.shared != nil {
		wait, err := l.reserveShared(ctx, c, operation, bytes)
		if !errors.Is(err, errRatesUnreachable) {
			return wait, err
		}
		share = l.shared.share()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if perSecond := l.rateOf(operation); perSecond > 0 && !l.bucket(bucketKey{c.Account, c.Region, operation}, perSecond*share).Allow() {
		return Wait{}, throttled(operation)
	}
	if l.limits.Requests == 0 {
		return Wait{}, nil
	}
	perSecond := l.limits.Requests * share
	all := l.bucket(bucketKey{account: c.Account}, perSecond)
	d := time.Duration((1 - all.Tokens()) / perSecond * float64(time.Second))
	if d <= 0 {
		all.Allow()
		return Wait{}, nil
	}
	bytes = max(bytes, minWaitingBytes)
	if d > maxWait || !l.hold(c.Account, bytes) {
		return Wait{}, throttled(operation)
	}
	return Wait{all.Reserve().Delay(), l, c.Account, bytes}, nil
}

// reserveShared is reserve by the rates that all nodes share.
func (l *rateLimiter) reserveShared(ctx context.Context, c Caller, operation string, bytes int) (Wait, error) {
	wait := Wait{account: c.Account, bytes: max(bytes, minWaitingBytes)}
	block := func() bool { // before the request waits for anything
		l.mu.Lock()
		defer l.mu.Unlock()
		if wait.limiter == nil && l.hold(wait.account, wait.bytes) {
			wait.limiter = l
		}
		return wait.limiter != nil
	}
	ok := true
	var err error
	if perSecond := l.rateOf(operation); perSecond > 0 {
		_, ok, err = l.shared.take(ctx, bucketKey{c.Account, c.Region, operation}, perSecond, 0, block)
	}
	if ok && err == nil && l.limits.Requests > 0 {
		wait.Duration, ok, err = l.shared.take(ctx, bucketKey{account: c.Account}, l.limits.Requests, maxWait, block)
	}
	if ok && err == nil && wait.Duration > 0 && !block() {
		ok = false
	}
	if !ok && err == nil {
		err = throttled(operation)
	}
	if err != nil || wait.Duration <= 0 {
		wait.End()
		return Wait{}, err
	}
	return wait, nil
}

func throttled(operation string) error {
	return ivsrealtime.Errorf(ivsrealtime.Throttling, "Rate exceeded: too many %s requests a second", operation)
}

// rateOf is the rate of an operation; 0 is no limit.
func (l *rateLimiter) rateOf(operation string) float64 {
	switch operation {
	case "CreateParticipantToken":
		return l.limits.TokenRequests
	case "ImportPublicKey", "GetPublicKey", "ListPublicKeys", "DeletePublicKey", "RevokeConnectionToken":
		return l.limits.PublicKeyRequests
	case "TagResource", "UntagResource", "ListTagsForResource":
		return l.limits.TagRequests
	}
	return l.limits.OtherRequests
}

// bucket returns a bucket, which is full when it is new.
func (l *rateLimiter) bucket(key bucketKey, perSecond float64) *rate.Limiter {
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets) // all start with a full bucket again
		}
		b = rate.NewLimiter(rate.Limit(perSecond), burstOf(perSecond))
		l.buckets[key] = b
	}
	if b.Limit() != rate.Limit(perSecond) { // the number of nodes changed
		b.SetLimit(rate.Limit(perSecond))
		b.SetBurst(burstOf(perSecond))
	}
	return b
}

// burstOf is how many requests are allowed at once.
func burstOf(perSecond float64) int { return max(1, int(perSecond)) }

// hold takes the memory of a request that is about to wait.
func (l *rateLimiter) hold(account string, bytes int) bool {
	left := maxWaitingBytes - l.waiting
	if bytes > left || l.waitingOf[account]+bytes > maxWaitingShare*left {
		return false
	}
	l.waiting += bytes
	l.waitingOf[account] += bytes
	return true
}

func (l *rateLimiter) free(account string, bytes int) {
	l.waiting -= bytes
	if l.waitingOf[account] -= bytes; l.waitingOf[account] == 0 {
		delete(l.waitingOf, account)
	}
}
