package realtime

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Follow calls receive for each other publisher of the stage: in a goroutine of its own, with
// a context that ends when the publisher stops. If receive returns before that, it is called
// again after a second. Follow receives the stage's events, and calls onEvent for each before
// what follows from it; onEvent may be nil. It returns when ctx or the stage has ended and all
// receive have returned: nil, or why the stage ended.
func (s *Stage) Follow(ctx context.Context, onEvent func(Event), receive func(context.Context, Participant)) error {
	ctx, cancel := context.WithCancel(ctx)
	f := follower{ctx: ctx, receive: receive, receiving: map[string]context.CancelFunc{}}
	defer f.running.Wait()
	defer cancel()
	for {
		select {
		case e, open := <-s.Events():
			if !open {
				if err := s.Err(); !errors.Is(err, ErrClosed) {
					return err
				}
				return nil
			}
			if onEvent != nil {
				onEvent(e)
			}
			f.apply(e, s)
		case <-ctx.Done():
			return nil
		}
	}
}

// A follower starts and stops receiving as the events say. It is for one goroutine.
type follower struct {
	ctx       context.Context
	receive   func(context.Context, Participant)
	receiving map[string]context.CancelFunc
	running   sync.WaitGroup
}

func (f *follower) apply(e Event, s *Stage) {
	switch e := e.(type) {
	case PublishChanged:
		f.set(e.Participant)
	case Missed:
		present := map[string]bool{}
		for _, p := range s.Participants() {
			present[p.ID] = true
			f.set(p)
		}
		for id := range f.receiving {
			if !present[id] {
				f.set(Participant{ID: id})
			}
		}
	}
}

// set starts or stops receiving a participant.
func (f *follower) set(p Participant) {
	stop, receiving := f.receiving[p.ID]
	switch {
	case receiving && !p.Publishing:
		stop()
		delete(f.receiving, p.ID)
	case !receiving && p.Publishing && !p.Local:
		publishing, stop := context.WithCancel(f.ctx)
		f.receiving[p.ID] = stop
		f.running.Go(func() { f.keepReceiving(publishing, p) })
	}
}

// receiveInterval is the pause before a publisher is received again.
const receiveInterval = time.Second

func (f *follower) keepReceiving(ctx context.Context, p Participant) {
	for ctx.Err() == nil {
		f.receive(ctx, p)
		select {
		case <-time.After(receiveInterval):
		case <-ctx.Done():
		}
	}
}
