package main

import (
	"context"

	"rostrum/internal/control"
	"rostrum/ivsrealtime"
)

// nobody is the live stages of a server whose media engine is not there: no
// participant is on any of them.
type nobody struct{}

func (nobody) Disconnect(context.Context, string, string, string) error { return nil }

func (nobody) StageDeleted(context.Context, string) error { return nil }

func (nobody) Replicate(_ context.Context, r control.Replication) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s does not publish on %s", r.ParticipantID, r.SourceStageARN)
}

func (nobody) StopReplication(_ context.Context, _, _, participantID string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s is not replicated there", participantID)
}
