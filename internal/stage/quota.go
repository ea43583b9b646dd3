package stage

import (
	"sync"
	"time"

	"rostrum/internal/authority"
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

// A world is an account in a region: quotas are counted in it.
type world struct{ account, region string }

// quotas counts what is limited over all stages of a world.
type quotas struct {
	limits Limits

	mu     sync.Mutex // guards what follows
	worlds map[world]usage
}

type usage struct{ publishers, subscriptions int }

func newQuotas(l Limits) *quotas { return &quotas{limits: l, worlds: map[world]usage{}} }

// take counts one more publisher or subscription, or reports false when there
// are as many as may be. It never counts more than that, however many ask at once.
func (q *quotas) take(w world, add usage) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.worlds[w]
	if full(u.publishers, add.publishers, q.limits.Publishers) || full(u.subscriptions, add.subscriptions, q.limits.Subscriptions) {
		return false
	}
	q.worlds[w] = usage{u.publishers + add.publishers, u.subscriptions + add.subscriptions}
	return true
}

func (q *quotas) give(w world, back usage) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.worlds[w]
	u.publishers -= back.publishers
	u.subscriptions -= back.subscriptions
	if u == (usage{}) {
		delete(q.worlds, w)
		return
	}
	q.worlds[w] = u
}

// full reports whether add more than n exceed most.
func full(n, add, most int) bool { return add > 0 && most > 0 && n+add > most }

// crowded refuses for want of a slot. Others leave all the time, so that trying
// again soon makes sense.
func crowded(what string) *authority.Refusal {
	return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Crowded, Detail: what, RetryAfter: 5 * time.Second}
}

// takePublishSlot counts a publication of p that is on its way or there. All of
// one participant's take one slot of the stage and of the account, for all but
// the newest are about to be taken over.
func (s *Session) takePublishSlot(p *participant) error {
	if p.publishSlots == 0 {
		limits := s.registry.cfg.Limits
		if full(s.publishers, 1, limits.StagePublishers) {
			return crowded("the stage has as many publishers as it may have")
		}
		if !s.registry.quotas.take(s.world, usage{publishers: 1}) {
			return crowded("the account has as many publishers as it may have")
		}
		s.publishers++
	}
	p.publishSlots++
	return nil
}

func (s *Session) givePublishSlot(p *participant) {
	if p.publishSlots--; p.publishSlots == 0 {
		s.publishers--
		s.registry.quotas.give(s.world, usage{publishers: 1})
	}
}

// takeSubscribeSlot counts a subscription of p that is on its way or there.
// Hidden viewers are the server's own and count nowhere.
func (s *Session) takeSubscribeSlot(p *participant) error {
	if p.grant.Hidden {
		return nil
	}
	if p.subscribeSlots == 0 && full(s.subscribers, 1, s.registry.cfg.Limits.StageSubscribers) {
		return crowded("the stage has as many subscribers as it may have")
	}
	if !s.registry.quotas.take(s.world, usage{subscriptions: 1}) {
		return crowded("the account has as many subscriptions as it may have")
	}
	if p.subscribeSlots == 0 {
		s.subscribers++
	}
	p.subscribeSlots++
	s.subscribed++
	return nil
}

func (s *Session) giveSubscribeSlot(p *participant) {
	if p.grant.Hidden {
		return
	}
	s.registry.quotas.give(s.world, usage{subscriptions: 1})
	s.subscribed--
	if p.subscribeSlots--; p.subscribeSlots == 0 {
		s.subscribers--
	}
}

func (s *Session) giveSlot(c *Connection) {
	if c.publisher != nil {
		s.givePublishSlot(c.owner)
		return
	}
	s.giveSubscribeSlot(c.owner)
}

// giveBack ends all that is taken with the session: who was on the way in finds it
// over, and gives nothing back any more.
func (s *Session) giveBack() {
	s.registry.quotas.give(s.world, usage{s.publishers, s.subscribed})
	s.publishers, s.subscribers, s.subscribed = 0, 0, 0
}
