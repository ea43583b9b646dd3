package stage

import (
	"context"
	"errors"

	"rostrum/internal/bus"
	"rostrum/internal/node"
	"rostrum/ivsrealtime"
)

// Subjects of what the home of a stage does for other nodes.
const (
	subjectDisconnect      = "stage.disconnect"
	subjectDeleted         = "stage.deleted"
	subjectTakeOver        = "stage.take-over"
	subjectReplicate       = "stage.replicate"
	subjectStopReplication = "stage.stop-replication"
	subjectShowReplica     = "stage.show-replica"
	subjectUpdateReplica   = "stage.update-replica"
	subjectReplicaEnded    = "stage.replica-ended"
)

// A disconnection names a participant, for its disconnection.
type disconnection struct{ StageARN, ParticipantID, Reason string }

// serveBus answers other nodes. What they ask for is done here, and not passed on again.
func (r *Registry) serveBus(b *bus.Bus) {
	b.Handle(subjectDisconnect, bus.Answer(func(_ context.Context, d disconnection) (any, error) {
		return nil, r.disconnectHere(d)
	}))
	b.Handle(subjectDeleted, bus.Answer(func(ctx context.Context, stageARN string) (any, error) {
		return nil, r.stageDeletedHere(ctx, stageARN)
	}))
	b.Handle(subjectTakeOver, bus.Answer(func(_ context.Context, stageARN string) (any, error) {
		return nil, r.takeOverHere(stageARN)
	}))
	b.Handle(subjectReplicate, bus.Answer(func(_ context.Context, want Replication) (any, error) {
		return nil, r.replicateHere(want)
	}))
	b.Handle(subjectShowReplica, bus.Answer(func(ctx context.Context, state replicaState) (any, error) {
		return r.showReplicaOf(ctx, state)
	}))
	b.Handle(subjectUpdateReplica, bus.Answer(func(ctx context.Context, state replicaState) (any, error) {
		return nil, r.updateReplica(ctx, state)
	}))
	b.Handle(subjectReplicaEnded, bus.Answer(func(_ context.Context, state replicaState) (any, error) {
		r.outgoingEnded(state)
		return nil, nil
	}))
	b.Handle(subjectStopReplication, bus.Answer(func(_ context.Context, k Replication) (any, error) {
		return nil, r.stopReplicationHere(replicationKey{k.SourceStageARN, k.ParticipantID, k.DestinationStageARN})
	}))
}

// atHome has the home of a stage do something, if that is another node.
func (r *Registry) atHome(ctx context.Context, stageARN, subject string, in any) (elsewhere bool, err error) {
	if r.findSession(stageARN) != nil || r.cfg.Bus == nil {
		return false, nil
	}
	err = r.node.FindHome(ctx, stageARN)
	if away, ok := errors.AsType[*node.Elsewhere](err); ok {
		return true, r.cfg.Bus.Request(ctx, away.Node.ID, subject, in, nil)
	}
	return false, err
}

// Disconnect ends a participant's connections on a stage, wherever that is live, and sends the
// reason to its client. Its tokens must have been revoked in the store before. Its replicas end,
// and so does a replica that is disconnected. It is no error when the participant isn't there.
func (r *Registry) Disconnect(ctx context.Context, stageARN, participantID, reason string) error {
	d := disconnection{stageARN, participantID, reason}
	if err := r.disconnectHere(d); err != nil {
		return err
	}
	_, err := r.atHome(ctx, stageARN, subjectDisconnect, d)
	return err
}

// StageDeleted ends a stage's session, wherever it is, and disconnects everybody, after the stage
// was deleted from the store.
func (r *Registry) StageDeleted(ctx context.Context, stageARN string) error {
	if err := r.stageDeletedHere(ctx, stageARN); err != nil {
		return err
	}
	_, err := r.atHome(ctx, stageARN, subjectDeleted, stageARN)
	return err
}

// Replicate shows a publishing participant of one stage on another. The errors
// are those of the operation StartParticipantReplication.
func (r *Registry) Replicate(ctx context.Context, want Replication) error {
	if elsewhere, err := r.atHome(ctx, want.SourceStageARN, subjectReplicate, want); elsewhere || err != nil {
		return err
	}
	return r.replicateHere(want)
}

// StopReplication ends a replication for good, wherever it is.
func (r *Registry) StopReplication(ctx context.Context, sourceStageARN, destinationStageARN, participantID string) error {
	k := replicationKey{sourceStageARN, participantID, destinationStageARN}
	err := r.stopReplicationHere(k)
	if !errors.Is(err, ivsrealtime.ResourceNotFound) {
		return err
	}
	named := Replication{SourceStageARN: k.source, DestinationStageARN: k.destination, ParticipantID: k.participant}
	if elsewhere, asked := r.atHome(ctx, sourceStageARN, subjectStopReplication, named); elsewhere || asked != nil {
		return asked
	}
	return err
}
