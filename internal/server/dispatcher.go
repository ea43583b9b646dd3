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

// flushTimeout is how long the server waits at its end for events to be delivered. Others are
// delivered after the next start.
const flushTimeout = 500 * time.Millisecond

// A dispatcher delivers events, from before anything is live until after everything has
// ended.
type dispatcher struct {
	store *store.Store
	stop  context.CancelFunc
	ended chan error
}

func startDispatcher(st *store.Store, metrics prometheus.Registerer, log *slog.Logger) *dispatcher {
	events := event.NewDispatcher(store.DeliveryStore{Store: st}, uuid.NewString(), event.DispatcherConfig{Log: log, Metrics: metrics})
	ctx, stop := context.WithCancel(context.Background())
	d := &dispatcher{store: st, stop: stop, ended: make(chan error, 1)}
	go func() { d.ended <- events.Run(ctx) }()
	return d
}

// Close waits for the events of the server's end, then stops.
func (d *dispatcher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil && !d.delivered(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	d.stop()
	return <-d.ended
}

// delivered reports whether every target has the newest event, or has it parked.
func (d *dispatcher) delivered(ctx context.Context) bool {
	behind := false
	err := d.store.Read(ctx, func(tx *store.Tx) error {
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
