package stage

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/bus"
	"rostrum/ivsrealtime"
)

// This file has replications between stages whose homes are two nodes. The source's home has the
// replication, and its row. It tells the destination's home the state of the replica whenever that
// changes, and every replicaRefresh; the destination's home has the replica, whose media are relayed.
// Each ends its part when the other is silent for replicaLease.

const (
	replicaRefresh = 2 * time.Second
	replicaLease   = 10 * time.Second
	replicaTimeout = 5 * time.Second // of one request
)

// A replicaState is what a home tells another of a replica.
type replicaState struct {
	Replication
	ID        string // of this replication: another may follow
	Node      string // the source's home
	Serial    uint64 // grows with each change
	SessionID string // of the source
	Grant     authority.Grant
	Client    Client

	Publishing               bool
	Starts                   int // of publications so far
	AudioMuted, VideoStopped bool
	Ended                    bool
}

// start has the state of a source that publishes.
func (s *replicaState) start(source sourceState) {
	s.SessionID, s.Grant, s.Client, s.AudioMuted, s.VideoStopped = source.sessionID, source.grant, source.client, source.mutes[0], source.mutes[1]
	s.Publishing = true
	s.Starts++
}

func (s *replicaState) key() replicationKey {
	return replicationKey{s.SourceStageARN, s.ParticipantID, s.DestinationStageARN}
}

// A shownReplica answers who asks for a replica.
type shownReplica struct{ SessionID string }

// An outgoingReplica is what the source's home knows of a replica at another node. A nil one
// takes no changes.
type outgoingReplica struct {
	node    string
	state   replicaState  // guarded by the registry's lock
	changed chan struct{} // gets a value with each change
}

// change changes the state, with the registry's lock.
func (o *outgoingReplica) change(f func(s *replicaState)) {
	if o == nil {
		return
	}
	f(&o.state)
	o.state.Serial++
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (r *Registry) changeOutgoing(rep *replication, f func(s *replicaState)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rep.outgoing.change(f)
}

// sourceMuted tells where a participant is shown what it mutes.
func (r *Registry) sourceMuted(s *Session, p *participant) {
	audio, video := p.audioMuted, p.videoStopped
	r.forEachReplica(s, p, func(d *Session, rep *replication) { d.replicaMuted(rep, audio, video) })
	for _, rep := range r.replicationsOf(s, p) {
		r.changeOutgoing(rep, func(state *replicaState) { state.AudioMuted, state.VideoStopped = audio, video })
	}
}

// replicateTo has another node, the destination's home, show a participant of this one.
func (r *Registry) replicateTo(node string, rep *replication, source sourceState) error {
	o := &outgoingReplica{node: node, changed: make(chan struct{}, 1), state: replicaState{
		Replication: Replication{
			SourceStageARN: rep.key.source, DestinationStageARN: rep.key.destination, ParticipantID: rep.key.participant,
			ReconnectWindowSeconds: rep.windowSeconds, Attributes: rep.attributes,
		},
		ID: arn.NewID(), Node: r.nodeID,
	}}
	o.state.start(source)
	r.mu.Lock()
	rep.outgoing = o
	state := o.state
	r.mu.Unlock()
	var shown shownReplica
	if err := r.cfg.Bus.Request(context.Background(), node, subjectShowReplica, state, &shown); err != nil {
		return err
	}
	r.mu.Lock()
	rep.destinationSession = shown.SessionID
	r.mu.Unlock()
	r.wg.Go(func() { r.runOutgoing(rep) })
	return nil
}

// runOutgoing tells the destination's home the state of a replica until it has ended.
func (r *Registry) runOutgoing(rep *replication) {
	o, reached, failures := rep.outgoing, time.Now(), 0
	refresh := time.NewTicker(replicaRefresh)
	defer refresh.Stop()
	for {
		select {
		case <-o.changed:
		case <-refresh.C:
		}
		r.mu.Lock()
		state := o.state
		r.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), replicaTimeout)
		err := r.cfg.Bus.Request(ctx, o.node, subjectUpdateReplica, state, nil)
		cancel()
		failures++
		switch {
		case err == nil && state.Ended, errors.Is(err, ivsrealtime.ResourceNotFound): // it has ended there
			r.endReplication(rep)
			return
		case err == nil:
			reached, failures = time.Now(), 0
		case state.Ended && failures > 1: // it ends there when the lease does
			return
		case errors.Is(err, bus.ErrUnreachable) && time.Since(reached) > replicaLease:
			r.cfg.Log.Warn("the node of a replica is gone", "participant", rep.key.participant, "destination", rep.key.destination, "node", o.node, "error", err)
			r.endReplication(rep)
			return
		case failures == 1:
			r.cfg.Log.Warn("another node can't update a replica, which is tried again", "participant", rep.key.participant, "destination", rep.key.destination, "node", o.node, "error", err)
		}
	}
}

// outgoingEnded ends the replication of a replica that ended at another node.
func (r *Registry) outgoingEnded(state replicaState) {
	r.mu.Lock()
	rep := r.replications[state.key()]
	known := rep != nil && rep.outgoing != nil && rep.outgoing.state.ID == state.ID
	r.mu.Unlock()
	if known {
		r.endReplication(rep)
	}
}
