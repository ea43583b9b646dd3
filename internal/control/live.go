package control

import (
	"context"

	"rostrum/internal/stage"
)

// Live is what operations ask of live stages. Behind it stands the registry of
// this process; with several nodes, the node that has the stage.
type Live interface {
	// Disconnect ends the participant's connections on a stage, with a reason
	// its client is shown. A participant that isn't there is no error: its token
	// has been revoked already, and that is what counts.
	Disconnect(ctx context.Context, stageARN, participantID, reason string) error

	// StageDeleted ends the stage's session and disconnects everyone, after the
	// stage is gone from the store.
	StageDeleted(ctx context.Context, stageARN string) error

	// Replicate shows a publishing participant of one stage on another. The
	// errors are the operation's own: ResourceNotFound when the participant does
	// not publish there, Conflict when it is replicated there already.
	Replicate(ctx context.Context, r Replication) error

	// StopReplication takes the replica away again; ResourceNotFound when there is none.
	StopReplication(ctx context.Context, sourceStageARN, destinationStageARN, participantID string) error
}

// A Replication asks for a participant of one stage to be shown on another.
type Replication = stage.Replication
