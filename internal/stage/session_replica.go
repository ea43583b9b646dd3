package stage

import (
	"maps"

	"rostrum/internal/authority"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
)

// This file has how a session shows participants of other stages;
// registry_replication.go connects it to their sessions.

// showReplica adds a participant of another stage to this one.
func (s *Session) showReplica(rep *replication, source sourceState) error {
	if s.registry.isDenied(s.stageARN, "") {
		return authority.Refuse(authority.NotFound, authority.StageDeleted, "the stage does not exist or was deleted")
	}
	if s.participants[rep.key.participant] != nil {
		return authority.Refuse(authority.Forbidden, authority.TokenNotAllowed, "a participant %s is on the destination stage already", rep.key.participant)
	}
	p := &participant{id: rep.key.participant, replica: rep, client: source.client, subscriptions: map[string]*Connection{}}
	if err := s.acquirePublishSlot(p); err != nil {
		return err
	}
	if err := s.ensureStored(); err != nil {
		s.releasePublishSlot(p)
		return err
	}
	s.registry.mu.Lock()
	over := rep.ended
	rep.destination, rep.destinationSession = s, s.id
	s.registry.mu.Unlock()
	if over {
		s.releasePublishSlot(p)
		return notPublishing(p.id)
	}
	s.participants[p.id] = p
	p.grant = source.grant
	p.grant.Attributes = mergeAttributes(source.grant.Attributes, rep.attributes)
	s.recordJoin(p)
	s.replicaStarted(rep, source)
	return nil
}

// mergeAttributes is base with the values of top in place of its own.
func mergeAttributes(base, top map[string]string) map[string]string {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, top)
	return merged
}

// replicaStarted shows the source's media.
func (s *Session) replicaStarted(rep *replication, source sourceState) {
	p := s.participants[rep.key.participant]
	if p == nil || p.replica != rep {
		return
	}
	p.source, p.layers = source.publisher, source.layers
	p.audioMuted, p.videoStopped = source.mutes[0], source.mutes[1]
	if !p.publishing {
		s.publishStarted(p)
	}
}

// replicaMoved stores that the source publishes again in another session.
func (s *Session) replicaMoved(rep *replication, row *store.Replication, former string) {
	if p := s.participants[rep.key.participant]; p != nil && p.replica == rep {
		s.updateRow(p, func(p *store.Participant) { p.SourceSessionID = row.SourceSessionID })
		s.addWrite(func(tx *store.Tx) error { return replicationMoved(tx, row, former) })
	}
}

// replicaStopped shows nothing until the source publishes again.
func (s *Session) replicaStopped(rep *replication) {
	p := s.participants[rep.key.participant]
	if p == nil || p.replica != rep || !p.publishing {
		return
	}
	p.source = nil
	s.publishStopped(p)
}

// removeReplica ends a replica's presence.
func (s *Session) removeReplica(p *participant) {
	s.replicaStopped(p.replica)
	s.releasePublishSlot(p)
	s.leave(p)
}

func (s *Session) replicaMuted(rep *replication, audio, video bool) {
	if p := s.participants[rep.key.participant]; p != nil && p.replica == rep {
		p.audioMuted, p.videoStopped = audio, video
		s.notifyMutes(p)
	}
}

func (s *Session) replicaLayers(rep *replication, layers []sfu.LayerInfo) {
	if p := s.participants[rep.key.participant]; p != nil && p.replica == rep {
		s.setLayers(p, layers)
	}
}
