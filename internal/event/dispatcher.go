package event

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// pollInterval is how often the list of targets is read.
	pollInterval = time.Second
	// slowPollInterval bounds the retry pause of a target that cannot be opened.
	slowPollInterval = time.Minute
	// claimDuration is how long the claim of a dead node lasts.
	claimDuration = 15 * time.Second
)

// A Dispatcher delivers events from the log to all targets: at least once, in order
// within a stage, in parallel across stages and targets.
//
// An event whose delivery fails is parked with all later events of its stage, and
// retried with growing pauses for a day. Then it is dead, and its stage continues.
// One node at a time delivers to a target.
type Dispatcher struct {
	store      DeliveryStore
	node       string
	log        *slog.Logger
	tail       *tail
	metrics    *dispatcherMetrics
	openSender func(context.Context, Target) (Sender, error)
}

// DispatcherConfig holds the options of a Dispatcher. The zero value is valid.
type DispatcherConfig struct {
	// Log receives errors. Default slog.Default().
	Log *slog.Logger
	// Metrics registers the dispatcher's metrics. Default none.
	Metrics prometheus.Registerer
}

// NewDispatcher returns the dispatcher of a node. The node id must be unique among all
// processes, past ones included.
func NewDispatcher(store DeliveryStore, node string, cfg DispatcherConfig) *Dispatcher {
	d := &Dispatcher{store: store, node: node, log: cfg.Log, tail: &tail{store: store}, metrics: newDispatcherMetrics(cfg.Metrics), openSender: OpenSender}
	if d.log == nil {
		d.log = slog.Default()
	}
	return d
}

// A runningWorker is the goroutine that delivers to one target.
type runningWorker struct {
	revision int64
	stop     context.CancelFunc
	ended    chan struct{}
}

// Run delivers until the context ends. It returns after all running deliveries have
// ended and their progress is saved. Changes of the targets apply within a second.
func (d *Dispatcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	at := map[string]*runningWorker{}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		targets, err := d.store.Targets(ctx)
		if err == nil {
			d.updateWorkers(ctx, targets, at, &all)
		} else if ctx.Err() == nil {
			d.log.Error("read event targets", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// updateWorkers starts workers of new targets and stops those of changed and removed ones.
func (d *Dispatcher) updateWorkers(ctx context.Context, targets []Target, at map[string]*runningWorker, all *sync.WaitGroup) {
	wanted := map[string]Target{}
	for _, t := range targets {
		if !t.Disabled {
			wanted[t.Name] = t
		}
	}
	for name, w := range at {
		if _, ok := wanted[name]; !ok {
			w.stop()
			delete(at, name)
		}
	}
	for name, t := range wanted {
		before := at[name]
		if before != nil && before.revision == t.Revision {
			continue
		}
		mine, stop := context.WithCancel(ctx)
		now := &runningWorker{t.Revision, stop, make(chan struct{})}
		at[name] = now
		all.Go(func() {
			defer close(now.ended)
			defer stop()
			if before != nil {
				before.stop()
				<-before.ended
			}
			d.serveTarget(mine, t)
		})
	}
}

// serveTarget delivers to a target whenever it can be claimed, until the context ends.
func (d *Dispatcher) serveTarget(ctx context.Context, t Target) {
	pause := storeRetryDelay
	for ctx.Err() == nil {
		began := time.Now()
		err := d.deliver(ctx, t)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrNotHeld) || time.Since(began) > slowPollInterval:
			pause = storeRetryDelay
		default: // a file that cannot be opened will hardly appear within a second
			pause = min(2*pause, slowPollInterval)
			d.log.Error("deliver events", "target", t.Name, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// deliver claims a target and delivers until the claim is lost.
func (d *Dispatcher) deliver(ctx context.Context, t Target) (err error) {
	cursor, err := d.store.Claim(ctx, t.Name, d.node, time.Now().Add(claimDuration))
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
		defer cancel()
		err = errors.Join(err, d.store.Release(bounded, t.Name, d.node))
	}()
	sender, err := d.openSender(ctx, t)
	if err != nil {
		return err
	}
	counts := d.metrics.of(t.Name)
	defer counts.forget()
	worker, err := newTargetWorker(t, sender, d.store, d.tail, d.node, d.log, counts)
	if err != nil {
		return errors.Join(err, sender.Close())
	}
	held, drop := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		defer drop()
		d.renew(held, t.Name)
	})
	err = worker.run(held, cursor)
	drop()
	renewing.Wait()
	return errors.Join(err, sender.Close())
}

// renew renews the claim until the context ends. It returns early when the claim is
// lost, or so old that another node may hold it.
func (d *Dispatcher) renew(ctx context.Context, target string) {
	until := time.Now().Add(claimDuration)
	tick := time.NewTicker(claimDuration / 5)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		asked := time.Now()
		_, err := d.store.Claim(ctx, target, d.node, asked.Add(claimDuration))
		if err == nil {
			until = asked.Add(claimDuration)
			continue
		}
		if errors.Is(err, ErrNotHeld) || time.Until(until) < claimDuration/3 {
			if ctx.Err() == nil {
				d.log.Warn("event target is claimed by another node", "target", target, "error", err)
			}
			return
		}
	}
}
