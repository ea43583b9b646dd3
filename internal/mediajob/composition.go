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
	"rostrum/internal/peer"
	"rostrum/internal/worker"
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
	token    peer.Token
	room     *compositor.Room
	programs []*program
	reports  *worker.ReportWriter
	stage    stage
	end      context.CancelCauseFunc
}

// program is one of the job's, with what became of its destinations.
type program struct {
	*compositor.Program
	destinations []*destination
}

// farewell is how long the stage may take to let us go, once all else has ended.
const farewell = 500 * time.Millisecond

// errWanted is the cause of a stop that was asked for.
var errWanted = errors.New("")

// compose runs until ctx ends, the stage lets us go or no destination is left. The
// last report tells which.
func compose(ctx context.Context, j worker.Job, reports *worker.ReportWriter) error {
	w := &composition{job: j, room: compositor.NewRoom(), reports: reports}
	err := w.run(ctx)
	reason := ""
	if err != nil && !errors.Is(err, errWanted) {
		reason = err.Error()
	}
	if says := reports.Write(worker.Report{Kind: worker.Ended, Reason: reason}); says != nil {
		return says
	}
	if reason != "" {
		return err
	}
	return nil
}

func (w *composition) run(outer context.Context) error {
	token, err := peer.ReadToken(w.job.Token)
	if err != nil {
		return err
	}
	w.token = token
	for _, p := range w.job.Programs {
		if err := w.open(p); err != nil {
			return errors.Join(err, w.abandon())
		}
	}
	ctx, end := context.WithCancelCause(context.Background())
	w.end = end
	stop := context.AfterFunc(outer, func() { end(errWanted) })
	defer stop()

	var running sync.WaitGroup
	for _, p := range w.programs {
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				end(err)
			}
		})
		for _, d := range p.destinations {
			running.Go(func() { d.run(ctx) })
		}
	}
	running.Go(func() { w.beat(ctx) })
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if err := w.follow(ctx); err != nil {
			end(err)
		}
	}()
	<-ctx.Done()
	running.Wait()
	select {
	case <-followed:
		w.room.Close()
	case <-time.After(farewell): // the stage doesn't answer: it will miss us by itself
	}
	return context.Cause(ctx)
}

// abandon frees programs that won't run.
func (w *composition) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var err error
	for _, p := range w.programs {
		err = errors.Join(err, p.Run(ctx))
	}
	return err
}

// open makes a program and its destinations.
func (w *composition) open(p worker.Program) error {
	config := compositor.Config{
		Width: p.Width, Height: p.Height, FrameRate: p.FrameRate, Bitrate: p.Bitrate,
		Keyframes: keyframes(p), Encoder: w.job.Encoder, Layout: w.job.Layout.Chosen(),
	}
	made, err := compositor.NewProgram(w.room, config)
	if err != nil {
		return err
	}
	opened := &program{Program: made}
	w.programs = append(w.programs, opened)
	for _, d := range p.Destinations {
		opened.destinations = append(opened.destinations, &destination{
			job: d, program: made, report: w.report, failed: w.destinationFailed,
		})
	}
	return nil
}

// keyframes is how far keyframes are apart: at most 2 s, and so that the segments of
// a recording, which begin at one, have the length that was asked for.
func keyframes(p worker.Program) time.Duration {
	for _, d := range p.Destinations {
		if d.HLS != nil && d.HLS.SegmentSeconds > 0 {
			target := float64(d.HLS.SegmentSeconds)
			return time.Duration(target / math.Ceil(target/2) * float64(time.Second))
		}
	}
	return 2 * time.Second
}

// report sends a line; a supervisor that doesn't read any more is gone.
func (w *composition) report(r worker.Report) {
	if err := w.reports.Write(r); err != nil {
		w.end(fmt.Errorf("report: %w", err))
	}
}

func (w *composition) log(level, format string, args ...any) {
	w.report(worker.Report{Kind: worker.Log, Level: level, Reason: fmt.Sprintf(format, args...)})
}

// destinationFailed ends the job with its last destination.
func (w *composition) destinationFailed() {
	for _, p := range w.programs {
		for _, d := range p.destinations {
			if !d.over.Load() {
				return
			}
		}
	}
	w.end(errors.New(worker.NoDestinations))
}

// beat reports health once a second.
func (w *composition) beat(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.report(worker.Report{Kind: worker.Heartbeat, Health: w.health()})
		case <-ctx.Done():
			return
		}
	}
}

func (w *composition) health() *worker.Health {
	h := &worker.Health{Publishers: w.stage.publishers(), Participants: []worker.ParticipantHealth{}}
	for _, m := range w.room.Stats() {
		h.Participants = append(h.Participants, worker.ParticipantHealth{
			ID: m.ID, Width: m.Width, Height: m.Height, DelayMS: m.Delay.Milliseconds(),
			Decoded: m.Video.Decoded, Damaged: m.Video.Damaged, Keyframes: m.Video.Keyframes,
		})
	}
	for _, p := range w.programs {
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
