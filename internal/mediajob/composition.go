//go:build cgo

package mediajob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/worker"
	"rostrum/realtime"
)

// Compose does the job that it reads, until the end of in, and reports to out.
func Compose(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j, input, err := worker.ReadJob(in)
	if err != nil {
		return err
	}
	go func() { // ends with the process, or the input
		var more json.RawMessage
		for input.Decode(&more) == nil {
		}
		cancel()
		// The owner, which would kill this process after StopTime, may be gone itself.
		time.AfterFunc(worker.StopTime, func() { os.Exit(1) })
	}()
	return compose(ctx, j, worker.NewReportWriter(out))
}

// ComposeFile composes the stage of a token into a fragmented MP4.
func ComposeFile(ctx context.Context, token, file string, out io.Writer) error {
	return compose(ctx, worker.Job{Token: token, Programs: []worker.Program{{
		Destinations: []worker.Destination{{ID: "file", File: file}},
	}}}, worker.NewReportWriter(out))
}

// A composition does one job.
type composition struct {
	job      worker.Job
	stage    *compositor.Stage
	roster   roster
	programs []*program
	reports  *worker.ReportWriter
	end      context.CancelCauseFunc
}

// A program is one of the job's, with its destinations.
type program struct {
	*compositor.Program
	destinations []*destination
}

// maxLeave is how long leaving the stage may take, once all else has ended.
const maxLeave = 500 * time.Millisecond

// errRequested is the cause of an end that was requested.
var errRequested = errors.New("")

// compose runs until ctx ends, the composition may not stay on the stage, or no
// destination is left. The last report says which.
func compose(ctx context.Context, j worker.Job, reports *worker.ReportWriter) error {
	c := &composition{
		job: j, stage: compositor.NewStage(), roster: roster{participants: map[string]*participant{}}, reports: reports,
	}
	err := c.run(ctx)
	reason := ""
	if err != nil && !errors.Is(err, errRequested) {
		reason = err.Error()
	}
	if writeErr := reports.Write(worker.Report{Kind: worker.Ended, Reason: reason}); writeErr != nil {
		return writeErr
	}
	if reason != "" {
		return err
	}
	return nil
}

func (c *composition) run(outer context.Context) error {
	if _, err := realtime.ReadToken(c.job.Token); err != nil {
		return err
	}
	for _, p := range c.job.Programs {
		if err := c.open(p); err != nil {
			return errors.Join(err, c.closePrograms())
		}
	}
	ctx, end := context.WithCancelCause(context.Background())
	c.end = end
	stop := context.AfterFunc(outer, func() { end(errRequested) })
	defer stop()

	var running sync.WaitGroup
	for _, p := range c.programs {
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				end(err)
			}
		})
		for _, d := range p.destinations {
			running.Go(func() { d.run(ctx) })
		}
	}
	running.Go(func() { c.reportHealth(ctx) })
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if err := c.follow(ctx); err != nil {
			end(err)
		}
	}()
	<-ctx.Done()
	running.Wait()
	select {
	case <-followed:
		c.stage.Close()
	case <-time.After(maxLeave): // the server does not answer, and will notice by itself
	}
	return context.Cause(ctx)
}

// closePrograms frees programs that did not run.
func (c *composition) closePrograms() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var err error
	for _, p := range c.programs {
		err = errors.Join(err, p.Run(ctx))
	}
	return err
}

// open makes a program and its destinations.
func (c *composition) open(p worker.Program) error {
	config := compositor.Config{
		Width: p.Width, Height: p.Height, FrameRate: p.FrameRate, Bitrate: p.Bitrate,
		Keyframes: keyframeInterval(p), Encoder: c.job.Encoder, Layout: c.job.Layout.Chosen(),
	}
	made, err := compositor.NewProgram(c.stage, config)
	if err != nil {
		return err
	}
	opened := &program{Program: made}
	c.programs = append(c.programs, opened)
	for _, d := range p.Destinations {
		opened.destinations = append(opened.destinations, &destination{
			job: d, program: made, report: c.report, failed: c.destinationFailed,
		})
	}
	return nil
}

// keyframeInterval is at most 2 s, and divides the segments of a recording, which begin
// with a keyframe.
func keyframeInterval(p worker.Program) time.Duration {
	for _, d := range p.Destinations {
		if d.HLS != nil && d.HLS.SegmentSeconds > 0 {
			target := float64(d.HLS.SegmentSeconds)
			return time.Duration(target / math.Ceil(target/2) * float64(time.Second))
		}
	}
	return 2 * time.Second
}

// report writes a report. If that fails the owner is gone, and the job ends.
func (c *composition) report(r worker.Report) {
	if err := c.reports.Write(r); err != nil {
		c.end(fmt.Errorf("report: %w", err))
	}
}

func (c *composition) log(level, format string, args ...any) {
	c.report(worker.Report{Kind: worker.Log, Level: level, Reason: fmt.Sprintf(format, args...)})
}

// destinationFailed ends the job with its last destination.
func (c *composition) destinationFailed() {
	for _, p := range c.programs {
		for _, d := range p.destinations {
			if !d.ended.Load() {
				return
			}
		}
	}
	c.end(errors.New(worker.NoDestinations))
}

// reportHealth sends a heartbeat every second.
func (c *composition) reportHealth(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.report(worker.Report{Kind: worker.Heartbeat, Health: c.health()})
		case <-ctx.Done():
			return
		}
	}
}

func (c *composition) health() *worker.Health {
	h := &worker.Health{Publishers: c.roster.publishers(), Participants: []worker.ParticipantHealth{}}
	for _, p := range c.stage.Stats() {
		h.Participants = append(h.Participants, worker.ParticipantHealth{
			ID: p.ID, Width: p.Width, Height: p.Height, DelayMS: p.Delay.Milliseconds(),
			Decoded: p.Video.Decoded, Damaged: p.Video.Damaged, Keyframes: p.Video.Keyframes,
		})
	}
	for _, p := range c.programs {
		s := p.Stats()
		h.Programs = append(h.Programs, worker.ProgramHealth{
			Ticks: s.Ticks, Late: s.Late, WorstLateMS: s.WorstLate.Milliseconds(), Bytes: s.Bytes, Dropped: dropped(p.destinations),
		})
	}
	return h
}

func dropped(destinations []*destination) map[string]uint64 {
	m := map[string]uint64{}
	for _, d := range destinations {
		if n := d.dropped(); n > 0 {
			m[d.job.ID] = n
		}
	}
	return m
}
