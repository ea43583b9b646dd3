package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/operator"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/target"
)

// storage is the store, and what is read from it at the start.
type storage struct {
	store      *store.Store
	operator   store.AccessKey
	firstStart bool // the operator's key is new
}

// openStorage opens the store, writes to it what the settings name, and starts to deliver its
// events.
func openStorage(ctx context.Context, b *base, engine *sfu.Engine) (*storage, error) {
	s := b.settings
	st, err := s.OpenStore(ctx, true)
	if err != nil {
		return nil, err
	}
	b.closeLater(st)
	k := &storage{store: st}
	if k.operator, k.firstStart, err = operator.Ensure(ctx, st, s.Operator()); err != nil {
		return nil, err
	}
	targets, err := s.EventTargets()
	if err != nil {
		return nil, err
	}
	if err := target.Sync(ctx, st, targets); err != nil {
		return nil, err
	}
	b.closeLater(startDispatcher(st, b.metrics, b.log))
	return k, shareTURNKey(ctx, st, engine)
}

// shareTURNKey gives the engine the key that all nodes share, so that each accepts TURN
// credentials of the others.
func shareTURNKey(ctx context.Context, st *store.Store, engine *sfu.Engine) error {
	key, err := st.Secret(ctx, "turn", func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	})
	if err != nil {
		return fmt.Errorf("read the TURN key: %w", err)
	}
	engine.SetTURNKey(key)
	return nil
}

// sweepInterval is the time between removals of expired rows from the store.
const sweepInterval = time.Minute

// sweep removes expired rows until ctx ends.
func (k *storage) sweep(ctx context.Context, b *base) error {
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rostrum_event_lost_total",
		Help: "Events removed because the log reached event_bytes, before a target got them, by target.",
	}, []string{"target"})
	b.metrics.MustRegister(lost)
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			swept, err := k.store.Sweep(ctx, store.Retention{Events: b.settings.EventAge, EventBytes: b.settings.EventBytes})
			if err != nil && ctx.Err() == nil {
				b.log.Error("sweep the store", "error", err)
			}
			for target, n := range swept.Undelivered {
				lost.WithLabelValues(target).Add(float64(n))
				b.log.Error("events were removed before a target got them, because the log reached event_bytes", "target", target, "events", n)
			}
		}
	}
}
