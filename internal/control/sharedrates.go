package control

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"rostrum/internal/store"
)

// sharedRates are the request rates of all nodes of one database: a token bucket for each
// bucketKey, in a row of the store.
//
// Each token is due at a time of its own, at which the bucket has it again. A node takes
// tokens in batches of what it uses in batchTime, and asks for the next batch while it still
// has some, so that few requests wait for the database. A token is worth nothing once the
// bucket would have been full without it. So all nodes together let through no more than one
// bucket does, and less by what one node takes and does not use.
//
// While the database does not answer, each node has its share of the rates by itself.
type sharedRates struct {
	db   rateDatabase
	log  *slog.Logger
	wake chan struct{} // there are wishes

	mu          sync.Mutex // guards what follows
	buckets     map[bucketKey]*sharedBucket
	wishes      []*sharedBucket // are to be asked for
	nodes       int             // as of the last answer
	unreachable bool
}

// A rateDatabase is *store.Rates.
type rateDatabase interface {
	Take(ctx context.Context, wishes []store.RateWish) (grants map[string]store.RateGrant, nodes int, err error)
}

const (
	batchTime  = 100 * time.Millisecond
	maxWishes  = 1000            // of one statement
	answerTime = 5 * time.Second // of the database, as long as requests wait for its connections
	retryTime  = time.Second     // after it did not answer
)

var errRatesUnreachable = errors.New("the request rates of all nodes are not known: the database does not answer")

func newSharedRates(db rateDatabase, log *slog.Logger) *sharedRates {
	return &sharedRates{db: db, log: log, wake: make(chan struct{}, 1), buckets: map[bucketKey]*sharedBucket{}, nodes: 1}
}

// take takes a token and returns how long it is until that is due, which may be as much as
// ahead. It calls block before it waits for the database; if that returns false, or there is
// no token, the request is refused.
func (s *sharedRates) take(ctx context.Context, key bucketKey, perSecond float64, ahead time.Duration, block func() bool) (wait time.Duration, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(key, perSecond, ahead)
	for {
		now := time.Now()
		switch {
		case s.unreachable:
			s.ask(b)
			return 0, false, errRatesUnreachable
		case b.dropOld(now) > 0:
			due := b.next()
			if b.left < b.batch/2 {
				s.ask(b)
			}
			return due.Sub(now), true, nil
		case now.Before(b.emptyUntil) || !block():
			return 0, false, nil
		}
		b.waiting++
		s.ask(b)
		answered := b.nextAnswer()
		s.mu.Unlock()
		select {
		case <-answered:
		case <-ctx.Done():
		}
		s.mu.Lock()
		b.waiting--
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
	}
}

// share is the part of a rate that each node has by itself.
func (s *sharedRates) share() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 1 / float64(s.nodes)
}

// bucket returns a bucket, which knows nothing when it is new.
func (s *sharedRates) bucket(key bucketKey, perSecond float64, ahead time.Duration) *sharedBucket {
	b, ok := s.buckets[key]
	if !ok {
		if len(s.buckets) >= maxBuckets {
			s.forgetIdle()
		}
		b = newSharedBucket(key, perSecond, ahead)
		s.buckets[key] = b
	}
	return b
}

// forgetIdle forgets the buckets that have nothing and want nothing. Those that are left
// have been used within the last second or are waited for.
func (s *sharedRates) forgetIdle() {
	now := time.Now()
	for key, b := range s.buckets {
		if !b.wanted && b.waiting == 0 && b.dropOld(now) == 0 {
			delete(s.buckets, key)
		}
	}
}

// ask has the next statement ask for a bucket.
func (s *sharedRates) ask(b *sharedBucket) {
	if b.wanted {
		return
	}
	b.wanted = true
	s.wishes = append(s.wishes, b)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run asks the database for tokens, until ctx ends. Requests wait until it runs.
func (s *sharedRates) Run(ctx context.Context) error {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
		asked, wishes := s.collect(time.Now())
		if len(asked) == 0 && ctx.Err() == nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, answerTime)
		grants, nodes, err := s.db.Take(asking, wishes)
		cancel()
		if ctx.Err() != nil {
			s.fail(asked)
			return nil
		}
		if err == nil {
			s.settle(asked, grants, nodes)
			continue
		}
		if s.fail(asked) {
			s.log.Warn("request rates are limited by each node for itself", "error", err)
		}
		select {
		case <-time.After(retryTime):
		case <-ctx.Done():
		}
	}
}

// collect returns the buckets to ask for, in the order of their names.
func (s *sharedRates) collect(now time.Time) ([]*sharedBucket, []store.RateWish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.wishes), maxWishes)
	asked := slices.Clone(s.wishes[:n])
	if s.wishes = slices.Delete(s.wishes, 0, n); len(s.wishes) > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	slices.SortFunc(asked, func(a, b *sharedBucket) int { return strings.Compare(a.name, b.name) })
	wishes := make([]store.RateWish, n)
	for i, b := range asked {
		wishes[i] = b.wish(now)
	}
	return asked, wishes
}

// settle gives buckets what the database answered.
func (s *sharedRates) settle(asked []*sharedBucket, grants map[string]store.RateGrant, nodes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreachable = false
	s.nodes = max(1, nodes)
	now := time.Now()
	for _, b := range asked {
		b.add(grants[b.name], now)
		b.wakeWaiting()
	}
}

// fail has no request wait for the database until it answers again. It reports whether it
// answered before.
func (s *sharedRates) fail(asked []*sharedBucket) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, s.unreachable = !s.unreachable, true
	for _, b := range slices.Concat(asked, s.wishes) {
		b.wakeWaiting()
	}
	return first
}
