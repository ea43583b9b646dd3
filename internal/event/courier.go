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
	// lookEvery is how often the targets are read anew.
	lookEvery = time.Second
	// lookLater is how seldom a target is tried that can't even be opened.
	lookLater = time.Minute
	// claimFor is how long a target stays in dead hands.
	claimFor = 15 * time.Second
)

// A Courier carries events from the log to the listeners of all targets: at
// least once, those of one stage in their order, those of different stages and
// targets side by side.
//
// What could not be delivered is parked with all later events of its stage, and
// tried again with growing pauses for a day; then it is dead, and the others go
// on. A target is carried to by one node at a time.
type Courier struct {
	ledger  Ledger
	node    string
	log     *slog.Logger
	tail    *tail
	metrics *courierMetrics
	listen  func(context.Context, Target) (Listener, error)
}

// CourierConfig is what a Courier may do otherwise; its zero value is good.
type CourierConfig struct {
	// Log takes what went wrong. Default slog.Default().
	Log *slog.Logger
	// Metrics takes the courier's metrics. Default none.
	Metrics prometheus.Registerer
}

// NewCourier makes the courier of a node, whose id no other process has ever had.
func NewCourier(ledger Ledger, node string, cfg CourierConfig) *Courier {
	c := &Courier{ledger: ledger, node: node, log: cfg.Log, tail: &tail{ledger: ledger}, metrics: newCourierMetrics(cfg.Metrics), listen: Listen}
	if c.log == nil {
		c.log = slog.Default()
	}
	return c
}

// A working target is one that a goroutine of this courier cares for.
type working struct {
	revision int64
	stop     context.CancelFunc
	ended    chan struct{}
}

// Run delivers until the context ends, and returns once all deliveries under
// way have ended and what got through is kept. Changes of the targets take
// effect within a second.
func (c *Courier) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	at := map[string]*working{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		targets, err := c.ledger.Targets(ctx)
		if err == nil {
			c.follow(ctx, targets, at, &all)
		} else if ctx.Err() == nil {
			c.log.Error("read the targets of events", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// follow starts work on new targets and ends it on those that changed or went.
func (c *Courier) follow(ctx context.Context, targets []Target, at map[string]*working, all *sync.WaitGroup) {
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
		now := &working{t.Revision, stop, make(chan struct{})}
		at[name] = now
		all.Go(func() {
			defer close(now.ended)
			defer stop()
			if before != nil {
				before.stop()
				<-before.ended
			}
			c.work(mine, t)
		})
	}
}

// work holds a target, as often as it can be had, and delivers to it.
func (c *Courier) work(ctx context.Context, t Target) {
	pause := again
	for ctx.Err() == nil {
		began := time.Now()
		err := c.carry(ctx, t)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrNotHeld) || time.Since(began) > lookLater:
			pause = again
		default: // a file that can't be opened will not be there in a second
			pause = min(2*pause, lookLater)
			c.log.Error("deliver events", "target", t.Name, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// carry claims a target and delivers until the claim is lost.
func (c *Courier) carry(ctx context.Context, t Target) (err error) {
	cursor, err := c.ledger.Claim(ctx, t.Name, c.node, time.Now().Add(claimFor))
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
		defer cancel()
		err = errors.Join(err, c.ledger.Release(bounded, t.Name, c.node))
	}()
	listener, err := c.listen(ctx, t)
	if err != nil {
		return err
	}
	counts := c.metrics.of(t.Name)
	defer counts.forget()
	carrier, err := newCarrier(t, listener, c.ledger, c.tail, c.node, c.log, counts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	held, drop := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		defer drop()
		c.renew(held, t.Name)
	})
	err = carrier.run(held, cursor)
	drop()
	renewing.Wait()
	return errors.Join(err, listener.Close())
}

// renew keeps the claim until the context ends. It returns early when the claim
// is lost, or so old that another may have it.
func (c *Courier) renew(ctx context.Context, target string) {
	until := time.Now().Add(claimFor)
	tick := time.NewTicker(claimFor / 5)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		asked := time.Now()
		_, err := c.ledger.Claim(ctx, target, c.node, asked.Add(claimFor))
		if err == nil {
			until = asked.Add(claimFor)
			continue
		}
		if errors.Is(err, ErrNotHeld) || time.Until(until) < claimFor/3 {
			if ctx.Err() == nil {
				c.log.Warn("a target of events is no longer held", "target", target, "error", err)
			}
			return
		}
	}
}
