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

// A program that fails ends its outputs before anybody else knows.
func TestDestination_IsNotFailedByItsProgram(t *testing.T) {
	made, err := compositor.NewProgram(compositor.NewRoom(), compositor.Config{Width: 64, Height: 64})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var states []worker.State
	active := make(chan struct{}, 8)
	d := &destination{
		job: worker.Destination{ID: "recording", HLS: &worker.HLS{Directory: t.TempDir(), Rendition: "64p30"}}, program: made,
		report: func(r worker.Report) {
			if r.Kind != worker.DestinationState {
				return
			}
			mu.Lock()
			states = append(states, r.State)
			mu.Unlock()
			active <- struct{}{}
		},
		failed: func() {},
	}
	running, fail := context.WithCancel(t.Context())
	working, end := context.WithCancelCause(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := made.Run(running); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() { d.run(working) })
	<-active
	fail()
	for d.feed.Load() != nil {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // in which it must say nothing
	end(errors.New("the encoder fails"))
	all.Wait()
	if len(states) != 1 || states[0] != worker.Active {
		t.Errorf("the destination tells %v, expected ACTIVE alone: the next worker goes on", states)
	}
}
