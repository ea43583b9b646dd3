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

// This file has how participants join and leave.

// maxRequests bounds the requests of a participant that are under way at once.
const maxRequests = 32

// beginRequest admits a participant's request to open a connection. It ends in
// connectionOpened, openSocket or endRequest.
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
	case p.redundant != nil:
		return nil, authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "the participant publishes by redundant ingest")
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

// endRequest ends a request that failed.
func (s *Session) endRequest(p *participant) {
	p.requests--
	s.leaveIfUnused(p, 0)
}

// join makes a participant present, because its first connection opened.
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

// recordJoin stores and announces a participant, or a replica, as present.
func (s *Session) recordJoin(p *participant) {
	if s.lingerTimer != nil {
		s.lingerTimer.Stop()
	}
	p.joined = true
	s.joined++
	now, row := timestamp(), s.newRow(p)
	s.addWrite(func(tx *store.Tx) error {
		row.FirstJoinTime = now
		err := tx.CreateParticipant(&row)
		if !errors.Is(err, ivsrealtime.Conflict) {
			return err
		}
		_, err = tx.UpdateParticipant(row.Ref(), func(old *store.Participant) error {
			row.FirstJoinTime, row.Published = old.FirstJoinTime, old.Published
			row.RecordingState, row.RecordingS3BucketName, row.RecordingS3Prefix = old.RecordingState, old.RecordingS3BucketName, old.RecordingS3Prefix
			*old = row
			return nil
		})
		return err
	})
	s.record(p, ivsrealtime.Event{Name: ivsrealtime.EventJoined, EventTime: now, Replica: p.replica != nil}, event.ParticipantJoined(p.eventSubject(s), now, p.grant.Attributes))
	s.announceJoin(p)
}

func (s *Session) announceJoin(p *participant) {
	s.order++
	p.order = s.order
	if !s.sockets.large && p.visible() {
		s.notifyAll(wire.ParticipantJoined{Participant: p.describe()})
		s.markStateChanged(p)
	}
}

// newRow is the participant's row in the store at its join.
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
func (s *Session) updateRow(p *participant, f func(row *store.Participant)) {
	if !p.stored() {
		return
	}
	ref := s.ref(p.id)
	s.addWrite(func(tx *store.Tx) error {
		_, err := tx.UpdateParticipant(ref, func(row *store.Participant) error {
			f(row)
			return nil
		})
		return err
	})
}

// leaveIfUnused ends a participant's presence when nothing of it is open.
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
	if p.visible() {
		s.announceLeave(p)
	}
	if p.stored() && (p.replica != nil || !s.handsOver) {
		s.recordLeave(p)
	}
}

func (s *Session) announceLeave(p *participant) {
	if !s.sockets.large || p.published {
		s.notifyAll(wire.ParticipantLeft{ParticipantID: p.id, UserID: p.grant.UserID})
	}
	if !s.sockets.large {
		s.markStateChanged(p)
	}
}

// recordLeave stores that a participant left. The session ends some time after the last.
func (s *Session) recordLeave(p *participant) {
	now := timestamp()
	s.updateRow(p, func(row *store.Participant) {
		row.State = ivsrealtime.ParticipantDisconnected
		if row.ReplicationType == ivsrealtime.ReplicationReplica {
			row.ReplicationState = ivsrealtime.ReplicationStopped
		}
	})
	s.record(p, ivsrealtime.Event{Name: ivsrealtime.EventLeft, EventTime: now, Replica: p.replica != nil}, event.ParticipantLeft(p.eventSubject(s), now))
	p.joined = false
	if s.joined--; s.joined == 0 {
		s.linger()
	}
}

// linger ends the session some time from now, if nobody joins.
func (s *Session) linger() {
	s.lingerTimer = s.postAfter(s.registry.cfg.Linger, func() {
		if s.joined == 0 {
			s.end(goingAway)
		}
	})
}

// disconnect closes all that a participant has open and ends its presence.
func (s *Session) disconnect(p *participant, why wire.Closing) {
	reason := string(why.Notice().Reason)
	if sock := p.socket; sock != nil {
		s.removeSocket(sock)
		s.closeSocket(sock, why)
	}
	if p.redundant != nil { // it leaves with the last
		for c := range p.redundant.sources {
			s.disconnect(c.owner, why)
		}
		return
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
	if s.stored && !s.handsOver {
		now := timestamp()
		s.addWrite(func(tx *store.Tx) error { return tx.EndSession(s.stageARN, s.id, now) })
		s.emitEvent(event.SessionEnded(s.stageARN, s.id, now))
	}
}

// openSocket makes an events socket its participant's and replaces an older
// one.
func (s *Session) openSocket(sock *Socket, g authority.Grant) error {
	p, err := s.beginRequest(s.registry.exchanges.limit(g))
	if err != nil {
		return err
	}
	err = s.join(p, sock.cfg.Client)
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
	if p.socketLost {
		p.socketLost = false
		s.recordChange(p, ChangeReconnected, "", reconnectedSocket)
	}
	sock.needsState = true
	p.socket = sock
	s.sockets.open[sock] = p
	s.sockets.updateSize()
	return nil
}

// socketLost runs after the connection of an events socket broke, or was silent.
func (s *Session) socketLost(sock *Socket, grace time.Duration) {
	if p := s.sockets.open[sock]; p != nil {
		p.socketLost = true
		s.recordChange(p, ChangeSocketLost, "", "")
	}
	s.socketClosed(sock, grace)
}

// socketClosed runs after an events socket closed.
func (s *Session) socketClosed(sock *Socket, grace time.Duration) {
	p := s.sockets.open[sock]
	if p == nil {
		return
	}
	s.removeSocket(sock)
	s.leaveIfUnused(p, grace)
}

func (s *Session) removeSocket(sock *Socket) {
	if p := s.sockets.open[sock]; p.socket == sock {
		p.socket = nil
	}
	delete(s.sockets.open, sock)
	s.sockets.updateSize()
	s.registry.releaseSocket()
}

// maxClientUpdates bounds how often a client can have its participant's row
// rewritten.
const maxClientUpdates = 20

// setClient stores what a client says about itself.
func (s *Session) setClient(sock *Socket, c Client) {
	p := s.sockets.open[sock]
	if p == nil || p.clientUpdates >= maxClientUpdates {
		return
	}
	p.clientUpdates++
	p.client = p.client.merge(c)
	client := p.client
	s.updateRow(p, func(row *store.Participant) { client.fill(&row.Participant) })
}

// setMuted stores and announces which media a client muted.
func (s *Session) setMuted(sock *Socket, audio, video *bool) {
	p := s.sockets.open[sock]
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
	s.registry.sourceMuted(s, p)
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
