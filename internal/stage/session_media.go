package stage

import (
	"errors"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// This file has how media connections open, carry media and end.

// A grantFunc returns what a participant may do, or why it may do nothing. It runs on the
// session's goroutine.
type grantFunc func() (authority.Grant, error)

// publish answers an offer to send, for the participant whose grant holder returns.
func (s *Session) publish(holder grantFunc, offer string, from Client) (*Connection, string, error) {
	c := &Connection{id: arn.NewSecret(24), session: s, protocol: ivsrealtime.ProtocolWHIP}
	err := s.call(func() error {
		g, err := holder()
		if err != nil {
			return err
		}
		return s.beginPublish(c, g)
	})
	if err != nil {
		return nil, "", err
	}
	cfg := s.publishConfig(c)
	cfg.NeedsVideo = from.NeedsVideo
	publisher, answer, err := s.router.Publish(offer, cfg)
	c.publisher = publisher
	if err != nil {
		refusal, code := offerRefusal(err, ivsrealtime.ErrorInvalidVideoCodec)
		s.post(func() { s.abortPublish(c, code) })
		return nil, "", refusal
	}
	return c, answer, s.admit(c, from)
}

func (s *Session) publishConfig(c *Connection) sfu.PublishConfig {
	limits := s.registry.cfg.Limits
	return sfu.PublishConfig{
		Participant: c.owner.id, MaxPixels: limits.PublishPixels, MaxBitrate: limits.PublishBitrate,
		Notify: func(e sfu.Event) { s.post(func() { s.publicationEvent(c, e) }) },
	}
}

// subscribe answers an offer to receive, for the participant whose grant holder returns.
func (s *Session) subscribe(holder grantFunc, to PublisherRef, offer string, from Client) (*Connection, string, error) {
	c := &Connection{id: arn.NewSecret(24), session: s, remote: to.ID, flow: Flow{Reason: string(sfu.PausedNoLayer)}}
	var viewer *sfu.Viewer
	var publisher *sfu.Publisher
	err := s.call(func() error {
		g, err := holder()
		if err == nil {
			viewer, publisher, err = s.beginSubscribe(c, to.Place, g)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	subscriber, answer, err := viewer.Subscribe(publisher, offer, sfu.SubscribeConfig{
		Notify: func(e sfu.Event) { s.post(func() { s.subscriptionEvent(c, e) }) }, DTLSClient: from.dtlsServer,
	})
	c.subscriber = subscriber
	if errors.Is(err, sfu.ErrClosed) {
		err = publisherNotFound(c.remote)
	}
	if err != nil {
		refusal, code := offerRefusal(err, ivsrealtime.ErrorInvalidVideoCodec)
		s.post(func() { s.abortSubscribe(c, code) })
		return nil, "", refusal
	}
	if subscriber.LacksCodec(media.Video) {
		c.flow.Reason = string(sfu.PausedNoCodec)
	}
	return c, answer, s.admit(c, from)
}

// admit makes an answered connection its participant's, and waits until that
// is stored.
func (s *Session) admit(c *Connection, from Client) error {
	err := s.callAndCommit(func() error { return s.connectionOpened(c, from) })
	if err != nil {
		c.transport().Close("")
	}
	return err
}

// beginPublish acquires a publisher's slot, or refuses.
func (s *Session) beginPublish(c *Connection, g authority.Grant) error {
	g = s.registry.exchanges.limit(g)
	if !g.Publish || g.Hidden {
		s.recordFailure(g, ivsrealtime.EventPublishError, "", ivsrealtime.ErrorInsufficientCapabilities)
		return authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the token does not allow to publish")
	}
	p, err := s.beginRequest(g)
	if err != nil {
		return err
	}
	if err := s.acquirePublishSlot(p); err != nil {
		s.recordFailure(g, ivsrealtime.EventPublishError, "", ivsrealtime.ErrorQuotaExceeded)
		s.endRequest(p)
		return err
	}
	c.owner = p
	return nil
}

// abortPublish ends a request whose offer could not be answered.
func (s *Session) abortPublish(c *Connection, code ivsrealtime.EventErrorCode) {
	s.recordFailure(c.owner.grant, ivsrealtime.EventPublishError, "", code)
	s.releasePublishSlot(c.owner)
	s.endRequest(c.owner)
}

// beginSubscribe acquires a subscriber's slot and finds the publisher, or
// refuses.
func (s *Session) beginSubscribe(c *Connection, place int, g authority.Grant) (*sfu.Viewer, *sfu.Publisher, error) {
	g = s.registry.exchanges.limit(g)
	if !g.Subscribe {
		s.recordFailure(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorInsufficientCapabilities)
		return nil, nil, authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the token does not allow to subscribe")
	}
	if place > 0 {
		c.remote = s.publisherAt(place, g.ParticipantID)
	}
	var publisher *sfu.Publisher
	if remote := s.participants[c.remote]; remote != nil && !remote.physical && c.remote != g.ParticipantID {
		publisher = remote.publisher()
	}
	if publisher == nil && place > 0 {
		return nil, nil, authority.Refuse(authority.NotFound, authority.PublisherNotFound, "there is no publisher %d on this stage", place) // a guess that fails is no fault
	}
	if publisher == nil {
		s.recordFailure(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorPublisherNotFound)
		return nil, nil, publisherNotFound(c.remote)
	}
	p, err := s.beginRequest(g)
	if err != nil {
		return nil, nil, err
	}
	if err := s.acquireSubscribeSlot(p); err != nil {
		s.recordFailure(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorQuotaExceeded)
		s.endRequest(p)
		return nil, nil, err
	}
	c.owner = p
	if p.viewer == nil {
		p.viewer = s.router.NewViewer(p.id)
		p.viewer.SetMaxBitrate(s.registry.cfg.Limits.DownloadBitrate)
	}
	return p.viewer, publisher, nil
}

// publisherAt returns the id of the publisher at a place, from 1, of the state as another
// participant gets it; empty if there are fewer.
func (s *Session) publisherAt(place int, except string) string {
	var publishers []*participant
	for _, p := range s.members() {
		if p.publishing && p.id != except {
			publishers = append(publishers, p)
		}
	}
	if place > len(publishers) {
		return ""
	}
	return publishers[place-1].id
}

// abortSubscribe ends a request whose offer could not be answered.
func (s *Session) abortSubscribe(c *Connection, code ivsrealtime.EventErrorCode) {
	s.recordFailure(c.owner.grant, ivsrealtime.EventSubscribeError, c.remote, code)
	s.releaseSubscribeSlot(c.owner)
	s.endRequest(c.owner)
}

// connectionOpened makes an answered connection its participant's and replaces
// an older one for the same.
func (s *Session) connectionOpened(c *Connection, from Client) error {
	p := c.owner
	err := s.join(p, from)
	if err == nil && c.endedEarly {
		err = publisherNotFound(c.remote)
		if c.remote == "" {
			err = &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is stopping", RetryAfter: time.Second}
		}
	}
	if err == nil && c.virtual != nil {
		err = s.joinVirtual(c)
	}
	if err != nil {
		c.ended = true
		s.releaseSlot(c)
		s.endRequest(p)
		return err
	}
	p.requests--
	c.answered = true
	s.registry.addConnection(c)
	old := p.publication
	if c.publisher == nil {
		old = p.subscriptions[c.remote]
		p.subscriptions[c.remote] = c
		if c.subscriber.LacksCodec(media.Video) { // the media engine does not report media that is not negotiated
			s.notify(p, wire.LayerSelected{ParticipantID: c.remote, Kind: wire.Video, Paused: true, Reason: wire.PausedNoCodec})
			s.recordChange(p, ChangePaused, c.remote, string(wire.PausedNoCodec))
		}
	} else {
		p.publication = c
		if p.unusedLayers != nil {
			s.setUnusedLayers(p, []string{}) // what was sent about the older publication is void
		}
		c.publisher.SetMuted(media.Audio, p.audioMuted)
		c.publisher.SetMuted(media.Video, p.videoStopped)
		s.updateRow(p, func(row *store.Participant) {
			row.Protocol, row.IngestConfigurationARN, row.RedundantIngest = c.protocol, c.ingestARN, c.virtual != nil
		})
		if c.stream != nil {
			s.limitDuration(c) // the media engine reported the connection before it was answered
		}
	}
	if old != nil {
		s.recordChange(p, ChangeReconnected, c.remote, reconnectedMedia)
		s.registry.addReplaced(old)
		s.closeConnection(old, closedByReplacement)
	}
	return nil
}

// closeConnection closes a connection from this side.
func (s *Session) closeConnection(c *Connection, reason string) {
	if c.ended || !c.answered {
		return
	}
	c.endReason.Store(&reason)
	c.transport().Close(reason)
	s.connectionEnded(c, 0)
}

// connectionEnded takes a connection away from its participant.
func (s *Session) connectionEnded(c *Connection, grace time.Duration) {
	p := c.owner
	c.ended = true
	if c.durationTimer != nil {
		c.durationTimer.Stop()
	}
	s.registry.removeConnection(c)
	if c.ingestARN != "" {
		s.registry.endIngest(c.ingestARN)
		s.addWrite(func(tx *store.Tx) error { return s.registry.releaseIngest(tx, c.ingestARN) })
	}
	if c.virtual != nil {
		s.leaveVirtual(c)
	}
	if c.publisher != nil {
		if p.publication == c {
			p.publication = nil
		}
		if c.started {
			s.publishStopped(p)
		}
	} else {
		if p.subscriptions[c.remote] == c {
			delete(p.subscriptions, c.remote)
		}
		if c.started {
			s.recordSubscribe(c, ivsrealtime.EventSubscribeStopped)
		}
	}
	s.releaseSlot(c)
	s.leaveIfUnused(p, grace)
}

// recordSubscribe adds to the history of a participant that is not hidden.
func (s *Session) recordSubscribe(c *Connection, name ivsrealtime.EventName) {
	if c.owner.grant.Hidden {
		return
	}
	remote := s.participants[c.remote]
	s.recordEvent(c.owner.id, ivsrealtime.Event{
		Name: name, EventTime: timestamp(), RemoteParticipantID: c.remote, Replica: remote != nil && remote.replica != nil,
	})
}

// recordFailure adds a failed attempt to the history, within the rate limit. Where nobody has
// joined there is no history: the attempt, often of an encoder that is set up, is logged.
func (s *Session) recordFailure(g authority.Grant, name ivsrealtime.EventName, remote string, code ivsrealtime.EventErrorCode) {
	limit := s.failureLimit
	if !s.stored {
		limit = s.registry.failureLimit // the session ends with the attempt
	}
	if code == "" || g.Hidden || !limit.Allow() {
		return
	}
	now := timestamp()
	if !s.stored {
		s.registry.cfg.Log.Info("attempt on an empty stage failed", "stage", s.stageARN, "participant", g.ParticipantID, "attempt", name, "code", code)
	} else {
		s.recordEvent(g.ParticipantID, ivsrealtime.Event{Name: name, EventTime: now, RemoteParticipantID: remote, ErrorCode: code})
	}
	if name == ivsrealtime.EventPublishError {
		who := event.Participant{StageARN: s.stageARN, SessionID: s.id, ID: g.ParticipantID, UserID: g.UserID}
		s.emitEvent(event.ParticipantPublishFailed(who, now, code))
	}
}
