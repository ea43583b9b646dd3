package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/store"
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

func TestIndividual_TriesAgainToReadWhatTheStageWants(t *testing.T) {
	busy := errors.New("no connection of the database is free")
	for name, c := range map[string]struct {
		errs     []error // of the attempts
		stopped  bool    // after the first attempt
		expected error
		attempts int
	}{
		"a failover":        {[]error{busy, busy, busy, nil}, false, nil, 4},
		"a deleted stage":   {[]error{busy, ivsrealtime.ResourceNotFound}, false, ivsrealtime.ResourceNotFound, 2},
		"the store closed":  {[]error{store.ErrClosed}, false, store.ErrClosed, 1},
		"it is not wanted":  {[]error{busy, nil}, true, busy, 1},
		"the first attempt": {[]error{nil}, false, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &stage.Publication{}
				r := &individual{registry: &Participants{}, wanted: p, wake: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler)}
				attempts := 0
				err := r.retry(p, func() error {
					attempts++
					if c.stopped {
						r.wanted = nil
						r.signal()
					}
					return c.errs[attempts-1]
				})
				if !errors.Is(err, c.expected) || attempts != c.attempts {
					t.Errorf("%v after %d attempts, expected %v after %d", err, attempts, c.expected, c.attempts)
				}
			})
		})
	}
}

// wantRecorded makes the stage want its participants recorded, and returns a publication of alice.
func (l *leftRecording) wantRecorded() stage.Publication {
	const storage = "arn:aws:ivs:us-east-1:000000000000:storage-configuration/abcdEFGH1234"
	name, replicas := storage, false
	l.write(func(tx *store.Tx) error {
		err := tx.Storages().Create(&ivsrealtime.StorageConfiguration{ARN: storage, S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
		alice := store.ParticipantRef{StageARN: leftStage, SessionID: "st-last", ParticipantID: "alice"}
		_, cleared := tx.UpdateParticipant(alice, func(p *store.Participant) error {
			p.RecordingState, p.RecordingS3Prefix = "", "" // of a recording in the future
			return nil
		})
		_, changed := tx.Stages().Update(leftStage, func(s *ivsrealtime.Stage) error {
			s.AutoParticipantRecordingConfiguration = &ivsrealtime.AutoParticipantRecordingConfiguration{
				StorageConfigurationARN: &name, RecordParticipantReplicas: &replicas,
				MediaTypes: []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioVideo},
			}
			return nil
		})
		return errors.Join(err, cleared, changed)
	})
	return stage.Publication{StageARN: leftStage, SessionID: "st-last", ParticipantID: "alice"}
}

// A full disk may have no space for the folder of a recording.
func TestParticipants_FailARecordingWithoutSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		published := l.wantRecorded()
		n, p := l.open(false)
		if err := os.WriteFile(filepath.Join(l.spool, n.ID()), nil, 0o600); err != nil { // where the folder belongs
			t.Fatal(err)
		}
		p.PublishStarted(published)
		time.Sleep(time.Minute)
		if got, expected := l.events(), []string{"Recording Start Failure 0s"}; !slices.Equal(got, expected) {
			t.Errorf("events: expected %q, saw %q", expected, got)
		}
		if got := l.state(); got != ivsrealtime.RecordingFailed {
			t.Errorf("the state is %s", got)
		}
		if err := l.store.Read(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Recordings(n.ID())
			if len(rows) > 0 {
				t.Errorf("it is still open: %+v", rows)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		l.close(n, p)
	})
}

func TestParticipants_GiveEachRecordingAPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		published := l.wantRecorded()
		n, p := l.open(false)
		if err := os.WriteFile(filepath.Join(l.spool, n.ID()), nil, 0o600); err != nil { // so that they end at once
			t.Fatal(err)
		}
		for range 3 {
			p.PublishStarted(published)
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		l.close(n, p)
		if got := l.prefixes(); len(got) < 2 || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("the prefixes are %q", got)
		}
	})
}

// prefixes are those of all events about recordings.
func (l *leftRecording) prefixes() (all []string) {
	l.t.Helper()
	for _, d := range l.details() {
		all = append(all, d.Prefix)
	}
	return all
}

// recordAlice returns the running recording of alice, with that prefix.
func (l *leftRecording) recordAlice(p *Participants, prefix string) *individual {
	l.t.Helper()
	r := &individual{registry: p, wake: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler), state: l.row}
	r.state.ID, r.state.Node, r.state.Prefix = "other", p.cfg.Node.ID(), prefix
	if err := r.create(); err != nil {
		l.t.Fatal(err)
	}
	return r
}

// rows are the states and prefixes of alice in sessions.
func (l *leftRecording) rows(sessions ...string) (all []string) {
	l.t.Helper()
	err := l.store.Read(l.t.Context(), func(tx *store.Tx) error {
		for _, session := range sessions {
			p, err := tx.Participant(store.ParticipantRef{StageARN: leftStage, SessionID: session, ParticipantID: "alice"})
			if err != nil {
				return err
			}
			all = append(all, fmt.Sprintf("%s %s %s", session, p.RecordingState, p.RecordingS3Prefix))
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}

func TestIndividual_HasStoppedInTheSessionThatItLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := leaveRecording(t)
		n, p := l.open(false)
		defer l.close(n, p)
		const prefix = "stage/st-last/alice/2026-02-03T04-05-06Z"
		r := l.recordAlice(p, prefix)
		l.write(func(tx *store.Tx) error {
			next := &store.Participant{StageARN: leftStage, SessionID: "st-next", Node: n.ID()}
			next.ParticipantID = "alice"
			return errors.Join(
				tx.EndSession(leftStage, "st-last", leftStarted.Add(time.Minute)),
				tx.OpenSession(store.Session{StageARN: leftStage, ID: "st-next", Node: n.ID(), Start: leftStarted.Add(time.Hour)}),
				tx.CreateParticipant(next),
			)
		})
		r.enter("st-last")
		r.enter("st-next")
		if !r.update(ivsrealtime.RecordingActive, nil) {
			t.Fatal("it is not stored")
		}
		if got, expected := l.rows("st-last", "st-next"), []string{"st-last STOPPED " + prefix, "st-next ACTIVE " + prefix}; !slices.Equal(got, expected) {
			t.Errorf("the rows are %q, expected %q", got, expected)
		}
	})
}

// Prefixes begin with ids, which have no order.
func TestIndividual_ShowsTheNewestRecording(t *testing.T) {
	for name, c := range map[string]struct {
		prefix string
		shown  bool
	}{
		"a newer one":  {"stage/st-A/alice/2026-02-03T04-05-07Z", true},
		"an older one": {"stage/st-zz/alice/2026-02-03T04-05-05Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := leaveRecording(t)
				n, p := l.open(false)
				defer l.close(n, p)
				const former = "stage/st-Z/alice/2026-02-03T04-05-06Z"
				l.write(func(tx *store.Tx) error {
					_, err := tx.UpdateParticipant(store.ParticipantRef{StageARN: leftStage, SessionID: "st-last", ParticipantID: "alice"}, func(p *store.Participant) error {
						p.RecordingState, p.RecordingS3Prefix = ivsrealtime.RecordingStopping, former
						return nil
					})
					return err
				})
				l.recordAlice(p, c.prefix)
				expected := []string{"st-last STOPPING " + former}
				if c.shown {
					expected = []string{"st-last STARTING " + c.prefix}
				}
				if got := l.rows("st-last"); !slices.Equal(got, expected) {
					t.Errorf("the row is %q, expected %q", got, expected)
				}
			})
		})
	}
}

func TestIndividual_GoesOnOnlyUnderItsConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ivsrealtime.Stage)
		goesOn bool
	}{
		"the same":     {func(s *ivsrealtime.Stage) { s.Name = "other" }, true},
		"switched off": {func(s *ivsrealtime.Stage) { *s.AutoParticipantRecordingConfiguration.StorageConfigurationARN = "" }, false},
		"other media": {func(s *ivsrealtime.Stage) {
			s.AutoParticipantRecordingConfiguration.MediaTypes[0] = ivsrealtime.RecordAudioOnly
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := leaveRecording(t)
				published := l.wantRecorded()
				published.Publisher = &sfu.Publisher{}
				n, p := l.open(false)
				defer l.close(n, p)
				r := l.recordAlice(p, "stage/st-last/alice/2026-02-03T04-05-06Z")
				if _, err := r.readSettings(&published); err != nil {
					t.Fatal(err)
				}
				l.write(func(tx *store.Tx) error {
					_, err := tx.Stages().Update(leftStage, func(s *ivsrealtime.Stage) error { c.change(s); return nil })
					return err
				})
				r.wanted = &published
				if back := r.awaitReturn(time.Minute); (back != nil) != c.goesOn || (r.seen == nil) == c.goesOn {
					t.Errorf("it goes on: %t", back != nil)
				}
				r.wanted = nil
			})
		})
	}
}
