package stage

import (
	"context"
	"errors"
	"slices"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/node"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// replicateHere replicates between two stages whose home is this node.
func (r *Registry) replicateHere(want Replication) error {
	destination, err := arn.Parse(want.DestinationStageARN)
	if err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "Resource: %s not found", want.DestinationStageARN)
	}
	source, err := r.findSource(want.SourceStageARN, want.ParticipantID)
	if err != nil {
		return err
	}
	rep := &replication{
		key:    replicationKey{want.SourceStageARN, want.ParticipantID, want.DestinationStageARN},
		window: time.Duration(want.ReconnectWindowSeconds) * time.Second, windowSeconds: want.ReconnectWindowSeconds,
		attributes: want.Attributes, sourceSession: source.sessionID,
	}
	if err := r.reserve(rep, want.Max); err != nil {
		return err
	}
	destinationGrant := authority.Grant{
		Claims:  token.Claims{StageARN: want.DestinationStageARN, StageID: destination.ID},
		Account: destination.Account, Region: destination.Region,
	}
	err = r.withSession(destinationGrant, func(s *Session) error { return s.callAndCommit(func() error { return s.showReplica(rep, source) }) })
	if away, ok := errors.AsType[*node.Elsewhere](err); ok {
		err = r.replicateTo(away.Node.ID, rep, source)
	}
	if err == nil {
		err = r.confirm(rep, source.publisher)
	}
	if err != nil {
		r.endReplication(rep)
	}
	return operationError(err)
}

// findSource finds a publishing participant to replicate.
func (r *Registry) findSource(stageARN, participantID string) (source sourceState, err error) {
	err = errSessionEnded
	if s := r.findSession(stageARN); s != nil {
		err = s.call(func() error {
			p := s.participants[participantID]
			if p == nil || !p.publishing || p.replica != nil || p.physical {
				return errSessionEnded
			}
			source = p.sourceState(s)
			return nil
		})
	}
	if errors.Is(err, errSessionEnded) {
		err = notPublishing(participantID)
	}
	return source, err
}

// reserve registers a replication, within the limit. No two can have the same
// key.
func (r *Registry) reserve(rep *replication, limit int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replications[rep.key] != nil {
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "participant %s is replicated to that stage already", rep.key.participant)
	}
	n := 0
	for k, other := range r.replications {
		if k.source == rep.key.source && k.participant == rep.key.participant && other.incoming == nil {
			n++
		}
	}
	if exceeds(n, 1, limit) {
		return ivsrealtime.Errorf(ivsrealtime.ServiceQuotaExceeded, "the quota of %d replications of a participant at once is reached", limit)
	}
	r.replications[rep.key] = rep
	return nil
}

// confirm records the replication on the source, if that still publishes.
func (r *Registry) confirm(rep *replication, publisher *sfu.Publisher) error {
	s := r.findSession(rep.key.source)
	if s == nil {
		return notPublishing(rep.key.participant)
	}
	err := s.callAndCommit(func() error {
		p := s.participants[rep.key.participant]
		if p == nil || !p.publishing || p.publisher() != publisher {
			return notPublishing(rep.key.participant)
		}
		r.mu.Lock()
		rep.confirmed = true
		now, row := timestamp(), rep.row(r.nodeID, ivsrealtime.ReplicationActive)
		r.mu.Unlock()
		s.addWrite(func(tx *store.Tx) error { return tx.SaveReplication(&row) })
		s.updateRow(p, func(row *store.Participant) {
			row.ReplicationType, row.ReplicationState = ivsrealtime.ReplicationSource, ivsrealtime.ReplicationActive
		})
		s.record(p, replicationEvent(ivsrealtime.EventReplicationStarted, &row, now),
			event.ParticipantReplicationStarted(p.eventSubject(s), now, row.DestinationStageARN, row.DestinationSessionID))
		return nil
	})
	if errors.Is(err, errSessionEnded) {
		err = notPublishing(rep.key.participant)
	}
	return err
}

// stopReplicationHere ends a replication of this node for good.
func (r *Registry) stopReplicationHere(k replicationKey) error {
	r.mu.Lock()
	rep := r.replications[k]
	r.mu.Unlock()
	if rep == nil || rep.incoming != nil { // the source's home ends it
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s is not replicated to %s", k.participant, k.destination)
	}
	if s := r.endReplication(rep); s != nil {
		err := s.callAndCommit(func() error { return nil }) // commits what ending it added
		if err != nil && !errors.Is(err, errSessionEnded) {
			return err
		}
	}
	return nil
}

// endReplication ends a replication once, from any goroutine, and returns the
// source's session if that runs.
func (r *Registry) endReplication(rep *replication) *Session {
	r.mu.Lock()
	if rep.ended {
		r.mu.Unlock()
		return nil
	}
	rep.ended = true
	delete(r.replications, rep.key)
	if rep.timer != nil {
		rep.timer.Stop()
	}
	rep.outgoing.change(func(s *replicaState) { s.Ended = true })
	settled, destination, source := rep.confirmed, rep.destination, r.sessions[rep.key.source]
	row := rep.row(r.nodeID, ivsrealtime.ReplicationStopped)
	last := !r.isReplicated(rep.key.source, rep.key.participant)
	r.mu.Unlock()
	if destination != nil {
		destination.post(func() {
			if p := destination.participants[rep.key.participant]; p != nil && p.replica == rep {
				destination.removeReplica(p)
			}
		})
	}
	if rep.incoming != nil {
		r.endIncoming(rep)
	}
	if !settled {
		return nil
	}
	now := timestamp()
	end := func(tx *store.Tx) error {
		if err := tx.RequireAlive(r.nodeID); err != nil {
			return err
		}
		if runs, err := runsHere(tx, &row); err != nil || !runs {
			return err // a new home of the source ended it, and may have begun another
		}
		return replicationEnded(tx, &row, now, last)
	}
	if source != nil && source.inbox.put(func() { source.addWrite(end) }) {
		return source
	}
	r.wg.Go(func() {
		if err := r.store.Write(context.Background(), end); err != nil {
			r.cfg.Log.Error("store the end of a replication", "participant", rep.key.participant, "destination", rep.key.destination, "error", err)
		}
	})
	return nil
}

// isReplicated reports whether a participant is replicated to any stage. r.mu is held.
func (r *Registry) isReplicated(source, participant string) bool {
	for k := range r.replications {
		if k.source == source && k.participant == participant {
			return true
		}
	}
	return false
}

// runsHere reports whether a replication is stored as one that runs on its node.
func runsHere(tx *store.Tx, rep *store.Replication) (bool, error) {
	stored, err := tx.Replication(rep.SourceStageARN, rep.ParticipantID, rep.DestinationStageARN)
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return false, nil
	}
	return err == nil && stored.ReplicationState == ivsrealtime.ReplicationActive && stored.Node == rep.Node, err
}

// endReplications ends all that match.
func (r *Registry) endReplications(match func(replicationKey) bool) {
	for _, rep := range r.findReplications(match) {
		r.endReplication(rep)
	}
}

func (r *Registry) findReplications(match func(replicationKey) bool) (found []*replication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, rep := range r.replications {
		if match(k) {
			found = append(found, rep)
		}
	}
	return found
}

// forEachReplica runs f in the sessions where a participant of s is shown.
func (r *Registry) forEachReplica(s *Session, p *participant, f func(d *Session, rep *replication)) {
	for _, rep := range r.replicationsOf(s, p) {
		r.mu.Lock()
		d := rep.destination
		r.mu.Unlock()
		if d != nil {
			d.post(func() { f(d, rep) })
		}
	}
}

// replicationsOf returns those of a participant whose home is here.
func (r *Registry) replicationsOf(s *Session, p *participant) []*replication {
	all := r.findReplications(func(k replicationKey) bool { return k.source == s.stageARN && k.participant == p.id })
	return slices.DeleteFunc(all, func(rep *replication) bool { return rep.incoming != nil })
}

// sourceStarted shows a participant that publishes again where it was shown.
func (r *Registry) sourceStarted(s *Session, p *participant) {
	source := p.sourceState(s)
	r.forEachReplica(s, p, func(d *Session, rep *replication) {
		row, former, over := r.resume(rep, source.sessionID)
		if over {
			return
		}
		if former != source.sessionID {
			d.replicaMoved(rep, &row, former)
		}
		d.replicaStarted(rep, source)
	})
	for _, rep := range r.replicationsOf(s, p) {
		if rep.outgoing == nil {
			continue
		}
		row, former, over := r.resume(rep, source.sessionID)
		if !over && former != source.sessionID {
			s.addWrite(func(tx *store.Tx) error { return replicationMoved(tx, &row, former) })
		}
		r.changeOutgoing(rep, func(state *replicaState) { state.start(source) })
	}
}

// resume ends the reconnect window of a replication whose source publishes, in a session. It
// returns the replication's row, and the session from before.
func (r *Registry) resume(rep *replication, session string) (row store.Replication, former string, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	over, former = rep.ended, rep.sourceSession
	if !over {
		rep.sourceSession = session
		if rep.timer != nil {
			rep.timer.Stop()
			rep.timer = nil
		}
	}
	return rep.row(r.nodeID, ivsrealtime.ReplicationActive), former, over
}

// sourceStopped ends a participant's replications, or starts their reconnect
// windows.
func (r *Registry) sourceStopped(s *Session, p *participant) {
	for _, rep := range r.replicationsOf(s, p) {
		if rep.window == 0 {
			r.endReplication(rep)
			continue
		}
		r.changeOutgoing(rep, func(state *replicaState) { state.Publishing = false })
		r.mu.Lock()
		if !rep.ended {
			rep.timer = time.AfterFunc(rep.window, func() { r.endReplication(rep) })
		}
		r.mu.Unlock()
	}
	r.forEachReplica(s, p, func(d *Session, rep *replication) { d.replicaStopped(rep) })
}
