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

// A composition is one that runs here. Its fields belong to its goroutine, but
// for those that say otherwise.
type composition struct {
	house    *Registry
	arn      string
	former   string // node that had it before this one
	log      *slog.Logger
	wake     chan struct{}          // look into the store
	news     chan func()            // of recordings
	stageARN atomic.Pointer[string] // for all to read, once known
	figures  figures                // for all to read

	doc     ivsrealtime.Composition // as it was kept last
	outputs []*output
	ctx     context.Context // of the recordings
	cancel  context.CancelFunc
	wg      sync.WaitGroup // recordings

	worker   *worker.Process
	audience time.Time // somebody published, or we began
	failures int       // of workers, without a good time between
	again    <-chan time.Time
	words    string // the worker's last

	wanted  *wish // how it is to end, once it is
	stopped bool  // the end was kept
}

// A wish is a reason to end: with a failure, or as it should.
type wish struct{ failure *event.Failure }

// Failures of a composition as its events tell them.
var (
	stageDeleted  = event.Failure{Code: event.CodeStageDeleted, Reason: "Stage has been deleted"}
	outputsFailed = event.Failure{Code: event.CodeDestinationFailure, Reason: "One or more outputs failed"}
	internalError = event.Failure{Code: ivsrealtime.InternalServerError, Reason: "Service internal error"}
)

const (
	lookEvery    = 5 * time.Second
	watchEvery   = 500 * time.Millisecond
	firstRestart = 100 * time.Millisecond
	lastRestart  = 5 * time.Second
	// goodTime is how long a worker must have run for its end to be forgiven.
	goodTime    = 15 * time.Second
	maxFailures = 10
	// partingTime is what the end of a server leaves workers and recordings.
	partingTime = 1500 * time.Millisecond
)

func newComposition(r *Registry, name, former string) *composition {
	c := &composition{
		house: r, arn: name, former: former, log: r.cfg.Log.With("composition", name),
		wake: make(chan struct{}, 1), news: make(chan func(), 16),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// look has the composition see what was decided about it in the store.
func (c *composition) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run is the composition's goroutine, until it has ended or the registry closes.
func (c *composition) run() {
	defer func() {
		if c.worker != nil { // the composition is no longer this node's
			c.worker.Kill()
			_ = c.worker.Wait()
		}
		c.cancel()
		c.wg.Wait()
		for _, o := range c.outputs {
			if o.release != nil {
				o.release() // safe twice
			}
		}
	}()
	if err := c.begin(); err != nil {
		c.log.Error("begin composition", "error", err)
		c.finish(&internalError)
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	looked := time.Now()
	for !c.stopped && c.house.ctx.Err() == nil {
		var reports <-chan worker.Report
		if c.worker != nil {
			reports = c.worker.Reports()
		}
		select {
		case r, more := <-reports:
			if more {
				c.hear(r)
			} else {
				c.workerGone()
			}
		case <-c.again:
			c.startWorker()
		case tell := <-c.news:
			tell()
		case <-c.wake:
			c.decide()
		case <-tick.C:
			c.watch()
			if time.Since(looked) > lookEvery {
				looked = time.Now()
				c.decide()
			}
		case <-c.house.ctx.Done():
		}
	}
	if !c.stopped {
		c.part()
	}
}

// begin reads what is to be done, and goes on where an earlier node stopped.
func (c *composition) begin() error {
	err := c.house.Store.Read(c.house.ctx, func(tx *store.Tx) error {
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
	c.stageARN.Store(&c.doc.StageARN)
	c.audience = time.Now()
	if err := c.open(); err != nil {
		return err
	}
	for _, o := range c.outputs {
		c.judge(o) // no worker writes to it now
	}
	if !slices.ContainsFunc(c.outputs, func(o *output) bool { return !o.over }) { // only the last step is missing
		c.settle()
		return nil
	}
	c.startWorker()
	return nil
}

// decide looks into the store: was it stopped, is its stage still there?
func (c *composition) decide() {
	var stage error
	err := c.house.Store.Read(c.house.ctx, func(tx *store.Tx) error {
		doc, err := tx.Compositions().Get(c.arn)
		if err != nil {
			return err
		}
		c.doc = *doc
		_, stage = tx.Stages().Get(doc.StageARN)
		return nil
	})
	switch {
	case err != nil:
		c.log.Warn("look at the composition", "error", err)
	case errors.Is(stage, ivsrealtime.ResourceNotFound):
		c.finish(&stageDeleted)
	case c.doc.State == ivsrealtime.CompositionStopping:
		c.finish(nil)
	}
}

// watch looks at the clock.
func (c *composition) watch() {
	c.figures.look(c)
	for _, o := range c.outputs {
		c.judge(o) // whose bucket may have stopped to answer
	}
	switch longest := c.house.cfg.Longest; {
	case c.wanted != nil:
	case time.Since(c.audience) > c.house.cfg.NoPublishers:
		c.log.Info("composition stops: nobody publishes")
		c.finish(nil)
	case longest > 0 && time.Since(c.doc.StartTime) > longest:
		c.log.Info("composition stops: it has taken as long as it may")
		c.finish(nil)
	}
}

// finish begins the end; the first wish holds.
func (c *composition) finish(failure *event.Failure) {
	if c.wanted != nil {
		return
	}
	c.wanted, c.again = &wish{failure}, nil
	if failure == &internalError {
		for _, o := range c.outputs { // what they have is not all that was asked for
			if o.failure == nil {
				o.failure = failure
			}
		}
	}
	c.stopping()
	if c.worker != nil {
		c.worker.Stop(worker.StopTime)
		return
	}
	c.finishOutputs()
}

// finishOutputs has what was written brought away, once no worker writes any more.
func (c *composition) finishOutputs() {
	for _, o := range c.outputs {
		c.finishOutput(o)
	}
	c.settle()
}

// settle ends the composition when all its destinations have ended.
func (c *composition) settle() {
	failed := 0
	for _, o := range c.outputs {
		if !o.over {
			return
		}
		if o.failure != nil {
			failed++
		}
	}
	if c.wanted == nil {
		c.finish(&outputsFailed)
	}
	if c.worker != nil || c.stopped {
		return
	}
	failure := c.wanted.failure
	if failure == nil && failed > 0 && failed == len(c.outputs) {
		failure = &outputsFailed
	}
	if c.stopped = c.end(failure); !c.stopped {
		return // the next start will
	}
	for _, o := range c.outputs {
		o.forget(c.log)
	}
}

// part leaves the composition to the next start: the worker writes down what it
// has, and what is written is brought away as far as time allows.
func (c *composition) part() {
	within := time.NewTimer(partingTime)
	defer within.Stop()
	if c.worker != nil {
		c.worker.Stop(partingTime)
		_ = c.worker.Wait() // it was told to stop
		c.worker = nil
	}
	for _, o := range c.outputs {
		o.nudge()
	}
	for waiting := true; waiting; {
		waiting = false
		for _, o := range c.outputs {
			waiting = waiting || !o.over && o.recording != nil && !o.recording.IsDrained()
		}
		select {
		case <-c.news: // nothing is decided any more
		case <-within.C:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
