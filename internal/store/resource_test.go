package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

func ptr[T any](v T) *T { return &v }

func TestResources_ComeBackAsTheyWereCreated(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		storage := &ivsrealtime.StorageConfiguration{ARN: newARN(arn.StorageConfiguration, here), Name: "s", S3: &ivsrealtime.S3StorageConfiguration{BucketName: "kept"}, Tags: map[string]string{}}
		stage := &ivsrealtime.Stage{
			ARN: newARN(arn.Stage, here), Name: "lobby", Tags: map[string]string{"team": "blue", "ключ": `"}`},
			Endpoints:                             &ivsrealtime.StageEndpoints{WHIP: "https://host/whip"},
			AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{StorageConfigurationARN: &storage.ARN, RecordParticipantReplicas: ptr(false)},
		}
		encoder := &ivsrealtime.EncoderConfiguration{ARN: newARN(arn.EncoderConfiguration, here), Video: &ivsrealtime.Video{Framerate: ptr(29.97)}, Tags: map[string]string{}}
		key := &ivsrealtime.PublicKey{ARN: newARN(arn.PublicKey, here), PublicKeyMaterial: "-----BEGIN\n", Fingerprint: "aa:bb", Tags: map[string]string{}}
		ingest := &ivsrealtime.IngestConfiguration{
			ARN: newARN(arn.IngestConfiguration, here), StageARN: stage.ARN, StreamKey: "rt_1", State: ivsrealtime.IngestInactive, Tags: map[string]string{},
			RedundantIngestCredentials: []ivsrealtime.RedundantIngestCredential{{ParticipantID: "a", StreamKey: "rt_2"}, {ParticipantID: "b", StreamKey: "rt_3"}},
		}
		composition := aComposition(stage.ARN, encoder.ARN, storage.ARN)
		write(t, s, func(tx *Tx) error {
			return errors.Join(tx.Storages().Create(storage), tx.Encoders().Create(encoder), tx.Stages().Create(stage),
				tx.PublicKeys().Create(key), tx.Ingests().Create(ingest), tx.Compositions().Create(composition))
		})
		read(t, s, func(tx *Tx) error {
			same(t, tx.Storages(), storage.ARN, storage)
			same(t, tx.Encoders(), encoder.ARN, encoder)
			same(t, tx.Stages(), stage.ARN, stage)
			same(t, tx.PublicKeys(), key.ARN, key)
			same(t, tx.Ingests(), ingest.ARN, ingest)
			same(t, tx.Compositions(), composition.ARN, composition)
			return nil
		})
	})
}

func same[T any](t *testing.T, r Resources[T], name string, want *T) {
	t.Helper()
	got, err := r.Get(name)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, expected %+v", got, err, want)
	}
}

func aComposition(stageARN, encoderARN, storageARN string) *ivsrealtime.Composition {
	return &ivsrealtime.Composition{
		ARN: newARN(arn.Composition, here), StageARN: stageARN, State: ivsrealtime.CompositionStarting, Tags: map[string]string{},
		StartTime: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC),
		Destinations: []ivsrealtime.Destination{{ID: "d1", State: ivsrealtime.DestinationStarting, Configuration: &ivsrealtime.DestinationConfiguration{
			S3: &ivsrealtime.S3DestinationConfiguration{StorageConfigurationARN: storageARN, EncoderConfigurationARNs: []string{encoderARN}},
		}}},
	}
}

func TestResources_SayWhatIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		nowhere, stage := newARN(arn.Stage, here), aStage(t, s, here)
		key := &ivsrealtime.PublicKey{ARN: newARN(arn.PublicKey, here), Fingerprint: "aa"}
		write(t, s, func(tx *Tx) error { return tx.PublicKeys().Create(key) })
		for name, c := range map[string]struct {
			fn   func(tx *Tx) error
			code ivsrealtime.Code
		}{
			"a stage that never was": {func(tx *Tx) error { _, err := tx.Stages().Get(nowhere); return err }, ivsrealtime.ResourceNotFound},
			"an update of it": {func(tx *Tx) error {
				_, err := tx.Stages().Update(nowhere, func(*ivsrealtime.Stage) error { return nil })
				return err
			}, ivsrealtime.ResourceNotFound},
			"its removal":                     {func(tx *Tx) error { return tx.Stages().Delete(nowhere) }, ivsrealtime.ResourceNotFound},
			"its tags":                        {func(tx *Tx) error { _, err := tx.Tags(nowhere); return err }, ivsrealtime.ResourceNotFound},
			"new tags for it":                 {func(tx *Tx) error { return tx.SetTags(nowhere, nil) }, ivsrealtime.ResourceNotFound},
			"a session on it":                 {func(tx *Tx) error { return tx.OpenSession(Session{StageARN: nowhere, ID: "st-1", Start: time.Now()}) }, ivsrealtime.ResourceNotFound},
			"a stage asked for as an encoder": {func(tx *Tx) error { _, err := tx.Encoders().Get(stage.ARN); return err }, ivsrealtime.ResourceNotFound},
			"an unknown stream key":           {func(tx *Tx) error { _, err := tx.IngestByStreamKey("rt_x"); return err }, ivsrealtime.ResourceNotFound},
			"a session that never was":        {func(tx *Tx) error { _, err := tx.Session(stage.ARN, "st-x"); return err }, ivsrealtime.ResourceNotFound},
			"the end of it":                   {func(tx *Tx) error { return tx.EndSession(stage.ARN, "st-x", time.Now()) }, ivsrealtime.ResourceNotFound},
			"a running session without one":   {func(tx *Tx) error { _, err := tx.ActiveSession(stage.ARN); return err }, ivsrealtime.ResourceNotFound},
			"a participant that never was":    {func(tx *Tx) error { _, err := tx.Participant(ParticipantRef{stage.ARN, "st-x", "p"}); return err }, ivsrealtime.ResourceNotFound},
			"an access key that never was":    {func(tx *Tx) error { _, err := tx.AccessKey("AKIAX"); return err }, ivsrealtime.ResourceNotFound},
			"a key of an unknown account":     {func(tx *Tx) error { return tx.CreateAccessKey(AccessKey{ID: "AKIAX", Account: "9"}) }, ivsrealtime.ResourceNotFound},
			"a use of what is not there": {func(tx *Tx) error {
				return tx.Ingests().Create(&ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, here), StageARN: nowhere})
			}, ivsrealtime.ResourceNotFound},
			"a use of another account's stage": {func(tx *Tx) error {
				return tx.Ingests().Create(&ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, other), StageARN: stage.ARN})
			}, ivsrealtime.ResourceNotFound},
			"a use of another region's stage": {func(tx *Tx) error {
				return tx.Ingests().Create(&ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, there), StageARN: stage.ARN})
			}, ivsrealtime.ResourceNotFound},
			"the same public key again": {func(tx *Tx) error {
				return tx.PublicKeys().Create(&ivsrealtime.PublicKey{ARN: newARN(arn.PublicKey, here), Fingerprint: "aa"})
			}, ivsrealtime.Conflict},
		} {
			expectCode(t, s.Write(context.Background(), c.fn), c.code, "for "+name)
		}
		write(t, s, func(tx *Tx) error { // the same key elsewhere is another key
			return tx.PublicKeys().Create(&ivsrealtime.PublicKey{ARN: newARN(arn.PublicKey, there), Fingerprint: "aa"})
		})
	})
}

func TestResources_PageOldestFirstWithinTheirOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		var want []string
		for range 25 {
			want = append(want, aStage(t, s, here).ARN)
			aStage(t, s, there)
			aStage(t, s, other)
		}
		for _, limit := range []int{1, 7, 25, 100} {
			read(t, s, func(tx *Tx) error {
				var got []string
				for _, stage := range allPages(t, limit, func(p Page) ([]ivsrealtime.Stage, int64, error) { return tx.Stages().List(here, Filter{}, p) }) {
					got = append(got, stage.ARN)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("pages of %d show %v, expected %v", limit, got, want)
				}
				return nil
			})
		}
	})
}

func TestResources_FilterByStateAndUse(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		one, two := aStage(t, s, here), aStage(t, s, here)
		var active, ofOne []string
		for i := range 12 {
			ingest := &ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, here), StreamKey: fmt.Sprint("rt_", i), StageARN: one.ARN, State: ivsrealtime.IngestInactive}
			if i%3 == 0 {
				ingest.State = ivsrealtime.IngestActive
				active = append(active, ingest.ARN)
			}
			if i%2 == 0 {
				ingest.StageARN = two.ARN
			} else {
				ofOne = append(ofOne, ingest.ARN)
			}
			write(t, s, func(tx *Tx) error { return tx.Ingests().Create(ingest) })
		}
		list := func(f Filter) (got []string) {
			read(t, s, func(tx *Tx) error {
				got = nil
				for _, i := range allPages(t, 2, func(p Page) ([]ivsrealtime.IngestConfiguration, int64, error) { return tx.Ingests().List(here, f, p) }) {
					got = append(got, i.ARN)
				}
				return nil
			})
			return got
		}
		if got := list(Filter{State: "ACTIVE"}); !reflect.DeepEqual(got, active) {
			t.Errorf("active ones are %v, expected %v", got, active)
		}
		if got := list(Filter{Uses: []string{one.ARN}}); !reflect.DeepEqual(got, ofOne) {
			t.Errorf("those of stage one are %v, expected %v", got, ofOne)
		}
		if got := list(Filter{Uses: []string{one.ARN, two.ARN}}); got != nil {
			t.Errorf("those of both stages are %v, expected none", got)
		}
	})
}

func TestResources_FollowWhatTheirDocumentSays(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		one, two := aStage(t, s, here), aStage(t, s, here)
		ingest := &ivsrealtime.IngestConfiguration{ARN: newARN(arn.IngestConfiguration, here), StreamKey: "rt_old", StageARN: one.ARN, State: ivsrealtime.IngestInactive}
		write(t, s, func(tx *Tx) error { return tx.Ingests().Create(ingest) })
		write(t, s, func(tx *Tx) error {
			_, err := tx.Ingests().Update(ingest.ARN, func(i *ivsrealtime.IngestConfiguration) error {
				i.StageARN, i.StreamKey = two.ARN, "rt_new"
				return nil
			})
			return err
		})
		read(t, s, func(tx *Tx) error {
			for stage, want := range map[string]string{one.ARN: "", two.ARN: ingest.ARN} {
				if user, err := tx.UserOf(stage); user != want || err != nil {
					t.Errorf("stage is used by %q, %v, expected %q", user, err, want)
				}
			}
			if got, err := tx.IngestByStreamKey("rt_new"); err != nil || got.ARN != ingest.ARN {
				t.Errorf("the new key belongs to %v, %v", got, err)
			}
			_, err := tx.IngestByStreamKey("rt_old")
			expectCode(t, err, ivsrealtime.ResourceNotFound, "for the old key")
			return nil
		})
		write(t, s, func(tx *Tx) error { return tx.Ingests().Delete(ingest.ARN) })
		read(t, s, func(tx *Tx) error {
			if user, err := tx.UserOf(two.ARN); user != "" || err != nil {
				t.Errorf("a deleted configuration still uses the stage: %q, %v", user, err)
			}
			return nil
		})
	})
}

func TestTags_AreReplacedWithoutTouchingTheRest(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		want := map[string]string{"a": "1", "b": ""}
		write(t, s, func(tx *Tx) error { return tx.SetTags(stage.ARN, want) })
		read(t, s, func(tx *Tx) error {
			tags, err := tx.Tags(stage.ARN)
			got, err2 := tx.Stages().Get(stage.ARN)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			if !maps.Equal(tags, want) || !maps.Equal(got.Tags, want) || got.Name != "lobby" {
				t.Errorf("tags are %v, of the stage %+v, expected %v", tags, got, want)
			}
			return nil
		})
	})
}

func TestTallies_NeverDrift(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				var mine []string
				for i := range 40 {
					err := s.Write(context.Background(), func(tx *Tx) error {
						if len(mine) > 0 && rand.IntN(3) == 0 {
							return tx.Stages().Delete(mine[0])
						}
						err := tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here)})
						if i%5 == 0 {
							return errors.New("changed my mind")
						}
						return err
					})
					_ = err // half of them fail on purpose
					mine = nil
					_ = s.Read(context.Background(), func(tx *Tx) error {
						all, _, err := tx.Stages().List(here, Filter{}, Page{Limit: 3})
						for _, stage := range all {
							mine = append(mine, stage.ARN)
						}
						rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
						return err
					})
				}
			})
		}
		group.Wait()
		read(t, s, func(tx *Tx) error {
			n, err := tx.Stages().Count(here)
			if all := allPages(t, 100, func(p Page) ([]ivsrealtime.Stage, int64, error) { return tx.Stages().List(here, Filter{}, p) }); n != len(all) || n == 0 {
				t.Errorf("the tally is %d, there are %d", n, len(all))
			}
			return err
		})
	})
}

func TestCompositions_CountAndUseUntilTheyEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		stage := aStage(t, s, here)
		storage := &ivsrealtime.StorageConfiguration{ARN: newARN(arn.StorageConfiguration, here)}
		encoder := &ivsrealtime.EncoderConfiguration{ARN: newARN(arn.EncoderConfiguration, here)}
		var all []string
		write(t, s, func(tx *Tx) error {
			err := errors.Join(tx.Storages().Create(storage), tx.Encoders().Create(encoder))
			all = nil
			for range 3 {
				c := aComposition(stage.ARN, encoder.ARN, storage.ARN)
				err = errors.Join(err, tx.Compositions().Create(c))
				all = append([]string{c.ARN}, all...)
			}
			return err
		})
		end := func(name string, at time.Time) {
			write(t, s, func(tx *Tx) error {
				_, err := tx.Compositions().Update(name, func(c *ivsrealtime.Composition) error {
					c.State, c.EndTime = ivsrealtime.CompositionStopped, at
					return nil
				})
				return err
			})
		}
		expect := func(when string, counted int, user bool, listed []string) {
			t.Helper()
			read(t, s, func(tx *Tx) error {
				n, err := tx.Compositions().Count(here)
				using, err2 := tx.Compositions().CountUsing(stage.ARN)
				by, err3 := tx.UserOf(encoder.ARN)
				if n != counted || using != counted || (by != "") != user {
					t.Errorf("%s %d are counted, %d use the stage, %q uses the encoder, expected %d and %v", when, n, using, by, counted, user)
				}
				var got []string
				for _, c := range allPages(t, 2, func(p Page) ([]ivsrealtime.Composition, int64, error) {
					return tx.Compositions().List(here, Filter{Uses: []string{stage.ARN}}, p)
				}) {
					got = append(got, c.ARN)
				}
				if !reflect.DeepEqual(got, listed) {
					t.Errorf("%s the list is %v, expected %v", when, got, listed)
				}
				return errors.Join(err, err2, err3)
			})
		}
		expect("at first", 3, true, all)
		end(all[0], time.Now())
		end(all[1], time.Now())
		expect("after two ended", 1, true, all)
		end(all[2], time.Now().Add(-endedLife-time.Second))
		expect("when one is past its time", 0, false, all[:2])
		expectCode(t, s.Read(context.Background(), func(tx *Tx) error { _, err := tx.Compositions().Get(all[2]); return err }), ivsrealtime.ResourceNotFound, "past its time")
		if _, err := s.Sweep(context.Background(), Retention{}); err != nil {
			t.Fatal(err)
		}
		expect("after a sweep", 0, false, all[:2])
	})
}

func TestSeq_GrowsEvenWhenTheClockStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands while anything runs
		var s Store
		last := int64(0)
		for range 1000 {
			if n := s.next(); n <= last {
				t.Fatalf("%d follows %d", n, last)
			} else {
				last = n
			}
		}
	})
}
