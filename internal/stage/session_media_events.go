package stage

import (
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// This file has what follows from events of the media engine.

// publicationEvent handles an event of the media engine about a publication.
func (s *Session) publicationEvent(c *Connection, e sfu.Event) {
	if c.skipsEvent(e) {
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
		s.publisherLayers(p, e.Layers)
	case sfu.LayersUnused:
		s.setUnusedLayers(p, e.Labels)
	case sfu.LimitExceeded:
		code := ivsrealtime.ErrorBitrateExceeded
		if e.Limit == sfu.LimitPixels {
			code = ivsrealtime.ErrorResolutionExceeded
		}
		s.publishFailed(c, code)
	case sfu.Closed:
		s.recordHandshake(c, ivsrealtime.EventPublishError, e.Cause)
		s.recordLost(c, e.Cause)
		s.connectionEnded(c, s.graceAfter(e.Cause))
	}
}

// recordHandshake records that the client's DTLS did not fit its offer. A connection that the
// client never reached is in the log and in the metrics only: the API has no error for faults
// of networks.
func (s *Session) recordHandshake(c *Connection, name ivsrealtime.EventName, cause sfu.Cause) {
	if cause == sfu.CauseHandshakeFailed {
		s.recordFailure(c.owner.grant, name, c.remote, ivsrealtime.ErrorInvalidInput)
	}
}

// subscriptionEvent handles an event of the media engine about a subscription.
func (s *Session) subscriptionEvent(c *Connection, e sfu.Event) {
	if c.skipsEvent(e) {
		return
	}
	switch e := e.(type) {
	case sfu.Connected:
		s.limitDuration(c)
		c.started = true
		s.recordSubscribe(c, ivsrealtime.EventSubscribeStarted)
	case sfu.LayerSelected:
		c.flow.setSelected(e)
		s.recordLayer(c, e)
		s.notify(c.owner, wire.LayerSelected{
			ParticipantID: c.remote, Kind: wire.MediaKind(e.Kind.String()), Label: e.Layer, Paused: e.Paused, Reason: wire.PauseReason(e.Reason),
		})
	case sfu.Closed:
		s.recordHandshake(c, ivsrealtime.EventSubscribeError, e.Cause)
		s.recordLost(c, e.Cause)
		s.connectionEnded(c, s.graceAfter(e.Cause))
	}
}

// graceAfter returns how long a participant may take to come back after a transport ended.
// It is zero for a lost one, which has been silent for that long already.
func (s *Session) graceAfter(cause sfu.Cause) time.Duration {
	if cause == sfu.CausePublisherGone || cause == sfu.CauseFault {
		return s.registry.cfg.Grace
	}
	return 0
}

// routerEvent handles an event of the media engine about the whole stage.
func (s *Session) routerEvent(e sfu.Event) {
	if speaker, ok := e.(sfu.ActiveSpeakerChanged); ok {
		s.post(func() {
			s.sockets.speaker = speaker.Participant
			s.notifyAll(wire.ActiveSpeaker{ParticipantID: speaker.Participant})
		})
	}
}

// publisherLayers announces a publisher's layers here and where it is shown as a replica.
func (s *Session) publisherLayers(p *participant, layers []sfu.LayerInfo) {
	s.setLayers(p, layers)
	s.registry.forEachReplica(s, p, func(d *Session, r *replication) { d.replicaLayers(r, layers) })
}

func (s *Session) setLayers(p *participant, layers []sfu.LayerInfo) {
	p.layers = layers
	if p.visible() {
		s.notifyAll(describeLayers(p.id, layers))
	}
}

// setUnusedLayers tells a publisher which layers nobody needs.
func (s *Session) setUnusedLayers(p *participant, labels []string) {
	p.unusedLayers = labels
	s.notify(p, wire.LayersUnused{Labels: labels})
}

// layersOf returns the layers of a publisher, if it is there.
func (s *Session) layersOf(id string) ([]sfu.LayerInfo, bool) {
	p := s.participants[id]
	if p == nil {
		return nil, false
	}
	return p.layers, true
}
