package netem

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rostrum/internal/bucket"
	"rostrum/internal/recording"
	"rostrum/ivsrealtime"
	"rostrum/test/marks"
)

// records makes a stage that records its participants into a bucket.
func (w *testbed) records(name string) {
	w.Helper()
	storage, err := w.client.CreateStorageConfiguration(w.ctx, &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: name}})
	if err != nil {
		w.Fatal(err)
	}
	made, err := w.client.CreateStage(w.ctx, &ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN: &storage.StorageConfiguration.ARN,
		HLSConfiguration:        &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: new(2)},
	}})
	if err != nil {
		w.Fatal(err)
	}
	w.stage = made.Stage.ARN
}

// stored waits until so many participants of the stage's session are recorded.
func (w *testbed) stored(count int) {
	w.Helper()
	for ; ; time.Sleep(200 * time.Millisecond) {
		sessions, err := w.client.ListStageSessions(w.ctx, &ivsrealtime.ListStageSessionsInput{StageARN: w.stage})
		if err != nil {
			w.Fatal(err)
		}
		for _, session := range sessions.StageSessions {
			stopped, err := w.client.ListParticipants(w.ctx, &ivsrealtime.ListParticipantsInput{StageARN: w.stage, SessionID: session.SessionID, FilterByRecordingState: ivsrealtime.RecordingStopped})
			if err != nil {
				w.Fatal(err)
			}
			if len(stopped.Participants) == count {
				return
			}
		}
	}
}

// Of two publishers one has a path that loses packets: its recording has every picture all the
// same, and at the time that the other's has.
func TestNetwork_RecordingsMissNothingAtTwoPercentLoss(t *testing.T) {
	data := t.TempDir()
	w := newEmptyTestbed(t, 4*time.Minute, "--data-dir", data)
	w.records("recordings")
	w.path.set(conditions{loss: 0.02, delay: 10 * time.Millisecond})
	var publishing sync.WaitGroup
	for _, place := range []string{w.server, w.viewer} {
		token := w.token(place)
		publishing.Go(func() {
			if out, err := w.in(place, w.binary, "publish", "--network", "udp", "--token", token, "--size", "640x360", "--duration", "20s").CombinedOutput(); err != nil {
				t.Errorf("publish: %v\n%s", err, out)
			}
		})
	}
	publishing.Wait()
	w.stored(2)
	buckets := filepath.Join(data, "buckets")
	all, err := recording.Find(w.ctx, bucket.OpenFolder(buckets), buckets, "")
	if err != nil || len(all) != 2 {
		t.Fatalf("%d recordings: %v", len(all), err)
	}
	var late []time.Duration
	for i, r := range all {
		report, err := r.Verify(w.ctx)
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("%s: %v, %v", r.Name(), report, err)
		}
		pictures, err := marks.Read(w.ctx, r, filepath.Join(t.TempDir(), "out.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		missing := int(pictures[len(pictures)-1].Frame-pictures[0].Frame) + 1 - len(pictures)
		late = append(late, marks.Lateness(pictures))
		t.Logf("recording %d: %d pictures, %d missing, dated %v after they were drawn", i, len(pictures), missing, late[i])
		if missing != 0 || len(pictures) < 5*30 {
			t.Errorf("%d pictures are recorded, and %d missing between them", len(pictures), missing)
		}
	}
	if apart := (late[0] - late[1]).Abs(); apart > 40*time.Millisecond {
		t.Errorf("the recordings are %v apart", apart)
	}
}
