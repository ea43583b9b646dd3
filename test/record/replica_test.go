package record

import (
	"path/filepath"
	"testing"

	"rostrum/ivsrealtime"
)

// The stage on which the participant is a replica decides.
func TestRecording_OfReplicasIsUpToTheirStage(t *testing.T) {
	t.Parallel()
	c := configuration()
	s := open(t, c)
	silent := configuration()
	storage, err := s.client.ListStorageConfigurations(t.Context(), &ivsrealtime.ListStorageConfigurationsInput{})
	if err != nil || len(storage.StorageConfigurations) != 1 {
		t.Fatalf("there are %+v, %v", storage, err)
	}
	silent.StorageConfigurationARN, silent.RecordParticipantReplicas = &storage.StorageConfigurations[0].ARN, new(false)
	stageOf := func(in *ivsrealtime.CreateStageInput) string {
		made, err := s.client.CreateStage(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return made.Stage.ARN
	}
	recorded, without, source := s.stage, stageOf(&ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &silent}), stageOf(&ivsrealtime.CreateStageInput{})
	s.stage = source
	token, id := s.token()
	stop := s.publish(token)
	for _, to := range []string{without, recorded} {
		s.eventually("it is replicated", func() bool {
			_, err := s.client.StartParticipantReplication(t.Context(), &ivsrealtime.StartParticipantReplicationInput{SourceStageARN: source, DestinationStageARN: to, ParticipantID: id})
			return err == nil
		})
	}
	s.stage = recorded
	p := s.await(id, ivsrealtime.RecordingActive)
	if p.ReplicationType != ivsrealtime.ReplicationReplica || p.SourceStageARN != source {
		t.Errorf("the participant that is recorded is %+v", p)
	}
	s.awaitFile(p, "media/hls/high/1.mp4")
	for _, other := range []string{source, without} {
		s.stage = other
		if o := s.await(id, ivsrealtime.RecordingDisabled); o.RecordingS3Prefix != "" {
			t.Errorf("a stage without recordings of it has %s", o.RecordingS3Prefix)
		}
	}
	stop()
	s.stage = recorded
	s.expectComplete(s.await(id, ivsrealtime.RecordingStopped))
	prefixes, err := filepath.Glob(filepath.Join(s.data, "buckets", p.RecordingS3BucketName, "*"))
	if err != nil || len(prefixes) != 1 {
		t.Errorf("there are recordings of the stages %v, %v", prefixes, err)
	}
}
