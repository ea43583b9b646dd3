package stage

import (
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// The transitions of media connections: they arrive, open, carry media, and
// end. The rules of transition.go hold here as well.

// arriveToPublish takes a publisher's slot, or refuses.
func (s *Session) arriveToPublish(c *Connection, g authority.Grant) error {
	g = s.registry.exchanges.limit(g)
	if !g.Publish || g.Hidden {
		s.complain(g, ivsrealtime.EventPublishError, "", ivsrealtime.ErrorInsufficientCapabilities)
		return authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the token does not allow to publish")
	}
	p, err := s.arrive(g)
	if err != nil {
		return err
	}
	if err := s.takePublishSlot(p); err != nil {
		s.complain(g, ivsrealtime.EventPublishError, "", ivsrealtime.ErrorQuotaExceeded)
		s.depart(p)
		return err
	}
	c.owner = p
	return nil
}

// publishRefused ends an arrival whose offer could not be answered.
func (s *Session) publishRefused(c *Connection, code ivsrealtime.EventErrorCode) {
	s.complain(c.owner.grant, ivsrealtime.EventPublishError, "", code)
	s.givePublishSlot(c.owner)
	s.depart(c.owner)
}

// arriveToSubscribe takes a subscriber's slot and finds what is subscribed to,
// or refuses.
func (s *Session) arriveToSubscribe(c *Connection, g authority.Grant) (*sfu.Viewer, *sfu.Publisher, error) {
	g = s.registry.exchanges.limit(g)
	if !g.Subscribe {
		s.complain(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorInsufficientCapabilities)
		return nil, nil, authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the token does not allow to subscribe")
	}
	var publisher *sfu.Publisher
	if remote := s.participants[c.remote]; remote != nil && c.remote != g.ParticipantID {
		publisher = remote.publisher()
	}
	if publisher == nil {
		s.complain(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorPublisherNotFound)
		return nil, nil, noPublisher(c.remote)
	}
	p, err := s.arrive(g)
	if err != nil {
		return nil, nil, err
	}
	if err := s.takeSubscribeSlot(p); err != nil {
		s.complain(g, ivsrealtime.EventSubscribeError, c.remote, ivsrealtime.ErrorQuotaExceeded)
		s.depart(p)
		return nil, nil, err
	}
	c.owner = p
	if p.viewer == nil {
		p.viewer = s.router.NewViewer(p.id)
		p.viewer.SetMaxBitrate(s.registry.cfg.Limits.DownloadBitrate)
	}
	return p.viewer, publisher, nil
}

// subscribeRefused ends an arrival whose offer could not be answered.
func (s *Session) subscribeRefused(c *Connection, code ivsrealtime.EventErrorCode) {
	s.complain(c.owner.grant, ivsrealtime.EventSubscribeError, c.remote, code)
	s.giveSubscribeSlot(c.owner)
	s.depart(c.owner)
}

// connectionOpened makes an answered connection its participant's; an older one
// for the same is taken over.
func (s *Session) connectionOpened(c *Connection, from Client) error {
	p := c.owner
	err := s.join(p, from)
	if err == nil && c.dead {
		err = noPublisher(c.remote)
		if c.remote == "" {
			err = &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is going down", RetryAfter: time.Second}
		}
	}
	if err != nil {
		c.over = true
		s.giveSlot(c)
		s.depart(p)
		return err
	}
	p.arriving--
	c.opened = true
	s.registry.remember(c)
	old := p.publication
	if c.publisher == nil {
		old = p.subscriptions[c.remote]
		p.subscriptions[c.remote] = c
		if c.subscriber.LacksCodec(media.Video) { // of what it doesn't carry the media engine says nothing
			s.notify(p, wire.LayerSelected{ParticipantID: c.remote, Kind: wire.Video, Paused: true, Reason: wire.PausedNoCodec})
		}
	} else {
		p.publication = c
		if p.unwatched != nil {
			s.unwatched(p, []string{}) // what was told of the older publication is void
		}
		c.publisher.SetMuted(media.Audio, p.audioMuted)
		c.publisher.SetMuted(media.Video, p.videoStopped)
		s.update(p, func(kept *store.Participant) { kept.Protocol = ivsrealtime.ProtocolWHIP })
	}
	if old != nil {
		s.registry.replace(old)
		s.hangUp(old, "token-reused")
	}
	return nil
}

// hangUp ends a connection from our side.
func (s *Session) hangUp(c *Connection, reason string) {
	if c.over || !c.opened {
		return
	}
	c.transport().Close(reason)
	s.connectionEnded(c, 0)
}

// connectionEnded takes a connection away from its participant.
func (s *Session) connectionEnded(c *Connection, grace time.Duration) {
	p := c.owner
	c.over = true
	if c.limit != nil {
		c.limit.Stop()
	}
	s.registry.forgetConnection(c)
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
	s.giveSlot(c)
	s.settle(p, grace)
}

// early notes what the media engine told before the connection was opened: that
// it has ended already. Nothing else can happen until the client has its answer.
func (c *Connection) early(e sfu.Event) bool {
	if _, ended := e.(sfu.Closed); ended && !c.opened {
		c.dead = true
	}
	return c.over || !c.opened
}

// publicationEvent is told by the media engine.
func (s *Session) publicationEvent(c *Connection, e sfu.Event) {
	if c.early(e) {
		return
	}
	p := c.owner
	switch e := e.(type) {
	case sfu.Connected:
		s.limitDuration(c)
	case sfu.MediaStarted:
		if !c.started {
			c.started = true
			s.publishStarted(p)
			s.registry.sourceStarted(s, p)
		}
	case sfu.LayersChanged:
		s.layersChanged(p, e.Layers)
		s.registry.eachReplica(s, p, func(d *Session, r *replication) { d.replicaLayers(r, e.Layers) })
	case sfu.LayersUnused:
		s.unwatched(p, e.Labels)
	case sfu.LimitExceeded:
		code := ivsrealtime.ErrorBitrateExceeded
		if e.Limit == sfu.LimitPixels {
			code = ivsrealtime.ErrorResolutionExceeded
		}
		s.publishFailed(c, code)
	case sfu.Closed:
		s.connectionEnded(c, s.graceAfter(e.Cause))
	}
}

// subscriptionEvent is told by the media engine.
func (s *Session) subscriptionEvent(c *Connection, e sfu.Event) {
	if c.early(e) {
		return
	}
	switch e := e.(type) {
	case sfu.Connected:
		s.limitDuration(c)
		c.started = true
		s.recordSubscribe(c, ivsrealtime.EventSubscribeStarted)
	case sfu.LayerSelected:
		c.flow.selected(e)
		s.notify(c.owner, wire.LayerSelected{
			ParticipantID: c.remote, Kind: wire.MediaKind(e.Kind.String()), Label: e.Layer, Paused: e.Paused, Reason: wire.PauseReason(e.Reason),
		})
	case sfu.Closed:
		s.connectionEnded(c, s.graceAfter(e.Cause))
	}
}

// graceAfter is how long a participant may take to come back after a transport
// ended. One that was lost had been silent for as long already.
func (s *Session) graceAfter(cause sfu.Cause) time.Duration {
	if cause == sfu.CausePublisherGone {
		return s.registry.cfg.Grace
	}
	return 0
}

// routerEvent is told by the media engine what concerns all.
func (s *Session) routerEvent(e sfu.Event) {
	if speaker, ok := e.(sfu.ActiveSpeakerChanged); ok {
		s.soon(func() { s.notifyAll(wire.ActiveSpeaker{ParticipantID: speaker.Participant}) })
	}
}

// limitDuration ends a connection when it has lasted as long as it may.
func (s *Session) limitDuration(c *Connection) {
	most := s.registry.cfg.Limits.ConnectionDuration
	if most == 0 || c.limit != nil {
		return
	}
	c.limit = s.after(most, func() {
		if c.over {
			return
		}
		if c.publisher != nil {
			s.publishFailed(c, ivsrealtime.ErrorStreamDurationExceeded)
			return
		}
		s.record(c.owner.id, ivsrealtime.Event{
			Name: ivsrealtime.EventSubscribeError, EventTime: moment(), RemoteParticipantID: c.remote, ErrorCode: ivsrealtime.ErrorStreamDurationExceeded,
		})
		s.hangUp(c, string(ivsrealtime.ErrorStreamDurationExceeded))
	})
}

// publishStarted records that a participant's, or a replica's, media flows.
func (s *Session) publishStarted(p *participant) {
	now := moment()
	p.publishing, p.published = true, true
	s.update(p, func(kept *store.Participant) { kept.Published = true })
	s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventPublishStarted, EventTime: now, Replica: p.replica != nil})
	s.emit(event.ParticipantPublished(p.subject(s), now))
	s.tellPublishState(p, "")
}

// publishStopped records that it flows no more.
func (s *Session) publishStopped(p *participant) {
	now := moment()
	p.publishing, p.layers = false, nil
	s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventPublishStopped, EventTime: now, Replica: p.replica != nil})
	s.emit(event.ParticipantUnpublished(p.subject(s), now))
	s.tellPublishState(p, "")
	if p.replica == nil {
		s.registry.sourceStopped(s, p)
	}
}

// publishFailed ends a publication that broke a limit.
func (s *Session) publishFailed(c *Connection, code ivsrealtime.EventErrorCode) {
	p, now := c.owner, moment()
	s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventPublishError, EventTime: now, ErrorCode: code})
	s.emit(event.ParticipantPublishFailed(p.subject(s), now, code))
	s.tellPublishState(p, code)
	s.hangUp(c, string(code))
}

func (s *Session) tellPublishState(p *participant, code ivsrealtime.EventErrorCode) {
	s.stateChanged(p)
	s.notifyAll(wire.PublishState{ParticipantID: p.id, IsPublishing: p.publishing && code == "", Participant: p.describe(), ErrorCode: code})
}

func (s *Session) layersChanged(p *participant, layers []sfu.LayerInfo) {
	p.layers = layers
	s.notifyAll(describeLayers(p.id, layers))
}

// unwatched tells a publisher alone which layers it may leave out.
func (s *Session) unwatched(p *participant, labels []string) {
	p.unwatched = labels
	s.notify(p, wire.LayersUnused{Labels: labels})
}

// layersOf are the layers of a publisher, if it is there.
func (s *Session) layersOf(id string) ([]sfu.LayerInfo, bool) {
	p := s.participants[id]
	if p == nil {
		return nil, false
	}
	return p.layers, true
}

// recordSubscribe adds to the history of a viewer that is not hidden.
func (s *Session) recordSubscribe(c *Connection, name ivsrealtime.EventName) {
	if c.owner.grant.Hidden {
		return
	}
	remote := s.participants[c.remote]
	s.record(c.owner.id, ivsrealtime.Event{
		Name: name, EventTime: moment(), RemoteParticipantID: c.remote, Replica: remote != nil && remote.replica != nil,
	})
}

// complain adds a failed attempt to the history, if it has one and room for it.
func (s *Session) complain(g authority.Grant, name ivsrealtime.EventName, remote string, code ivsrealtime.EventErrorCode) {
	if !s.opened || code == "" || g.Hidden || !s.complaints.Allow() {
		return
	}
	now := moment()
	s.record(g.ParticipantID, ivsrealtime.Event{Name: name, EventTime: now, RemoteParticipantID: remote, ErrorCode: code})
	if name == ivsrealtime.EventPublishError {
		who := event.Participant{StageARN: s.stageARN, SessionID: s.id, ID: g.ParticipantID, UserID: g.UserID}
		s.emit(event.ParticipantPublishFailed(who, now, code))
	}
}
