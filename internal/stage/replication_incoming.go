package stage

import (
	"context"
	"sync"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/media"
	"rostrum/internal/relay"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// This file has what the destination's home does for a replication between two nodes;
// replication_outgoing.go has the source's.

// findRelayed returns what another node may relay.
func (r *Registry) findRelayed(from relay.Source) *sfu.Publisher {
	source, err := r.findSource(from.StageARN, from.ParticipantID)
	if err != nil {
		return nil
	}
	return source.publisher
}

// An incomingReplica is what the destination's home knows of a replica whose source is at another
// node.
type incomingReplica struct {
	id, node string
	updating sync.Mutex // held while an update is applied; guards serial and starts
	serial   uint64
	starts   int

	// Guarded by the registry's lock.
	publisher *sfu.Publisher // nil while the source does not publish
	lease     *time.Timer
	told      bool // the other node knows that it ended, or is gone
}

// showReplicaOf shows a participant of another node on a stage whose home is here.
func (r *Registry) showReplicaOf(ctx context.Context, state replicaState) (shownReplica, error) {
	destination, err := arn.Parse(state.DestinationStageARN)
	if err != nil {
		return shownReplica{}, ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "Resource: %s not found", state.DestinationStageARN)
	}
	rep := &replication{
		key: state.key(), window: time.Duration(state.ReconnectWindowSeconds) * time.Second, windowSeconds: state.ReconnectWindowSeconds,
		attributes: state.Attributes, sourceSession: state.SessionID,
		incoming: &incomingReplica{id: state.ID, node: state.Node, serial: state.Serial, starts: state.Starts},
	}
	if err := r.addIncoming(rep); err != nil {
		return shownReplica{}, err
	}
	grant := authority.Grant{
		Claims:  token.Claims{StageARN: state.DestinationStageARN, StageID: destination.ID},
		Account: destination.Account, Region: destination.Region,
	}
	err = r.withSession(grant, func(s *Session) error {
		source, _, err := r.relaySource(ctx, s, rep, &state)
		if err != nil {
			return err
		}
		err = s.callAndCommit(func() error { return s.showReplica(rep, source) })
		if err != nil {
			source.publisher.Close("")
		}
		return err
	})
	r.mu.Lock()
	shown := shownReplica{rep.destinationSession}
	r.mu.Unlock()
	if err != nil {
		r.endToldReplication(rep)
	}
	return shown, operationError(err)
}

// addIncoming registers a replication of another node, in place of one that it has forgotten.
func (r *Registry) addIncoming(rep *replication) error {
	r.mu.Lock()
	old := r.replications[rep.key]
	r.mu.Unlock()
	if old != nil && old.incoming != nil {
		r.endToldReplication(old)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.replications[rep.key] != nil {
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "participant %s is replicated to that stage already", rep.key.participant)
	}
	r.replications[rep.key] = rep
	rep.incoming.lease = time.AfterFunc(replicaLease, func() {
		r.cfg.Log.Warn("the node of a replica's source is gone", "participant", rep.key.participant, "source", rep.key.source, "node", rep.incoming.node)
		r.endToldReplication(rep)
	})
	return nil
}

// relaySource has the media of another node's participant in a session here. It returns the
// publisher from before, too, which closes once the replica has the new one.
func (r *Registry) relaySource(ctx context.Context, s *Session, rep *replication, state *replicaState) (source sourceState, former *sfu.Publisher, err error) {
	p, err := r.cfg.Relay.Publish(ctx, state.Node, relay.Source{StageARN: state.SourceStageARN, ParticipantID: state.ParticipantID}, s.router, sfu.PublishConfig{
		Participant: state.ParticipantID, Notify: func(e sfu.Event) { s.post(func() { s.relayedEvent(rep, e) }) },
	})
	if err != nil {
		return source, nil, err
	}
	r.mu.Lock()
	former, over := rep.incoming.publisher, rep.ended
	if !over {
		rep.incoming.publisher = p
	}
	r.mu.Unlock()
	if over {
		p.Close("")
		return source, nil, notPublishing(state.ParticipantID)
	}
	muteRelayed(p, state)
	return sourceState{state.SessionID, state.Grant, state.Client, p, [2]bool{state.AudioMuted, state.VideoStopped}, nil}, former, nil
}

func muteRelayed(p *sfu.Publisher, state *replicaState) {
	p.SetMuted(media.Audio, state.AudioMuted)
	p.SetMuted(media.Video, state.VideoStopped)
}

// relayedEvent handles an event of the media engine about a replica's media.
func (s *Session) relayedEvent(rep *replication, e sfu.Event) {
	switch e := e.(type) {
	case sfu.LayersChanged:
		s.replicaLayers(rep, e.Layers)
	case sfu.Closed:
		p := s.participants[rep.key.participant]
		if p == nil || p.replica != rep || p.source == nil {
			return
		}
		select {
		case <-p.source.Done(): // it is not that of a publication from before
			s.replicaStopped(rep)
		default:
		}
	}
}

// updateReplica applies what the source's home says about a replica here. A ResourceNotFound says
// that there is none.
func (r *Registry) updateReplica(ctx context.Context, state replicaState) error {
	r.mu.Lock()
	rep := r.replications[state.key()]
	if rep == nil || rep.incoming == nil || rep.incoming.id != state.ID || rep.destination == nil {
		r.mu.Unlock()
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s is not replicated here", state.ParticipantID)
	}
	s := rep.destination
	rep.incoming.lease.Reset(replicaLease)
	r.mu.Unlock()
	if state.Ended {
		r.endToldReplication(rep)
		return nil
	}
	return r.applyUpdate(ctx, s, rep, &state)
}

// applyUpdate applies the state of a replica that has not ended, unless it had a later one.
func (r *Registry) applyUpdate(ctx context.Context, s *Session, rep *replication, state *replicaState) error {
	in := rep.incoming
	in.updating.Lock()
	defer in.updating.Unlock()
	if state.Serial < in.serial { // a later one was faster
		return nil
	}
	changed := state.Serial > in.serial
	in.serial = state.Serial
	r.mu.Lock()
	p := in.publisher
	r.mu.Unlock()
	if !state.Publishing {
		if p != nil {
			s.post(func() { s.replicaStopped(rep) })
			r.mu.Lock()
			in.publisher = nil
			r.mu.Unlock()
			p.Close("")
		}
		return nil
	}
	if p == nil || in.starts != state.Starts || isDone(p) {
		source, former, err := r.relaySource(ctx, s, rep, state)
		if err != nil {
			return err
		}
		in.starts = state.Starts
		s.post(func() {
			s.relayedStarted(rep, source)
			if former != nil {
				former.Close("")
			}
		})
		return nil
	}
	if changed {
		muteRelayed(p, state)
		s.post(func() { s.replicaMuted(rep, state.AudioMuted, state.VideoStopped) })
	}
	return nil
}

func isDone(p *sfu.Publisher) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// relayedStarted shows the media of a source that publishes again.
func (s *Session) relayedStarted(rep *replication, source sourceState) {
	s.registry.mu.Lock()
	former := rep.sourceSession
	rep.sourceSession = source.sessionID
	s.registry.mu.Unlock()
	if p := s.participants[rep.key.participant]; former != source.sessionID && p != nil && p.replica == rep {
		s.updateRow(p, func(row *store.Participant) { row.SourceSessionID = source.sessionID })
	}
	s.replicaStarted(rep, source)
}

// endToldReplication ends a replication of another node, which knows of the end or is gone.
func (r *Registry) endToldReplication(rep *replication) {
	r.mu.Lock()
	rep.incoming.told = true
	r.mu.Unlock()
	r.endReplication(rep)
}

// endIncoming ends the relay of a replication that has ended, and tells the source's home.
func (r *Registry) endIncoming(rep *replication) {
	r.mu.Lock()
	in := rep.incoming
	p, told := in.publisher, in.told
	in.lease.Stop()
	r.mu.Unlock()
	if p != nil {
		p.Close("")
	}
	if told {
		return
	}
	r.wg.Go(func() {
		ended := replicaState{ID: in.id, Replication: Replication{SourceStageARN: rep.key.source, DestinationStageARN: rep.key.destination, ParticipantID: rep.key.participant}}
		ctx, cancel := context.WithTimeout(context.Background(), replicaTimeout)
		defer cancel()
		if err := r.cfg.Bus.Request(ctx, in.node, subjectReplicaEnded, ended, nil); err != nil {
			r.cfg.Log.Warn("tell another node that a replica ended", "participant", rep.key.participant, "node", in.node, "error", err)
		}
	})
}
