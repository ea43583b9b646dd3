package composition

import (
	"encoding/json"
	"fmt"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/token"
	"rostrum/internal/worker"
)

const (
	firstRestart = 100 * time.Millisecond
	maxRestart   = 5 * time.Second
	maxFailures  = 10 // of workers in a row
	// stableTime is how long a worker must have run for its failure to be the first.
	stableTime = 15 * time.Second
)

// startWorker starts a worker, for the first time or again.
func (c *composition) startWorker() {
	c.restart = nil
	if c.reload(); c.ending != nil || c.ended {
		return
	}
	if err := c.registry.CanStart(); err != nil {
		c.log.Error("start a worker", "error", err)
		c.stop(&internalError)
		return
	}
	if !c.resumeRecordings() {
		c.restart = time.After(maxRestart)
		return
	}
	j, err := c.job()
	if err == nil && len(j.Programs) == 0 {
		c.endIfComplete() // all destinations have failed, or are about to
		return
	}
	var p *worker.Process
	if err == nil {
		p, err = worker.Start(worker.Config{
			Program: c.registry.cfg.Program, Memory: c.registry.cfg.WorkerMemory,
			Ports: c.registry.cfg.WorkerPorts, Private: c.registry.cfg.Private,
			HeartbeatLimit: c.registry.cfg.HeartbeatLimit, Log: c.log,
		}, j)
	}
	if err != nil {
		c.log.Error("start a worker", "error", err)
		c.scheduleRestart()
		return
	}
	c.process, c.lastReason = p, ""
	c.stats.workerStarted(p)
}

// resumeRecordings prepares recordings for the worker that continues them. It returns
// false if a bucket that has a playlist does not answer.
func (c *composition) resumeRecordings() bool {
	for _, d := range c.destinations {
		if d.recorder == nil || d.ended || d.failure != nil || d.began.IsZero() {
			continue
		}
		if t := d.job.HLS.Thumbnails; t != nil { // earlier ones are in the bucket
			t.First = 1 + int(time.Since(d.began)/(time.Duration(t.IntervalSeconds)*time.Second))
		}
		err := d.recorder.Resume(c.registry.ctx)
		if err == nil {
			continue
		}
		c.log.Warn("resume the recording", "destination", d.id, "error", err)
		if d.failure = d.recorder.Failure(); d.failure == nil {
			return false
		}
	}
	return true
}

// job describes the work of a worker. Each format is encoded once.
func (c *composition) job() (worker.Job, error) {
	stage, err := arn.Parse(c.doc.StageARN)
	if err != nil {
		return worker.Job{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	raw, err := c.registry.Authority.Issue(token.Claims{
		ParticipantID: arn.NewID(), StageARN: c.doc.StageARN, StageID: stage.ID,
		Subscribe: true, Hidden: true, IssuedAt: now, ExpiresAt: now.Add(token.MaxLifetime),
	})
	if err != nil {
		return worker.Job{}, err
	}
	j := worker.Job{Token: raw}
	if trusted := c.registry.cfg.Certificates; trusted != nil {
		j.Certificates = trusted()
	}
	layout, err := json.Marshal(c.doc.Layout) // the job uses the names of the API
	if err == nil {
		err = json.Unmarshal(layout, &j.Layout)
	}
	if err != nil {
		return worker.Job{}, fmt.Errorf("layout: %w", err)
	}
	programs := map[string]int{}
	for _, d := range c.destinations {
		if d.ended || d.failure != nil {
			continue
		}
		n, known := programs[d.encoder]
		if !known {
			n = len(j.Programs)
			programs[d.encoder] = n
			j.Programs = append(j.Programs, worker.Program{
				Width: *d.video.Width, Height: *d.video.Height, FrameRate: *d.video.Framerate, Bitrate: *d.video.Bitrate,
			})
		}
		j.Programs[n].Destinations = append(j.Programs[n].Destinations, d.job)
	}
	return j, nil
}

// handleReport handles a report of the worker.
func (c *composition) handleReport(r worker.Report) {
	switch r.Kind {
	case worker.Ready:
		c.log.Info("composing", "after", c.process.Age().Round(time.Millisecond))
	case worker.Heartbeat:
		if r.Health == nil {
			return
		}
		if r.Health.Publishers > 0 {
			c.lastPublisher = time.Now()
		}
		c.stats.setHealth(*r.Health)
	case worker.Ended:
		c.lastReason = r.Reason
	case worker.File, worker.DestinationState:
		for _, d := range c.destinations {
			if d.id == r.Destination && !d.ended {
				c.handleDestinationReport(d, r)
			}
		}
	}
}

// handleDestinationReport handles what the worker reports of a destination.
func (c *composition) handleDestinationReport(d *destination, r worker.Report) {
	switch {
	case r.Kind == worker.File && d.recorder != nil:
		d.recorder.Scan()
		if d.writing {
			return
		}
		d.recorder.SetWriting(true)
		d.writing, d.uploaded = true, false // until the first files are in the bucket
		if d.began.IsZero() {
			d.began = micro(time.Now())
			d.recorder.Start(d.began)
		}
	case r.State == worker.Active:
		d.interrupted = false
		if d.recorder == nil {
			if d.writing = true; d.began.IsZero() {
				d.began = micro(time.Now())
			}
		}
		c.updateState(d)
	case r.State == worker.Reconnecting:
		c.log.Warn("destination is interrupted", "destination", d.id, "reason", r.Reason)
		d.interrupted = true
		c.updateState(d)
	case r.State == worker.Failed:
		c.log.Error("destination failed", "destination", d.id, "reason", r.Reason)
		if d.failure = &internalError; r.Reason == worker.Refused {
			d.failure = &streamExists
		}
		c.finishDestination(d)
	}
}

// workerExited handles the exit of the worker: requested, for a reason that it reported,
// or a failure, after which another one is started.
func (c *composition) workerExited() {
	p := c.process
	exit := p.Wait()
	c.process = nil
	c.stats.workerExited(p)
	for _, d := range c.destinations {
		d.drain()
	}
	switch {
	case c.ending != nil:
		c.finishDestinations()
		return
	case c.lastReason == worker.StageDeleted:
		c.stop(&stageDeleted)
		return
	case c.lastReason == worker.NoDestinations:
		c.endIfComplete() // or once their recordings have ended
		return
	}
	c.log.Error("worker failed", "error", exit, "reason", c.lastReason, "after", p.Age().Round(time.Millisecond))
	for _, d := range c.destinations {
		d.writing, d.interrupted = false, false
		c.updateState(d)
	}
	if p.Age() > stableTime {
		c.failures = 0
	}
	c.scheduleRestart()
}

// scheduleRestart starts another worker later, unless too many have failed.
func (c *composition) scheduleRestart() {
	if c.failures++; c.failures > maxFailures {
		c.log.Error("composition fails: its workers fail repeatedly", "workers", c.failures)
		c.stop(&internalError)
		return
	}
	c.restart = time.After(min(firstRestart<<(c.failures-1), maxRestart))
}
