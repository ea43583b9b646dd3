package realtime

import (
	"context"
	"slices"
	"sync"
	"time"
)

// earlyTime is how long after joining what was subscribed to early may be taken.
const earlyTime = 2 * time.Second

// earlySubscriptions are offers to receive the first publishers of a stage, sent in the flight
// of the request to join it. Their answers are applied when they are taken. Nil has none.
type earlySubscriptions struct {
	publishers int
	answered   chan struct{} // closed when each is answered or given up
	ended      chan struct{} // closed when those that were not taken are closed

	mu   sync.Mutex         // guards what follows
	made []*mediaConnection // not taken yet, in the order of their places
}

// newEarlySubscriptions prepares some, which run makes.
func newEarlySubscriptions(publishers int) *earlySubscriptions {
	if publishers <= 0 {
		return nil
	}
	return &earlySubscriptions{publishers: publishers, answered: make(chan struct{}), ended: make(chan struct{})}
}

// run makes the offers, and closes what was not taken in time or by the end of the stage.
func (e *earlySubscriptions) run(s *Stage) {
	if e == nil {
		return
	}
	defer close(e.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.leaving:
			cancel()
		case <-ctx.Done():
		}
	}()
	made := make([]*mediaConnection, e.publishers)
	var offering sync.WaitGroup
	for i := range made {
		offering.Go(func() { made[i] = s.subscribeAt(ctx, i+1) })
	}
	offering.Wait()
	e.mu.Lock()
	e.made = slices.DeleteFunc(made, func(c *mediaConnection) bool { return c == nil })
	e.mu.Unlock()
	close(e.answered)
	select {
	case <-s.ready:
	case <-ctx.Done():
	}
	select {
	case <-time.After(earlyTime):
	case <-ctx.Done():
	}
	e.mu.Lock()
	left := e.made
	e.made = nil
	e.mu.Unlock()
	for _, c := range left {
		_ = c.close(ErrClosed) // nobody knows of it
	}
}

// subscribeAt offers to receive the publisher at a place. It is nil if there is none: then
// Subscribe offers by itself, and says what is wrong.
func (s *Stage) subscribeAt(ctx context.Context, place int) *mediaConnection {
	c, err := newReceiver(SubscribeConfig{Network: s.cfg.Network})
	if err != nil {
		return nil
	}
	token := s.Token()
	if c.offer(ctx, s.through(Endpoint{URL: token.WHIPURL, Bearer: token.Raw, place: place})) != nil {
		return nil
	}
	return c
}

// take returns the answered offer for a publisher, which is the caller's from then on, or nil.
// Of two the later has replaced the other: whoever begins to publish meanwhile moves the others
// to the next place.
func (e *earlySubscriptions) take(ctx context.Context, participantID string) *mediaConnection {
	if e == nil {
		return nil
	}
	select {
	case <-e.answered:
	case <-ctx.Done():
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, c := range slices.Backward(e.made) {
		if c.resource.publisher == participantID {
			e.made = slices.Delete(e.made, i, i+1)
			return c
		}
	}
	return nil
}

// wait waits for the end of those that were not taken.
func (e *earlySubscriptions) wait() {
	if e != nil {
		<-e.ended
	}
}
