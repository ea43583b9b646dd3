package stage

import (
	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// This file has what is stored and announced when a publication starts, stops or fails.

// publishStarted records that media of a participant or a replica flows.
func (s *Session) publishStarted(p *participant) {
	now := timestamp()
	p.publishing, p.published = true, true
	s.updateRow(p, func(row *store.Participant) { row.Published = true })
	s.record(p, ivsrealtime.Event{Name: ivsrealtime.EventPublishStarted, EventTime: now, Replica: p.replica != nil}, event.ParticipantPublished(p.eventSubject(s), now))
	s.notifyPublishState(p, "")
	if recorder, publisher := s.registry.cfg.Recorder, p.publisher(); recorder != nil && publisher != nil && p.stored() {
		recorder.PublishStarted(Publication{StageARN: s.stageARN, SessionID: s.id, ParticipantID: p.id, Replica: p.replica != nil, Publisher: publisher})
	}
}

// publishStopped records that it no longer flows.
func (s *Session) publishStopped(p *participant) {
	now := timestamp()
	p.publishing, p.layers = false, nil
	s.record(p, ivsrealtime.Event{Name: ivsrealtime.EventPublishStopped, EventTime: now, Replica: p.replica != nil}, event.ParticipantUnpublished(p.eventSubject(s), now))
	s.notifyPublishState(p, "")
	if recorder := s.registry.cfg.Recorder; recorder != nil && p.stored() {
		recorder.PublishStopped(s.stageARN, p.id)
	}
	if p.replica == nil {
		s.registry.sourceStopped(s, p)
	}
}

// publishFailed ends a publication that exceeded a limit.
func (s *Session) publishFailed(c *Connection, code ivsrealtime.EventErrorCode) {
	p, now := c.owner, timestamp()
	s.record(p, ivsrealtime.Event{Name: ivsrealtime.EventPublishError, EventTime: now, ErrorCode: code}, event.ParticipantPublishFailed(p.eventSubject(s), now, code))
	s.notifyPublishState(p, code)
	s.closeConnection(c, string(code))
}

func (s *Session) notifyPublishState(p *participant, code ivsrealtime.EventErrorCode) {
	if !p.visible() {
		return
	}
	s.markStateChanged(p)
	s.notifyAll(wire.PublishState{
		ParticipantID: p.id, IsPublishing: p.publishing && code == "", Participant: p.describe(), ErrorCode: code,
		Replaced: !p.publishing && p.publication != nil,
	})
}
