package control

import (
	"context"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// StartParticipantReplication replicates a publisher of one stage to another.
func (p *Plane) StartParticipantReplication(ctx context.Context, _ Caller, in *ivsrealtime.StartParticipantReplicationInput) (*ivsrealtime.StartParticipantReplicationOutput, error) {
	if in.SourceStageARN == in.DestinationStageARN {
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "destinationStageArn must not be the source stage")
	}
	err := p.store.Read(ctx, func(tx *store.Tx) error {
		for _, stageARN := range []string{in.SourceStageARN, in.DestinationStageARN} {
			if _, err := tx.Stages().Get(stageARN); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ivsrealtime.StartParticipantReplicationOutput{}, p.live.Replicate(ctx, Replication{
		SourceStageARN: in.SourceStageARN, DestinationStageARN: in.DestinationStageARN, ParticipantID: in.ParticipantID,
		ReconnectWindowSeconds: *or(in.ReconnectWindowSeconds, 0), Attributes: in.Attributes, Max: p.limits.ReplicationsPerParticipant,
	})
}

// StopParticipantReplication ends a replication.
func (p *Plane) StopParticipantReplication(ctx context.Context, _ Caller, in *ivsrealtime.StopParticipantReplicationInput) (*ivsrealtime.StopParticipantReplicationOutput, error) {
	return &ivsrealtime.StopParticipantReplicationOutput{}, p.live.StopReplication(ctx, in.SourceStageARN, in.DestinationStageARN, in.ParticipantID)
}

// ListParticipantReplicas lists the current and last replicas of a participant.
func (p *Plane) ListParticipantReplicas(ctx context.Context, c Caller, in *ivsrealtime.ListParticipantReplicasInput) (*ivsrealtime.ListParticipantReplicasOutput, error) {
	q := listQuery{query: query{c, "ListParticipantReplicas", []string{in.SourceStageARN, in.ParticipantID}}, of: in.SourceStageARN, token: in.NextToken, maxResults: in.MaxResults, page: 50}
	all, next, err := list(ctx, p, q, func(tx *store.Tx, page store.Page) ([]store.Replication, int64, error) {
		return tx.Replications(in.SourceStageARN, in.ParticipantID, page)
	})
	return &ivsrealtime.ListParticipantReplicasOutput{NextToken: next, Replicas: each(all, func(r *store.Replication) ivsrealtime.ParticipantReplica {
		return r.ParticipantReplica
	})}, err
}
