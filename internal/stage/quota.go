package stage

import (
	"sync"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/store"
)

// Limits bound what participants may do. Zero means no limit.
type Limits struct {
	Publishers       int // at once, of an account in a region
	Subscriptions    int // at once, of an account in a region
	StagePublishers  int // at once, on one stage; replicas count
	StageSubscribers int // participants that subscribe at once, on one stage

	PublishPixels      int           // width times height, of every layer
	PublishBitrate     int           // bits a second, all layers of the video together
	DownloadBitrate    int           // bits a second, all that a participant subscribes to
	ConnectionDuration time.Duration // of a publish or subscribe connection
}

// accountQuotas counts what is limited over all stages of an account in a
// region.
type accountQuotas struct {
	limits Limits

	mu    sync.Mutex // guards what follows
	usage map[store.Owner]usage
}

type usage struct{ publishers, subscriptions int }

func newQuotas(l Limits) *accountQuotas {
	return &accountQuotas{limits: l, usage: map[store.Owner]usage{}}
}

// acquire counts more publishers or subscriptions, or reports false when that
// would exceed a limit. It is atomic: no limit is ever exceeded.
func (q *accountQuotas) acquire(o store.Owner, add usage) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.usage[o]
	if exceeds(u.publishers, add.publishers, q.limits.Publishers) || exceeds(u.subscriptions, add.subscriptions, q.limits.Subscriptions) {
		return false
	}
	q.usage[o] = usage{u.publishers + add.publishers, u.subscriptions + add.subscriptions}
	return true
}

func (q *accountQuotas) release(o store.Owner, back usage) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.usage[o]
	u.publishers -= back.publishers
	u.subscriptions -= back.subscriptions
	if u == (usage{}) {
		delete(q.usage, o)
		return
	}
	q.usage[o] = u
}

// exceeds reports whether n and add are more than limit; 0 is no limit.
func exceeds(n, add, limit int) bool { return add > 0 && limit > 0 && n+add > limit }

// quotaRefusal refuses because a quota is reached. Others leave all the time,
// so a retry soon makes sense.
func quotaRefusal(what string) *authority.Refusal {
	return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Crowded, Detail: what, RetryAfter: 5 * time.Second}
}
