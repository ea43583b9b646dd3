package stage

import (
	"errors"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/media"
	"rostrum/internal/store"
	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

// This file and transition_media.go are all that can happen in a session; doc.go
// draws it. Here participants come and go. Everything runs on the session's
// goroutine, changes what it knows at once, and notes what is to be kept and
// told at the end of the batch.

// maxRequests bounds a participant's requests that are on their way at once.
const maxRequests = 32

// beginRequest lets a participant in far enough to make a connection. Who arrives
// ends in connectionOpened, attend or depart.
func (s *Session) beginRequest(g authority.Grant) (*participant, error) {
	switch {
	case s.registry.isDenied(s.stageARN, ""):
		return nil, authority.Refuse(authority.NotFound, authority.StageDeleted, "the stage does not exist or was deleted")
	case s.registry.isDenied(s.stageARN, g.ParticipantID):
		return nil, authority.Refuse(authority.Forbidden, authority.ParticipantDisconnected, "the participant was disconnected from the stage")
	}
	p := s.participants[g.ParticipantID]
	switch {
	case p == nil:
		p = &participant{id: g.ParticipantID, grant: g, subscriptions: map[string]*Connection{}}
		s.participants[p.id] = p
	case p.replica != nil:
		return nil, authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "a replica from another stage has this participant id here")
	case p.requests >= maxRequests:
		return nil, &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Crowded, Detail: "the participant makes too many connections at once", RetryAfter: time.Second}
	case g.IssuedAt.After(p.grant.IssuedAt):
		s.regrant(p, g)
	}
	p.requests++
	return p, nil
}

// endRequest ends an arrival that came to nothing.
func (s *Session) endRequest(p *participant) {
	p.requests--
	s.leaveIfUnused(p, 0)
}

// join makes a participant present: the first of its connections is there.
func (s *Session) join(p *participant, from Client) error {
	if p.graceTimer != nil {
		p.graceTimer.Stop()
	}
	if s.participants[p.id] != p {
		return authority.Refuse(authority.Forbidden, authority.ParticipantDisconnected, "the participant was disconnected from the stage")
	}
	p.client = Client{}.merge(from).merge(p.client)
	if p.joined {
		return nil
	}
	if p.grant.Hidden {
		p.joined = true
		return nil
	}
	if err := s.ensureStored(); err != nil {
		return err
	}
	s.recordJoin(p)
	return nil
}

// recordJoin records a participant, or a replica, as present.
func (s *Session) recordJoin(p *participant) {
	if s.lingerTimer != nil {
		s.lingerTimer.Stop()
	}
	p.joined = true
	s.joined++
	s.order++
	p.order = s.order
	now, row := timestamp(), s.newRow(p)
	s.addWrite(func(tx *store.Tx) error {
		row.FirstJoinTime = now
		err := tx.CreateParticipant(&row)
		if !errors.Is(err, ivsrealtime.Conflict) {
			return err
		}
		_, err = tx.UpdateParticipant(row.Ref(), func(kept *store.Participant) error {
			row.FirstJoinTime, row.Published = kept.FirstJoinTime, kept.Published
			row.RecordingState, row.RecordingS3BucketName, row.RecordingS3Prefix = kept.RecordingState, kept.RecordingS3BucketName, kept.RecordingS3Prefix
			*kept = row
			return nil
		})
		return err
	})
	s.recordEvent(p.id, ivsrealtime.Event{Name: ivsrealtime.EventJoined, EventTime: now, Replica: p.replica != nil})
	s.emitEvent(event.ParticipantJoined(p.eventSubject(s), now, p.grant.Attributes))
	if !s.sockets.large {
		s.notifyAll(wire.ParticipantJoined{Participant: p.describe()})
		s.markStateChanged(p)
	}
}

// newRow is the participant as the store keeps it at its join.
func (s *Session) newRow(p *participant) store.Participant {
	row := store.Participant{StageARN: s.stageARN, SessionID: s.id, Node: s.registry.nodeID, Participant: ivsrealtime.Participant{
		ParticipantID: p.id, UserID: p.grant.UserID, Attributes: p.attributes(), State: ivsrealtime.ParticipantConnected,
		RecordingState: ivsrealtime.RecordingDisabled, ReplicationType: ivsrealtime.ReplicationNone,
	}}
	p.client.fill(&row.Participant)
	if r := p.replica; r != nil {
		row.ReplicationType, row.ReplicationState = ivsrealtime.ReplicationReplica, ivsrealtime.ReplicationActive
		row.SourceStageARN, row.SourceSessionID = r.key.source, r.sourceSession
	}
	return row
}

// updateRow changes the participant's row.
func (s *Session) updateRow(p *participant, f func(kept *store.Participant)) {
	if !p.visible() {
		return
	}
	ref := s.ref(p.id)
	s.addWrite(func(tx *store.Tx) error {
		_, err := tx.UpdateParticipant(ref, func(kept *store.Participant) error {
			f(kept)
			return nil
		})
		return err
	})
}

// leaveIfUnused looks, after something of a participant has ended, whether anything is
// left of it. If not it leaves, at once or when grace has passed.
func (s *Session) leaveIfUnused(p *participant, grace time.Duration) {
	if s.participants[p.id] != p || p.inUse() {
		return
	}
	if p.joined && grace > 0 {
		if p.graceTimer != nil {
			p.graceTimer.Stop()
		}
		p.graceTimer = s.postAfter(grace, func() { s.leaveIfUnused(p, 0) })
		return
	}
	s.leave(p)
}

// leave ends a participant's presence, of which nothing else is left.
func (s *Session) leave(p *participant) {
	if s.participants[p.id] != p {
		return
	}
	delete(s.participants, p.id)
	if p.graceTimer != nil {
		p.graceTimer.Stop()
	}
	if p.viewer != nil {
		p.viewer.Close("")
	}
	if !p.visible() {
		return
	}
	now := timestamp()
	s.updateRow(p, func(kept *store.Participant) {
		kept.State = ivsrealtime.ParticipantDisconnected
		if kept.ReplicationType == ivsrealtime.ReplicationReplica {
			kept.ReplicationState = ivsrealtime.ReplicationStopped
		}
	})
	s.recordEvent(p.id, ivsrealtime.Event{Name: ivsrealtime.EventLeft, EventTime: now, Replica: p.replica != nil})
	s.emitEvent(event.ParticipantLeft(p.eventSubject(s), now))
	if !s.sockets.large || p.published {
		s.notifyAll(wire.ParticipantLeft{ParticipantID: p.id, UserID: p.grant.UserID})
	}
	if !s.sockets.large {
		s.markStateChanged(p)
	}
	p.joined = false
	if s.joined--; s.joined == 0 {
		s.lingerTimer = s.postAfter(s.registry.cfg.Linger, func() {
			if s.joined == 0 {
				s.end(goingAway)
			}
		})
	}
}

// disconnect ends all that a participant has, and its presence.
func (s *Session) disconnect(p *participant, why wire.Closing) {
	reason := string(why.Notice().Reason)
	if a := p.socket; a != nil {
		s.removeSocket(a)
		s.closeSocket(a, why)
	}
	if p.publication != nil {
		s.closeConnection(p.publication, reason)
	}
	for _, c := range p.subscriptions {
		s.closeConnection(c, reason)
	}
	s.leave(p)
}

// end ends the session and closes all sockets.
func (s *Session) end(why wire.Closing) {
	if s.ended {
		return
	}
	for _, p := range s.participants {
		if p.replica != nil {
			s.registry.endReplication(p.replica)
			s.removeReplica(p)
		} else {
			s.disconnect(p, why)
		}
	}
	s.ended = true
	if s.lingerTimer != nil {
		s.lingerTimer.Stop()
	}
	if s.stored {
		now := timestamp()
		s.addWrite(func(tx *store.Tx) error { return tx.EndSession(s.stageARN, s.id, now) })
		s.emitEvent(event.SessionEnded(s.stageARN, s.id, now))
	}
}

// openSocket makes an events socket its participant's; an older one is taken over.
func (s *Session) openSocket(a *Socket, g authority.Grant) error {
	p, err := s.beginRequest(s.registry.exchanges.limit(g))
	if err != nil {
		return err
	}
	err = s.join(p, a.cfg.Client)
	if err == nil && !s.registry.acquireSocket() {
		err = &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server has as many events sockets as it can", RetryAfter: 5 * time.Second}
	}
	if err != nil {
		s.endRequest(p)
		return err
	}
	p.requests--
	if old := p.socket; old != nil {
		s.removeSocket(old)
		s.closeSocket(old, kicked(wire.ReasonTokenReused, "the token was used by another client"))
	}
	a.needsState = true
	p.socket = a
	s.sockets.open[a] = p
	s.sockets.updateSize()
	return nil
}

// socketClosed is told by the door when a socket has closed.
func (s *Session) socketClosed(a *Socket, grace time.Duration) {
	p := s.sockets.open[a]
	if p == nil {
		return
	}
	s.removeSocket(a)
	s.leaveIfUnused(p, grace)
}

func (s *Session) removeSocket(a *Socket) {
	if p := s.sockets.open[a]; p.socket == a {
		p.socket = nil
	}
	delete(s.sockets.open, a)
	s.sockets.updateSize()
	s.registry.releaseSocket()
}

// maxClientUpdates bounds how often a participant's row is rewritten at its client's wish.
const maxClientUpdates = 20

// setClient takes what a client says about itself.
func (s *Session) setClient(a *Socket, c Client) {
	p := s.sockets.open[a]
	if p == nil || p.clientUpdates >= maxClientUpdates {
		return
	}
	p.clientUpdates++
	p.client = p.client.merge(c)
	client := p.client
	s.updateRow(p, func(kept *store.Participant) { client.fill(&kept.Participant) })
}

// setMuted takes which media a client has muted.
func (s *Session) setMuted(a *Socket, audio, video *bool) {
	p := s.sockets.open[a]
	if p == nil || !p.visible() {
		return
	}
	was := [2]bool{p.audioMuted, p.videoStopped}
	if audio != nil {
		p.audioMuted = *audio
	}
	if video != nil {
		p.videoStopped = *video
	}
	if was == [2]bool{p.audioMuted, p.videoStopped} {
		return
	}
	s.notifyMutes(p)
	s.registry.forEachReplica(s, p, func(d *Session, r *replication) { d.replicaMuted(r, p.audioMuted, p.videoStopped) })
}

func (s *Session) notifyMutes(p *participant) {
	if c := p.publication; c != nil {
		c.publisher.SetMuted(media.Audio, p.audioMuted)
		c.publisher.SetMuted(media.Video, p.videoStopped)
	}
	if !s.sockets.large || p.publishing {
		s.notifyAll(wire.MuteChanged{ParticipantID: p.id, AudioMuted: p.audioMuted, VideoStopped: p.videoStopped})
		s.markStateChanged(p)
	}
}
