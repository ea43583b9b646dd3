package stage

// acquirePublishSlot counts a publication of p that is requested or open. All
// of one participant take one slot of the stage and of the account, because
// the newest replaces the others.
func (s *Session) acquirePublishSlot(p *participant) error {
	if p.publishSlots == 0 {
		limits := s.registry.cfg.Limits
		if exceeds(s.publishers, 1, limits.StagePublishers) {
			return quotaRefusal("the stage has as many publishers as it may have")
		}
		if !s.registry.quotas.acquire(s.owner, usage{publishers: 1}) {
			return quotaRefusal("the account has as many publishers as it may have")
		}
		s.publishers++
	}
	p.publishSlots++
	return nil
}

func (s *Session) releasePublishSlot(p *participant) {
	if p.publishSlots--; p.publishSlots == 0 {
		s.publishers--
		s.registry.quotas.release(s.owner, usage{publishers: 1})
	}
}

// acquireSubscribeSlot counts a subscription of p that is requested or open.
// Hidden viewers are the server's own and are not counted.
func (s *Session) acquireSubscribeSlot(p *participant) error {
	if p.grant.Hidden {
		return nil
	}
	if p.subscribeSlots == 0 && exceeds(s.subscribers, 1, s.registry.cfg.Limits.StageSubscribers) {
		return quotaRefusal("the stage has as many subscribers as it may have")
	}
	if !s.registry.quotas.acquire(s.owner, usage{subscriptions: 1}) {
		return quotaRefusal("the account has as many subscriptions as it may have")
	}
	if p.subscribeSlots == 0 {
		s.subscribers++
	}
	p.subscribeSlots++
	s.subscriptions++
	return nil
}

func (s *Session) releaseSubscribeSlot(p *participant) {
	if p.grant.Hidden {
		return
	}
	s.registry.quotas.release(s.owner, usage{subscriptions: 1})
	s.subscriptions--
	if p.subscribeSlots--; p.subscribeSlots == 0 {
		s.subscribers--
	}
}

func (s *Session) releaseSlot(c *Connection) {
	if c.publisher != nil {
		s.releasePublishSlot(c.owner)
		return
	}
	s.releaseSubscribeSlot(c.owner)
}

// releaseAllSlots releases the slots of a session that ended. Requests under
// way find it ended and release nothing.
func (s *Session) releaseAllSlots() {
	s.registry.quotas.release(s.owner, usage{s.publishers, s.subscriptions})
	s.publishers, s.subscribers, s.subscriptions = 0, 0, 0
}
