package control

import (
	"errors"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

func TestUpdateStage_KeepsTheRecordingConfigurationWhileAParticipantIsRecorded(t *testing.T) {
	for state, refused := range map[ivsrealtime.RecordingState]bool{
		ivsrealtime.RecordingDisabled: false,
		ivsrealtime.RecordingStarting: true,
		ivsrealtime.RecordingActive:   true,
		ivsrealtime.RecordingStopping: true,
		ivsrealtime.RecordingStopped:  false,
		ivsrealtime.RecordingFailed:   false,
	} {
		t.Run(string(state), func(t *testing.T) {
			p := newTestPlane(t, Limits{}, false)
			made, err := p.CreateStage(t.Context(), someone, &ivsrealtime.CreateStageInput{})
			if err != nil {
				t.Fatal(err)
			}
			stage, session, now := made.Stage.ARN, arn.NewSessionID(), time.Now()
			err = p.store.Write(t.Context(), func(tx *store.Tx) error {
				if err := tx.OpenSession(store.Session{StageARN: stage, ID: session, Node: "n1", Start: now}); err != nil {
					return err
				}
				return tx.CreateParticipant(&store.Participant{StageARN: stage, SessionID: session, Node: "n1", Participant: ivsrealtime.Participant{
					ParticipantID: arn.NewID(), State: ivsrealtime.ParticipantConnected, FirstJoinTime: now, RecordingState: state,
				}})
			})
			if err != nil {
				t.Fatal(err)
			}
			off := &ivsrealtime.AutoParticipantRecordingConfiguration{StorageConfigurationARN: new("")}
			_, err = p.UpdateStage(t.Context(), someone, &ivsrealtime.UpdateStageInput{ARN: stage, Name: new("refused"), AutoParticipantRecordingConfiguration: off})
			if refused != errors.Is(err, ivsrealtime.Conflict) || !refused && err != nil {
				t.Errorf("the recording configuration: saw %v, expected a ConflictException: %t", err, refused)
			}
			out, err := p.UpdateStage(t.Context(), someone, &ivsrealtime.UpdateStageInput{ARN: stage})
			if err != nil {
				t.Fatal(err)
			}
			if kept := out.Stage.Name == ""; kept != refused {
				t.Errorf("the stage's name is %q", out.Stage.Name)
			}
			if _, err := p.UpdateStage(t.Context(), someone, &ivsrealtime.UpdateStageInput{ARN: stage, Name: new("panel")}); err != nil {
				t.Errorf("the name: %v", err)
			}
		})
	}
}
