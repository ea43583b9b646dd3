package stage

import (
	"rostrum/internal/authority"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// This file has redundant ingest: two encoders send the same program with the two stream keys
// of one ingest configuration, as two physical participants. The API, events and metrics know
// these. Viewers, compositions and replicas see one virtual participant, which is on the stage
// while a physical one is. What distinguishes the two is in participant.stored and
// participant.visible.

// A redundantSource is what a virtual participant publishes.
type redundantSource struct {
	failover *failover
	sources  map[*Connection]*failoverSource // of its physical participants
}

// physicalRouter is where physical participants publish: viewers can't subscribe there, and no
// active speaker is chosen.
func (s *Session) physicalRouter() *sfu.Router {
	if s.physical == nil {
		s.physical = s.registry.engine.NewRouter(sfu.RouterConfig{})
	}
	return s.physical
}

// joinVirtual makes an encoder's stream a source of its virtual participant, which joins with
// the first.
func (s *Session) joinVirtual(c *Connection) error {
	g := *c.virtual
	if s.registry.isDenied(s.stageARN, g.ParticipantID) {
		return authority.Refuse(authority.Forbidden, authority.ParticipantDisconnected, "the participant was disconnected from the stage")
	}
	v := s.participants[g.ParticipantID]
	if v == nil {
		var err error
		if v, err = s.openVirtual(g, c.stream.labels); err != nil {
			return err
		}
	} else if v.redundant == nil {
		return authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "another participant has the id %s on the stage", v.id)
	}
	source := v.redundant.failover.addSource(c.owner.id)
	v.redundant.sources[c] = source
	c.stream.leave = func() { v.redundant.failover.removeSource(source) }
	c.stream.pass = func(f sfu.LocalFrame) { v.redundant.failover.writeFrame(source, f) }
	return nil
}

func (s *Session) openVirtual(g authority.Grant, labels []string) (*participant, error) {
	v := &participant{id: g.ParticipantID, grant: g, joined: true, subscriptions: map[string]*Connection{}}
	publisher, err := s.router.PublishFrames(sfu.PublishConfig{
		Participant: v.id, Notify: func(e sfu.Event) { s.post(func() { s.virtualEvent(v, e) }) },
	}, labels)
	if err != nil {
		refusal, _ := offerRefusal(err, "")
		return nil, refusal
	}
	v.source = publisher
	switched := func(to string) {
		s.registry.cfg.Log.Info("viewers see an encoder of redundant ingest", "stage", s.stageARN, "participant", v.id, "encoder", to)
	}
	v.redundant = &redundantSource{newFailover(publisher.WriteFrames, switched), map[*Connection]*failoverSource{}}
	s.participants[v.id] = v
	s.announceJoin(v)
	return v, nil
}

// virtualEvent handles an event of the media engine about a virtual participant's publisher.
func (s *Session) virtualEvent(v *participant, e sfu.Event) {
	if s.participants[v.id] != v {
		return
	}
	switch e := e.(type) {
	case sfu.MediaStarted:
		if !v.publishing {
			s.publishStarted(v)
			s.registry.sourceStarted(s, v)
		}
	case sfu.LayersChanged:
		s.publisherLayers(v, e.Layers)
	case sfu.Closed: // by a fault: the encoders must begin again
		for c := range v.redundant.sources {
			s.closeConnection(c, "the server failed")
		}
	}
}

// leaveVirtual takes an encoder's stream from its virtual participant, which leaves with the
// last.
func (s *Session) leaveVirtual(c *Connection) {
	v := s.participants[c.virtual.ParticipantID]
	if v == nil || v.redundant == nil || v.redundant.sources[c] == nil {
		return
	}
	c.stream.leave()
	delete(v.redundant.sources, c)
	if len(v.redundant.sources) > 0 {
		return
	}
	v.source.Close("")
	if v.publishing {
		s.publishStopped(v)
	}
	s.leave(v)
}

// virtualGrant is what an ingest configuration with redundant ingest allows to its virtual
// participant; nil without redundant ingest.
func virtualGrant(c *ivsrealtime.IngestConfiguration) (*authority.Grant, error) {
	if !c.RedundantIngest {
		return nil, nil
	}
	g, err := ingestGrant(c, c.ParticipantID)
	return &g, err
}
