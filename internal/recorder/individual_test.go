package recorder

import (
	"testing"

	"rostrum/internal/stage"
	"rostrum/ivsrealtime"
)

// A publication without a publisher stands for media that a part of the recorder fails on.
func TestParticipants_AFaultEndsOnlyItsRecording(t *testing.T) {
	r := &individual{registry: &Participants{}, settings: &ivsrealtime.AutoParticipantRecordingConfiguration{
		MediaTypes: []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioVideo},
	}}
	failure := r.record(&stage.Publication{})
	if failure == nil || failure.Code != ivsrealtime.InternalServerError {
		t.Errorf("the recording ended with %+v, want an internal error", failure)
	}
}
