package event_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

const benchStages = 100

func published(stage int) event.Event {
	return event.ParticipantPublished(event.Participant{
		StageARN: fmt.Sprintf("arn:aws:ivs:us-east-1:111122223333:stage/Stage%07d", stage), SessionID: "st-Ab3dEf6hIj9kL", ID: "Qw2eRt5yUi8o", UserID: "alice",
	}, time.Now())
}

func durable(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), store.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkLog_Emit writes events, one a transaction, by many callers at once:
// each is on disk when its call returns.
func BenchmarkLog_Emit(b *testing.B) {
	s := durable(b)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			e := published(n % benchStages)
			if err := s.Write(context.Background(), func(tx *store.Tx) error { tx.Emit(e); return nil }); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// arrivals is a webhook's receiver that notes when events came.
type arrivals struct {
	mu   sync.Mutex
	at   map[string]time.Time
	more chan struct{}
}

func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	a.mu.Lock()
	a.at[r.Header.Get(event.HeaderEventID)] = now
	a.mu.Unlock()
	a.more <- struct{}{}
}

// BenchmarkWebhook_ChangeToArrival measures the time from the beginning of the
// transaction of a change to its event's arrival, at a steady rate, with ten
// targets of which one is the webhook and nine have patterns that don't match.
func BenchmarkWebhook_ChangeToArrival(b *testing.B) {
	for _, perSecond := range []int{10, 1000} {
		b.Run(fmt.Sprintf("%d-a-second", perSecond), func(b *testing.B) {
			s, got := durable(b), &arrivals{at: map[string]time.Time{}, more: make(chan struct{}, 1<<20)}
			receiver := httptest.NewServer(got)
			defer receiver.Close()
			err := s.Write(b.Context(), func(tx *store.Tx) error {
				for n := range 10 {
					t := event.Target{Name: fmt.Sprintf("t%d", n), Account: "111122223333", Secrets: []event.Secret{{ID: "k", Key: "0123456789abcdef"}},
						Webhook: &event.Webhook{URL: receiver.URL, AllowPrivate: true}}
					if n > 0 {
						t.Pattern = fmt.Appendf(nil, `{"source":["aws.ivs"],"detail":{"event_name":[{"prefix":"Participant"}],"user_id":["bob%d"]}}`, n)
					}
					if err := tx.PutTarget(t); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() {
				_ = event.NewDispatcher(store.DeliveryStore{Store: s}, "bench", event.DispatcherConfig{Log: slog.New(slog.DiscardHandler)}).Run(ctx)
			})
			defer running.Wait()
			defer cancel()
			began := changes(b, s, perSecond)
			for range b.N {
				<-got.more
			}
			took := make([]time.Duration, 0, b.N)
			for id, start := range began {
				took = append(took, got.at[id].Sub(start))
			}
			slices.Sort(took)
			for name, share := range map[string]int{"p50-ms": 50, "p99-ms": 99, "max-ms": 100} {
				b.ReportMetric(float64(took[max(0, len(took)*share/100-1)].Microseconds())/1000, name)
			}
		})
	}
}

// changes makes b.N changes at a steady rate and tells when each was due.
func changes(b *testing.B, s *store.Store, perSecond int) map[string]time.Time {
	var mu sync.Mutex
	began := map[string]time.Time{}
	var writing sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for n := range b.N {
		due := start.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		writing.Go(func() {
			e := published(n % benchStages)
			mu.Lock()
			began[e.ID] = due
			mu.Unlock()
			if err := s.Write(context.Background(), func(tx *store.Tx) error { tx.Emit(e); return nil }); err != nil {
				b.Error(err)
			}
		})
	}
	writing.Wait()
	return began
}
