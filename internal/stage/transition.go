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

// maxArriving bounds a participant's requests that are on their way at once.
const maxArriving = 32

// arrive lets a participant in far enough to make a connection. Who arrives
// ends in connectionOpened, attend or depart.
func (s *Session) arrive(g authority.Grant) (*participant, error) {
	switch {
	case s.registry.isBarred(s.stageARN, ""):
		return nil, authority.Refuse(authority.NotFound, authority.StageDeleted, "the stage does not exist or was deleted")
	case s.registry.isBarred(s.stageARN, g.ParticipantID):
		return nil, authority.Refuse(authority.Forbidden, authority.ParticipantDisconnected, "the participant was disconnected from the stage")
	}
	p := s.participants[g.ParticipantID]
	switch {
	case p == nil:
		p = &participant{id: g.ParticipantID, grant: g, subscriptions: map[string]*Connection{}}
		s.participants[p.id] = p
	case p.replica != nil:
		return nil, authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "a replica from another stage has this participant id here")
	case p.arriving >= maxArriving:
		return nil, &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Crowded, Detail: "the participant makes too many connections at once", RetryAfter: time.Second}
	case g.IssuedAt.After(p.grant.IssuedAt):
		s.regrant(p, g)
	}
	p.arriving++
	return p, nil
}

// depart ends an arrival that came to nothing.
func (s *Session) depart(p *participant) {
	p.arriving--
	s.settle(p, 0)
}

// join makes a participant present: the first of its connections is there.
func (s *Session) join(p *participant, from Client) error {
	if p.grace != nil {
		p.grace.Stop()
	}
	if s.participants[p.id] != p {
		return authority.Refuse(authority.Forbidden, authority.ParticipantDisconnected, "the participant was disconnected from the stage")
	}
	p.client = Client{}.over(from).over(p.client)
	if p.joined {
		return nil
	}
	if p.grant.Hidden {
		p.joined = true
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	s.enter(p)
	return nil
}

// enter records a participant, or a replica, as present.
func (s *Session) enter(p *participant) {
	if s.idle != nil {
		s.idle.Stop()
	}
	p.joined = true
	s.joined++
	s.order++
	p.order = s.order
	now, row := moment(), s.row(p)
	s.note(func(tx *store.Tx) error {
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
	s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventJoined, EventTime: now, Replica: p.replica != nil})
	s.emit(event.ParticipantJoined(p.subject(s), now, p.grant.Attributes))
	if !s.audience.large {
		s.notifyAll(wire.ParticipantJoined{Participant: p.describe()})
		s.stateChanged(p)
	}
}

// row is the participant as the store keeps it at its join.
func (s *Session) row(p *participant) store.Participant {
	row := store.Participant{StageARN: s.stageARN, SessionID: s.id, Node: s.registry.node, Participant: ivsrealtime.Participant{
		ParticipantID: p.id, UserID: p.grant.UserID, Attributes: p.attributes(), State: ivsrealtime.ParticipantConnected,
		RecordingState: ivsrealtime.RecordingDisabled, ReplicationType: ivsrealtime.ReplicationNone,
	}}
	p.client.describe(&row.Participant)
	if r := p.replica; r != nil {
		row.ReplicationType, row.ReplicationState = ivsrealtime.ReplicationReplica, ivsrealtime.ReplicationActive
		row.SourceStageARN, row.SourceSessionID = r.key.source, r.sourceSession
	}
	return row
}

// update changes the participant's row.
func (s *Session) update(p *participant, f func(kept *store.Participant)) {
	if !p.visible() {
		return
	}
	ref := s.ref(p.id)
	s.note(func(tx *store.Tx) error {
		_, err := tx.UpdateParticipant(ref, func(kept *store.Participant) error {
			f(kept)
			return nil
		})
		return err
	})
}

// settle looks, after something of a participant has ended, whether anything is
// left of it. If not it leaves, at once or when grace has passed.
func (s *Session) settle(p *participant, grace time.Duration) {
	if s.participants[p.id] != p || p.holds() {
		return
	}
	if p.joined && grace > 0 {
		if p.grace != nil {
			p.grace.Stop()
		}
		p.grace = s.after(grace, func() { s.settle(p, 0) })
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
	if p.grace != nil {
		p.grace.Stop()
	}
	if p.viewer != nil {
		p.viewer.Close("")
	}
	if !p.visible() {
		return
	}
	now := moment()
	s.update(p, func(kept *store.Participant) {
		kept.State = ivsrealtime.ParticipantDisconnected
		if kept.ReplicationType == ivsrealtime.ReplicationReplica {
			kept.ReplicationState = ivsrealtime.ReplicationStopped
		}
	})
	s.record(p.id, ivsrealtime.Event{Name: ivsrealtime.EventLeft, EventTime: now, Replica: p.replica != nil})
	s.emit(event.ParticipantLeft(p.subject(s), now))
	if !s.audience.large || p.published {
		s.notifyAll(wire.ParticipantLeft{ParticipantID: p.id, UserID: p.grant.UserID})
	}
	if !s.audience.large {
		s.stateChanged(p)
	}
	p.joined = false
	if s.joined--; s.joined == 0 {
		s.idle = s.after(s.registry.cfg.Linger, func() {
			if s.joined == 0 {
				s.end(goingAway)
			}
		})
	}
}

// kick ends all that a participant has, and its presence.
func (s *Session) kick(p *participant, why wire.Closing) {
	reason := string(why.Notice().Reason)
	if a := p.attendance; a != nil {
		s.detach(a)
		s.closeSocket(a, why)
	}
	if p.publication != nil {
		s.hangUp(p.publication, reason)
	}
	for _, c := range p.subscriptions {
		s.hangUp(c, reason)
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
			s.kick(p, why)
		}
	}
	s.ended = true
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.opened {
		now := moment()
		s.note(func(tx *store.Tx) error { return tx.EndSession(s.stageARN, s.id, now) })
		s.emit(event.SessionEnded(s.stageARN, s.id, now))
	}
}

// attend makes an events socket its participant's; an older one is taken over.
func (s *Session) attend(a *Attendance, g authority.Grant) error {
	p, err := s.arrive(s.registry.exchanges.limit(g))
	if err != nil {
		return err
	}
	err = s.join(p, a.how.Client)
	if err == nil && !s.registry.takeAttendance() {
		err = &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server has as many events sockets as it can", RetryAfter: 5 * time.Second}
	}
	if err != nil {
		s.depart(p)
		return err
	}
	p.arriving--
	if old := p.attendance; old != nil {
		s.detach(old)
		s.closeSocket(old, kicked(wire.ReasonTokenReused, "the token was used by another client"))
	}
	a.fresh = true
	p.attendance = a
	s.audience.listeners[a] = p
	s.audience.resize()
	return nil
}

// attendanceEnded is told by the door when a socket has closed.
func (s *Session) attendanceEnded(a *Attendance, grace time.Duration) {
	p := s.audience.listeners[a]
	if p == nil {
		return
	}
	s.detach(a)
	s.settle(p, grace)
}

func (s *Session) detach(a *Attendance) {
	if p := s.audience.listeners[a]; p.attendance == a {
		p.attendance = nil
	}
	delete(s.audience.listeners, a)
	s.audience.resize()
	s.registry.giveAttendance()
}

// maxIntroductions bounds how often a participant's row is rewritten at its client's wish.
const maxIntroductions = 20

// introduced takes what a client says about itself.
func (s *Session) introduced(a *Attendance, c Client) {
	p := s.audience.listeners[a]
	if p == nil || p.introduced >= maxIntroductions {
		return
	}
	p.introduced++
	p.client = p.client.over(c)
	client := p.client
	s.update(p, func(kept *store.Participant) { client.describe(&kept.Participant) })
}

// muted takes which media a client has muted.
func (s *Session) muted(a *Attendance, audio, video *bool) {
	p := s.audience.listeners[a]
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
	s.tellMutes(p)
	s.registry.eachReplica(s, p, func(d *Session, r *replication) { d.replicaMuted(r, p.audioMuted, p.videoStopped) })
}

func (s *Session) tellMutes(p *participant) {
	if c := p.publication; c != nil {
		c.publisher.SetMuted(media.Audio, p.audioMuted)
		c.publisher.SetMuted(media.Video, p.videoStopped)
	}
	if !s.audience.large || p.publishing {
		s.notifyAll(wire.MuteChanged{ParticipantID: p.id, AudioMuted: p.audioMuted, VideoStopped: p.videoStopped})
		s.stateChanged(p)
	}
}
