//go:build cgo

package mediajob

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/rtmp"
	"rostrum/internal/worker"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// defaultRetryTime is how long a destination may be interrupted before it fails.
	defaultRetryTime = 90 * time.Second
	// stableTime is how long a destination must be active for its next interruption to
	// count from the beginning.
	stableTime = 10 * time.Second
	// maxRefusals is how often a server may refuse the stream before the destination fails.
	maxRefusals = 3
)

// A destination is one of the job's. It opens its output, and again after an error.
type destination struct {
	job     worker.Destination
	program *compositor.Program
	report  func(worker.Report)
	failed  func() // called after the destination failed

	activeSince time.Time   // of the current attempt; zero before
	ended       atomic.Bool // no attempt will follow
	queue       atomic.Pointer[compositor.Queue]
	droppedPast atomic.Uint64 // packets, by former queues
}

func (d *destination) dropped() uint64 {
	n := d.droppedPast.Load()
	if q := d.queue.Load(); q != nil {
		n += q.Dropped()
	}
	return n
}

func (d *destination) reportState(s worker.State, reason string) {
	d.report(worker.Report{Kind: worker.DestinationState, Destination: d.job.ID, State: s, Reason: reason})
}

// run keeps the destination active until ctx ends or it fails. The cause of ctx's end
// says whether that was requested.
func (d *destination) run(ctx context.Context) {
	interrupted := time.Now()
	for attempt := 1; ; attempt++ {
		err := d.attempt(ctx)
		if ctx.Err() != nil {
			d.ended.Store(true)
			switch {
			case !errors.Is(context.Cause(ctx), errRequested): // the next process continues
			case err != nil && d.job.RTMP == nil: // the last files are missing
				d.reportState(worker.Failed, reason(err))
			default:
				d.reportState(worker.Stopped, "")
			}
			return
		}
		if !d.activeSince.IsZero() && time.Since(d.activeSince) > stableTime {
			attempt, interrupted = 1, time.Now()
		}
		if d.isFinal(err, attempt, time.Since(interrupted)) {
			d.ended.Store(true)
			d.fail(err)
			return
		}
		d.reportState(worker.Reconnecting, reason(err))
		select {
		case <-time.After(min(firstBackoff<<min(attempt-1, 5), maxBackoff)):
		case <-ctx.Done():
		}
	}
}

// isFinal reports whether no attempt follows after an error.
func (d *destination) isFinal(err error, attempt int, interrupted time.Duration) bool {
	if d.job.RTMP == nil {
		return true
	}
	retryTime := defaultRetryTime
	if s := d.job.RTMP.RetrySeconds; s > 0 {
		retryTime = time.Duration(s) * time.Second
	}
	return interrupted > retryTime || attempt > maxRefusals && errors.Is(err, rtmp.ErrRefused)
}

// fail reports why the destination failed. Where the reason is one of package worker's,
// the log has the error.
func (d *destination) fail(err error) {
	why := reason(err)
	if errors.Is(err, rtmp.ErrRefused) {
		d.logError(err)
		why = worker.Refused
	}
	d.reportState(worker.Failed, why)
	d.failed()
}

func (d *destination) logError(err error) {
	d.report(worker.Report{Kind: worker.Log, Destination: d.job.ID, Level: "WARN", Reason: reason(err)})
}

func reason(err error) string {
	if err == nil {
		return "the output ended"
	}
	return err.Error()
}

// attempt is one output, from its opening to its end.
func (d *destination) attempt(ctx context.Context) error {
	d.activeSince = time.Time{}
	output := d.newOutput(ctx)
	queue := d.program.Attach(output)
	d.queue.Store(queue)
	thumbnailsDone := make(chan struct{})
	thumbnailCtx, stop := context.WithCancel(ctx)
	go func() {
		defer close(thumbnailsDone)
		if r, ok := output.(*recording); ok {
			r.takeThumbnails(thumbnailCtx, d.program)
		}
	}()
	<-queue.Done()
	released := queue.Released()
	stop()
	<-thumbnailsDone
	d.program.Detach(queue)
	d.droppedPast.Add(queue.Dropped())
	d.queue.Store(nil)
	if released { // the program ended; ctx follows, with the cause
		<-ctx.Done()
	}
	if err := queue.Err(); err != nil {
		return fmt.Errorf("destination %s: %w", d.job.ID, err)
	}
	return nil
}

func (d *destination) newOutput(ctx context.Context) compositor.Output {
	active := func() { // called by the output, before its queue is done
		d.activeSince = time.Now()
		d.reportState(worker.Active, "")
	}
	switch format := d.program.Format(); {
	case d.job.RTMP != nil:
		return newPush(ctx, d.job.RTMP.URL, format, active)
	case d.job.HLS != nil:
		return newRecording(*d.job.HLS, format, recordingEvents{
			active:      active,
			interrupted: func(err error) { d.reportState(worker.Reconnecting, err.Error()) },
			file: func(name string) {
				d.report(worker.Report{Kind: worker.File, Destination: d.job.ID, Name: name})
			},
			failedThumbnail: d.logError,
		})
	default:
		return newFile(d.job.File, format, active)
	}
}
