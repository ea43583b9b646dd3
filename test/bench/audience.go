package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/peer/load"
)

// An audience is people on events sockets.
type audience struct {
	cancel    context.CancelFunc
	listening sync.WaitGroup
	there     chan struct{} // a value for each who was told the state

	mu   sync.Mutex // guards what follows
	told []time.Time
	all  chan struct{} // closed when as many as listen were told
	size int
	why  error
}

const (
	dialing   = 64 // sockets that are opened at the same time
	patience  = time.Minute
	toldLimit = 20 * time.Second
)

// listen opens a socket for each token and returns when all were told who is there.
func listen(ctx context.Context, tokens []peer.Token) (*audience, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &audience{cancel: cancel, there: make(chan struct{}, len(tokens)), all: make(chan struct{}), size: len(tokens)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: dialing}}
	timeout := time.After(patience)
	sent, came := 0, 0
	for came < len(tokens) {
		for ; sent < len(tokens) && sent-came < dialing; sent++ {
			events, err := peer.NewEvents(tokens[sent], client)
			if err != nil {
				a.leave()
				return nil, err
			}
			a.listening.Go(func() { a.attend(ctx, events) })
		}
		select {
		case <-a.there:
			came++
		case <-timeout:
			a.mu.Lock()
			err := a.why
			a.mu.Unlock()
			a.leave()
			return nil, fmt.Errorf("%d of %d sockets are open after %v: %w", came, len(tokens), patience, err)
		}
	}
	return a, nil
}

func (a *audience) attend(ctx context.Context, events *peer.Events) {
	greeted, told := false, false
	err := events.Run(ctx, func(m peer.Message) {
		switch {
		case m.Type == "STAGE_STATE" && !greeted:
			greeted = true
			a.there <- struct{}{}
		case m.Type == "PUBLISH_STATE" && !told:
			told = true
			a.note(time.Now())
		}
	})
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.why = err
	}
}

func (a *audience) note(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told = append(a.told, at); len(a.told) == a.size {
		close(a.all)
	}
}

// await has somebody publish, and returns when their first packet left and when each of
// the audience was told.
func (a *audience) await(ctx context.Context, who peer.Token) (at time.Time, told []time.Time, err error) {
	clip, err := load.NewClip(load.ClipConfig{})
	if err != nil {
		return at, nil, err
	}
	endpoint, err := who.PublishAt()
	if err != nil {
		return at, nil, err
	}
	p, err := load.Publish(ctx, endpoint, clip, 1, false)
	if err != nil {
		return at, nil, err
	}
	sending, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	at = time.Now()
	running.Go(func() { _ = p.Run(sending) }) // one that fails is told to nobody
	select {
	case <-a.all:
	case <-time.After(toldLimit):
	case <-ctx.Done():
	}
	stop()
	running.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return at, a.told, p.Close()
}

// leave closes the sockets.
func (a *audience) leave() {
	a.cancel()
	a.listening.Wait()
}
