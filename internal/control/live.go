package control

import (
	"context"

	"rostrum/internal/stage"
)

// Live is what operations need of live stages.
type Live interface {
	// Disconnect ends the participant's connections on a stage, with a reason
	// for its client. It is no error if the participant is not connected: its
	// token is revoked.
	Disconnect(ctx context.Context, stageARN, participantID, reason string) error

	// StageDeleted ends the session of a stage that was deleted from the store
	// and disconnects all participants.
	StageDeleted(ctx context.Context, stageARN string) error

	// Replicate replicates a publisher of one stage to another. The errors are
	// ResourceNotFound if the participant does not publish, Conflict if it is
	// replicated there already.
	Replicate(ctx context.Context, r Replication) error

	// StopReplication ends a replication; ResourceNotFound if there is none.
	StopReplication(ctx context.Context, sourceStageARN, destinationStageARN, participantID string) error
}

// A Replication is a request to replicate a participant to another stage.
type Replication = stage.Replication
