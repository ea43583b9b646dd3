package control

import (
	"time"

	"rostrum/internal/store"
)

// A sharedBucket is what this node has of the tokens of one bucket.
type sharedBucket struct {
	name   string
	period time.Duration // of a token
	size   time.Duration // of the full bucket
	ahead  time.Duration // for which tokens may be taken in advance

	leases     []lease
	left       int       // tokens of all leases
	emptyUntil time.Time // the database has no token before

	batch   int // tokens that are used in batchTime
	wanted  bool
	wished  int // tokens, by the last statement
	asked   time.Time
	waiting int           // requests
	answer  chan struct{} // closed by the next answer; nil if nobody waits for it
}

// A lease is some tokens of a bucket that follow each other.
type lease struct {
	due    time.Time // the first of them
	tokens int
}

func newSharedBucket(key bucketKey, perSecond float64, ahead time.Duration) *sharedBucket {
	period := max(1, time.Duration(float64(time.Second)/perSecond))
	return &sharedBucket{
		name:   key.account + "/" + key.region + "/" + key.operation,
		period: period, size: period * time.Duration(burstOf(perSecond)), ahead: ahead, batch: 1,
	}
}

// dropOld drops the tokens that a full bucket would not have got, and returns how many are left.
func (b *sharedBucket) dropOld(now time.Time) int {
	oldest := now.Add(-b.size)
	for len(b.leases) > 0 {
		l := &b.leases[0]
		if late := oldest.Sub(l.due); late > 0 {
			n := min(l.tokens, int((late+b.period-1)/b.period))
			l.due = l.due.Add(time.Duration(n) * b.period)
			l.tokens -= n
			b.left -= n
		}
		if l.tokens > 0 {
			break
		}
		b.leases = b.leases[1:]
	}
	return b.left
}

// next takes the token that is due first; there must be one.
func (b *sharedBucket) next() (due time.Time) {
	l := &b.leases[0]
	due = l.due
	l.due = due.Add(b.period)
	l.tokens--
	b.left--
	return due
}

// wish asks for what requests wait for, and for a batch in advance. Where that would be a
// single token there is none in advance: each request waits for the database.
func (b *sharedBucket) wish(now time.Time) store.RateWish {
	since := max(1, now.Sub(b.asked))
	b.asked = now
	largest := int(batchTime / b.period)
	b.batch = max(1, min(2*b.batch, int(time.Duration(b.batch)*batchTime/since), largest))
	b.wanted = false
	b.wished = b.waiting
	if b.batch > 1 {
		b.wished += max(0, b.batch-b.left)
	}
	return store.RateWish{Bucket: b.name, Period: b.period, Depth: b.size + b.ahead, Tokens: b.wished}
}

// add adds the tokens that the database granted.
func (b *sharedBucket) add(g store.RateGrant, now time.Time) {
	if g.Tokens > 0 {
		b.leases = append(b.leases, lease{now.Add(g.FullWait + b.period - b.size), g.Tokens})
		b.left += g.Tokens
	}
	if g.Tokens < b.wished {
		b.emptyUntil = now.Add(g.FullWait + time.Duration(g.Tokens+1)*b.period - b.size - b.ahead)
	}
}

// nextAnswer is closed by the next answer of the database.
func (b *sharedBucket) nextAnswer() <-chan struct{} {
	if b.answer == nil {
		b.answer = make(chan struct{})
	}
	return b.answer
}

func (b *sharedBucket) wakeWaiting() {
	if b.answer != nil {
		close(b.answer)
		b.answer = nil
	}
}
