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
	lastBackoff  = 10 * time.Second
	// patience is how long a destination may be interrupted before it has failed.
	patience = 90 * time.Second
	// goodTime is how long it must have been on air for an interruption to be a new one.
	goodTime = 10 * time.Second
)

// A destination is one of the job's: it opens its output, and again after a fault.
type destination struct {
	job     worker.Destination
	program *compositor.Program
	report  func(worker.Report)
	failed  func()

	onAir time.Time   // since when the attempt of now is; of that attempt
	over  atomic.Bool // it won't be tried again
	feed  atomic.Pointer[compositor.Feed]
	lost  atomic.Uint64 // packets dropped on former feeds
}

func (d *destination) dropped() uint64 {
	n := d.lost.Load()
	if f := d.feed.Load(); f != nil {
		n += f.Dropped()
	}
	return n
}

func (d *destination) state(s worker.State, reason string) {
	d.report(worker.Report{Kind: worker.DestinationState, Destination: d.job.ID, State: s, Reason: reason})
}

// run keeps the destination going until ctx ends or it has failed for good. The cause
// of ctx's end tells whether that was wanted.
func (d *destination) run(ctx context.Context) {
	broken := time.Now() // since when it is interrupted
	for attempt := 0; ; attempt++ {
		err := d.attempt(ctx)
		if ctx.Err() != nil {
			d.over.Store(true)
			switch {
			case !errors.Is(context.Cause(ctx), errWanted): // the next worker goes on
			case err != nil && d.job.RTMP == nil: // the end of the files is missing
				d.state(worker.Failed, reason(err))
			default:
				d.state(worker.Stopped, "")
			}
			return
		}
		if !d.onAir.IsZero() && time.Since(d.onAir) > goodTime {
			attempt, broken = 0, time.Now()
		}
		if d.hopeless(err, attempt, time.Since(broken)) {
			d.over.Store(true)
			d.giveUp(err)
			return
		}
		d.state(worker.Reconnecting, reason(err))
		select {
		case <-time.After(min(firstBackoff<<min(attempt, 5), lastBackoff)):
		case <-ctx.Done():
		}
	}
}

// hopeless tells whether a destination that is interrupted is not tried again.
func (d *destination) hopeless(err error, attempt int, interrupted time.Duration) bool {
	if d.job.RTMP == nil {
		return true
	}
	longest := patience
	if s := d.job.RTMP.RetrySeconds; s > 0 {
		longest = time.Duration(s) * time.Second
	}
	return interrupted > longest || attempt > 2 && errors.Is(err, rtmp.ErrRefused)
}

// giveUp tells why the destination has failed for good, in words for people if the
// supervisor's are too few.
func (d *destination) giveUp(err error) {
	why := reason(err)
	if errors.Is(err, rtmp.ErrRefused) {
		d.report(worker.Report{Kind: worker.Log, Destination: d.job.ID, Level: "WARN", Reason: why})
		why = worker.Refused
	}
	d.state(worker.Failed, why)
	d.failed()
}

func reason(err error) string {
	if err == nil {
		return "the output ended"
	}
	return err.Error()
}

// attempt is one output, from its opening to its end.
func (d *destination) attempt(ctx context.Context) error {
	d.onAir = time.Time{}
	active := func() { // by the output, before the feed is done
		d.onAir = time.Now()
		d.state(worker.Active, "")
	}
	interrupted := func(err error) { d.state(worker.Reconnecting, err.Error()) }
	log := func(err error) {
		d.report(worker.Report{Kind: worker.Log, Destination: d.job.ID, Level: "WARN", Reason: err.Error()})
	}
	file := func(name string) { d.report(worker.Report{Kind: worker.File, Destination: d.job.ID, Name: name}) }
	var output compositor.Output
	switch format := d.program.Format(); {
	case d.job.RTMP != nil:
		output = newPush(ctx, d.job.RTMP.URL, format, active)
	case d.job.HLS != nil:
		output = newRecording(*d.job.HLS, format, notices{active, interrupted, file, log})
	default:
		output = newFile(d.job.File, format, active)
	}
	feed := d.program.Attach(output)
	d.feed.Store(feed)
	pictures := make(chan struct{})
	thumbnails, stop := context.WithCancel(ctx)
	go func() {
		defer close(pictures)
		if r, is := output.(*recording); is {
			r.takeThumbnails(thumbnails, d.program)
		}
	}()
	<-feed.Done()
	released := feed.Released()
	stop()
	<-pictures
	d.program.Detach(feed)
	d.lost.Add(feed.Dropped())
	d.feed.Store(nil)
	if released { // the program ended: the cause follows, and is none of ours
		<-ctx.Done()
	}
	if err := feed.Err(); err != nil {
		return fmt.Errorf("destination %s: %w", d.job.ID, err)
	}
	return nil
}
