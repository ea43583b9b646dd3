//go:build cgo

package mediajob

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"rostrum/internal/compositor"
	"rostrum/internal/worker"
)

// A program that fails ends its outputs before their destinations know the cause.
func TestDestination_DoesNotFailWithItsProgram(t *testing.T) {
	made, err := compositor.NewProgram(compositor.NewStage(), compositor.Config{Width: 64, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var states []worker.State
	reported := make(chan struct{}, 8)
	d := &destination{
		job: worker.Destination{ID: "recording", HLS: &worker.HLS{Directory: t.TempDir(), Rendition: "64p30"}}, program: made,
		report: func(r worker.Report) {
			if r.Kind != worker.DestinationState {
				return
			}
			mu.Lock()
			states = append(states, r.State)
			mu.Unlock()
			reported <- struct{}{}
		},
		failed: func() {},
	}
	programCtx, endProgram := context.WithCancel(t.Context())
	ctx, end := context.WithCancelCause(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := made.Run(programCtx); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() { d.run(ctx) })
	<-reported
	endProgram()
	for d.queue.Load() != nil {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // in which it must report nothing
	end(errors.New("the encoder fails"))
	all.Wait()
	if len(states) != 1 || states[0] != worker.Active {
		t.Errorf("the destination reports %v, expected ACTIVE alone: the next process continues", states)
	}
}
