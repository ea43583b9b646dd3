package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/event"
	"rostrum/internal/store"
)

// lastWord is how long events of the end may take to be delivered before the
// server stops. What is not through by then comes after the next start.
const flushTimeout = 500 * time.Millisecond

// A carrying is the courier of events at work, from before anything is live
// until after everything has ended.
type dispatcher struct {
	store *store.Store
	stop  context.CancelFunc
	ended chan error
}

func startDispatcher(st *store.Store, counted prometheus.Registerer, log *slog.Logger) *dispatcher {
	events := event.NewDispatcher(store.DeliveryStore{Store: st}, uuid.NewString(), event.DispatcherConfig{Log: log, Metrics: counted})
	ctx, stop := context.WithCancel(context.Background())
	c := &dispatcher{store: st, stop: stop, ended: make(chan error, 1)}
	go func() { c.ended <- events.Run(ctx) }()
	return c
}

// Close waits a moment for the events that the end itself caused, then stops.
func (c *dispatcher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil && !c.delivered(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	c.stop()
	return <-c.ended
}

// through reports whether every target has the newest event, or has it parked.
func (c *dispatcher) delivered(ctx context.Context) bool {
	behind := false
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Targets("")
		if err != nil {
			return err
		}
		for _, t := range all {
			if t.Disabled {
				continue
			}
			state, err := tx.TargetState(t.Name)
			if err != nil {
				return err
			}
			behind = behind || state.Behind > 0
		}
		return nil
	})
	return err == nil && !behind
}
