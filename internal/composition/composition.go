package composition

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// A composition is one that runs on this node. Its fields belong to its goroutine, unless
// they say otherwise.
type composition struct {
	registry   *Registry
	arn        string
	formerNode string // that ran it before this one
	log        *slog.Logger
	wake       chan struct{}          // read the store
	updates    chan func()            // from recorders
	stageARN   atomic.Pointer[string] // read by others, nil until it is known
	stats      statsCounter           // read by others

	doc          ivsrealtime.Composition // as stored
	destinations []*destination
	recorders
	workerState

	lastPublisher time.Time // when somebody published, or the start
	ending        *ending   // once it is to end
	ended         bool      // the end is stored, or the composition is not this node's any more
}

// recorders is the state of the recorders' goroutines.
type recorders struct {
	recordCtx context.Context
	cancel    context.CancelFunc
	recording sync.WaitGroup
}

// workerState is the state of the worker and its restarts.
type workerState struct {
	process    *worker.Process
	failures   int              // of workers in a row
	restart    <-chan time.Time // when the next worker is due
	lastReason string           // of the worker's end, as it reported
}

// An ending is why a composition ends: a failure, or nil if it should.
type ending struct{ failure *event.Failure }

// Failures of a composition, as in its events.
var (
	stageDeleted       = event.Failure{Code: event.CodeStageDeleted, Reason: "Stage has been deleted"}
	destinationsFailed = event.Failure{Code: event.CodeDestinationFailure, Reason: "One or more outputs failed"}
	internalError      = event.Failure{Code: ivsrealtime.InternalServerError, Reason: "Service internal error"}
)

const (
	reloadInterval = 5 * time.Second
	checkInterval  = 500 * time.Millisecond
	// detachTime is how long the end of the server waits for the worker and uploads.
	detachTime = 1500 * time.Millisecond
	drainPoll  = 20 * time.Millisecond
)

func newComposition(r *Registry, arn, formerNode string) *composition {
	c := &composition{
		registry: r, arn: arn, formerNode: formerNode, log: r.cfg.Log.With("composition", arn),
		wake: make(chan struct{}, 1), updates: make(chan func(), 16),
	}
	c.recordCtx, c.cancel = context.WithCancel(context.Background())
	return c
}

// requestReload makes the composition read the store.
func (c *composition) requestReload() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the composition's goroutine, until it has ended or the registry closes.
func (c *composition) run() {
	defer c.close()
	if err := c.begin(); err != nil {
		c.log.Error("begin composition", "error", err)
		c.stop(&internalError)
	}
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	reloaded := time.Now()
	for !c.ended && c.registry.ctx.Err() == nil {
		var reports <-chan worker.Report
		if c.process != nil {
			reports = c.process.Reports()
		}
		select {
		case r, more := <-reports:
			if more {
				c.handleReport(r)
			} else {
				c.workerExited()
			}
		case <-c.restart:
			c.startWorker()
		case update := <-c.updates:
			update()
		case <-c.wake:
			c.reload()
		case <-tick.C:
			c.check()
			if time.Since(reloaded) > reloadInterval {
				reloaded = time.Now()
				c.reload()
			}
		case <-c.registry.ctx.Done():
		}
	}
	if !c.ended {
		c.detach()
	}
}

// close ends what still runs.
func (c *composition) close() {
	if c.process != nil { // the composition is not this node's any more
		c.process.Kill()
		_ = c.process.Wait()
	}
	c.cancel()
	c.recording.Wait()
	for _, d := range c.destinations {
		if d.release != nil {
			d.release() // may be called twice
		}
	}
}

// begin reads the composition and continues where an earlier node stopped.
func (c *composition) begin() error {
	err := c.registry.Store.Read(c.registry.ctx, func(tx *store.Tx) error {
		doc, err := tx.Compositions().Get(c.arn)
		if err != nil {
			return err
		}
		c.doc = *doc
		return nil
	})
	if err != nil {
		return err
	}
	stage := c.doc.StageARN // a copy: reload writes doc
	c.stageARN.Store(&stage)
	c.lastPublisher = time.Now()
	if err := c.openDestinations(); err != nil {
		return err
	}
	for _, d := range c.destinations {
		c.updateState(d) // no worker writes to it now
	}
	if !slices.ContainsFunc(c.destinations, func(d *destination) bool { return !d.ended }) { // only the last change is missing
		c.endIfComplete()
		return nil
	}
	c.startWorker()
	return nil
}

// reload reads the store: the composition may be stopped, its stage deleted.
func (c *composition) reload() {
	var stageErr error
	err := c.registry.Store.Read(c.registry.ctx, func(tx *store.Tx) error {
		doc, err := tx.Compositions().Get(c.arn)
		if err != nil {
			return err
		}
		c.doc = *doc
		_, stageErr = tx.Stages().Get(doc.StageARN)
		return nil
	})
	switch {
	case err != nil:
		c.log.Warn("read the composition", "error", err)
	case errors.Is(stageErr, ivsrealtime.ResourceNotFound):
		c.stop(&stageDeleted)
	case c.doc.State == ivsrealtime.CompositionStopping:
		c.stop(nil)
	}
}

// check handles what happens by time alone.
func (c *composition) check() {
	c.stats.update(c)
	for _, d := range c.destinations {
		c.updateState(d) // its bucket may have stalled
	}
	switch maxDuration := c.registry.cfg.MaxDuration; {
	case c.ending != nil:
	case time.Since(c.lastPublisher) > c.registry.cfg.IdleTimeout:
		c.log.Info("composition stops: nobody publishes")
		c.stop(nil)
	case maxDuration > 0 && time.Since(c.doc.StartTime) > maxDuration:
		c.log.Info("composition stops: maximum duration reached")
		c.stop(nil)
	}
}

// stop begins the end of the composition, with a failure if not nil. The first call decides.
func (c *composition) stop(failure *event.Failure) {
	if c.ending != nil {
		return
	}
	c.ending, c.restart = &ending{failure}, nil
	if failure == &internalError {
		for _, d := range c.destinations { // they are incomplete
			if d.failure == nil {
				d.failure = failure
			}
		}
	}
	c.storeStopping()
	if c.process != nil {
		c.process.Stop(worker.StopTime)
		return
	}
	c.finishDestinations()
}

// endIfComplete ends the composition once all its destinations have ended.
func (c *composition) endIfComplete() {
	failed := 0
	for _, d := range c.destinations {
		if !d.ended {
			return
		}
		if d.failure != nil {
			failed++
		}
	}
	if c.ending == nil {
		c.stop(&destinationsFailed)
	}
	if c.process != nil || c.ended {
		return
	}
	failure := c.ending.failure
	if failure == nil && failed > 0 && failed == len(c.destinations) {
		failure = &destinationsFailed
	}
	if !c.storeEnd(failure) {
		return // the next start will
	}
	c.ended = true
	for _, d := range c.destinations {
		d.removeSpool(c.log)
	}
}

// detach leaves the composition to the next start. The worker completes its files, and
// they are uploaded as far as time allows.
func (c *composition) detach() {
	timeout := time.NewTimer(detachTime)
	defer timeout.Stop()
	if c.process != nil {
		c.process.Stop(detachTime)
		_ = c.process.Wait() // it was asked to stop
		c.process = nil
	}
	for _, d := range c.destinations {
		d.drain()
	}
	for slices.ContainsFunc(c.destinations, (*destination).isUploading) {
		select {
		case <-c.updates: // states do not change any more
		case <-timeout.C:
			return
		case <-time.After(drainPoll):
		}
	}
}
