package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/event"
	"rostrum/ivsrealtime"
	"rostrum/test/postgres"
)

// stored is a stage of the usual size.
func stored(o Owner) *ivsrealtime.Stage {
	return &ivsrealtime.Stage{
		ARN: newARN(arn.Stage, o), Name: "weekly-all-hands", Tags: map[string]string{"team": "blue", "stage": "production"},
		Endpoints: &ivsrealtime.StageEndpoints{Events: "wss://rostrum.example.com/events", WHIP: "https://rostrum.example.com/whip", RTMP: "rtmp://rostrum.example.com/app"},
		AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{
			StorageConfigurationARN: ptr(""), MediaTypes: []ivsrealtime.ParticipantRecordingMediaType{ivsrealtime.RecordAudioVideo},
			ThumbnailConfiguration: &ivsrealtime.ParticipantThumbnailConfiguration{TargetIntervalSeconds: ptr(60)}, RecordParticipantReplicas: ptr(true),
		},
	}
}

// benchOnBoth runs a benchmark on both databases with so many callers at once.
func benchOnBoth(b *testing.B, callers []int, prepare func(b *testing.B, s *Store), once func(s *Store) error) {
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		b.Run(database, func(b *testing.B) {
			c := Config{Dir: b.TempDir()}
			if database == "PostgreSQL" {
				c.URL = postgres.Database(b)
			}
			s := opened(b, c)
			prepare(b, s)
			for _, n := range callers {
				b.Run(fmt.Sprintf("callers=%d", n), func(b *testing.B) {
					var left atomic.Int64
					left.Store(int64(b.N))
					done := make(chan error, n)
					b.ResetTimer()
					for range n {
						go func() {
							var err error
							for err == nil && left.Add(-1) >= 0 {
								err = once(s)
							}
							done <- err
						}()
					}
					for range n {
						if err := <-done; err != nil {
							b.Error(err)
						}
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "per-s")
				})
			}
		})
	}
}

func nothing(*testing.B, *Store) {}

func BenchmarkCreateStage(b *testing.B) {
	benchOnBoth(b, []int{1, 64}, nothing, func(s *Store) error {
		return s.Write(context.Background(), func(tx *Tx) error { return tx.Stages().Create(stored(here)) })
	})
}

func BenchmarkGetStage(b *testing.B) {
	var name string
	benchOnBoth(b, []int{1, 64}, func(b *testing.B, s *Store) {
		for range 100 {
			name = aStage(b, s, here).ARN
		}
	}, func(s *Store) error {
		return s.Read(context.Background(), func(tx *Tx) error {
			_, err := tx.Stages().Get(name)
			return err
		})
	})
}

func BenchmarkEmit(b *testing.B) {
	stage := newARN(arn.Stage, here)
	benchOnBoth(b, []int{1, 64}, nothing, func(s *Store) error {
		return s.Write(context.Background(), func(tx *Tx) error {
			tx.Emit(event.ParticipantPublished(event.Participant{StageARN: stage, SessionID: "st-1234567890123", ID: "p", UserID: "u"}, time.Now()))
			return nil
		})
	})
}

func BenchmarkAccessKey(b *testing.B) {
	benchOnBoth(b, []int{1, 64}, func(b *testing.B, s *Store) {
		write(b, s, func(tx *Tx) error {
			if err := tx.CreateAccount(Account{ID: here.Account}); err != nil {
				return err
			}
			return tx.CreateAccessKey(AccessKey{ID: "AKIA1", Account: here.Account, Secret: "secret"})
		})
	}, func(s *Store) error {
		return s.Read(context.Background(), func(tx *Tx) error {
			_, err := tx.AccessKey("AKIA1")
			return err
		})
	})
}

// BenchmarkListStages reads a page of 50 at the beginning, in the middle and at
// the end of 100,000 stages.
func BenchmarkListStages(b *testing.B) {
	const many = 100_000
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		b.Run(database, func(b *testing.B) {
			c := Config{Dir: b.TempDir()}
			if database == "PostgreSQL" {
				c.URL = postgres.Database(b)
			}
			s := opened(b, c)
			for made := 0; made < many; {
				write(b, s, func(tx *Tx) error {
					for range 5000 {
						if err := tx.Stages().Create(stored(here)); err != nil {
							return err
						}
					}
					return nil
				})
				made += 5000
			}
			for name, skip := range map[string]int{"first": 0, "middle": many / 2, "last": many - 51} {
				var after int64
				read(b, s, func(tx *Tx) error {
					_, err := tx.find([]any{&after}, `SELECT seq FROM resource ORDER BY seq LIMIT 1 OFFSET $1`, skip)
					return err
				})
				b.Run(name, func(b *testing.B) {
					for range b.N {
						read(b, s, func(tx *Tx) error {
							items, _, err := tx.Stages().List(here, Filter{}, Page{After: after, Limit: 50})
							if len(items) != 50 {
								b.Errorf("a page of %d", len(items))
							}
							return err
						})
					}
				})
			}
		})
	}
}
