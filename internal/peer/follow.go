package peer

import (
	"context"
	"rostrum/internal/wire"
	"sync"
	"time"
)

// Follow calls receive for each publisher of the token's stage but the participant itself:
// in a goroutine of its own, with a context that ends when the publisher stops. If receive
// returns before that it is called again after a second. onMessage is called for every
// message before that; it may be nil. Follow returns when ctx or the events have ended and
// all receive have returned.
func Follow(ctx context.Context, t Token, e *Events, onMessage func(wire.Message), receive func(context.Context, wire.Participant)) error {
	f := follower{self: t.ParticipantID, receive: receive, participants: map[string]wire.Participant{}, receiving: map[string]context.CancelFunc{}}
	ctx, cancel := context.WithCancel(ctx)
	defer f.running.Wait()
	defer cancel()
	return e.Run(ctx, func(m wire.Message) {
		if onMessage != nil {
			onMessage(m)
		}
		f.apply(ctx, m)
	})
}

// A follower starts and stops receiving as the events say. It is for one goroutine.
type follower struct {
	self         string
	receive      func(context.Context, wire.Participant)
	participants map[string]wire.Participant
	receiving    map[string]context.CancelFunc
	running      sync.WaitGroup
}

func (f *follower) apply(ctx context.Context, m wire.Message) {
	switch m := m.Payload.(type) {
	case wire.StageState:
		f.participants = map[string]wire.Participant{}
		for _, p := range m.Participants {
			f.participants[p.ID] = p
		}
	case wire.ParticipantLeft:
		delete(f.participants, m.ParticipantID)
	case wire.PublishState:
		p := f.participants[m.ParticipantID]
		p.ID, p.IsPublishing = m.ParticipantID, m.IsPublishing
		f.participants[m.ParticipantID] = p
	default:
		return
	}
	for id, stop := range f.receiving {
		if !f.participants[id].IsPublishing {
			stop()
			delete(f.receiving, id)
		}
	}
	for id, p := range f.participants {
		if _, receiving := f.receiving[id]; !receiving && p.IsPublishing && id != f.self {
			publishing, stop := context.WithCancel(ctx)
			f.receiving[id] = stop
			f.running.Go(func() { f.keepReceiving(publishing, p) })
		}
	}
}

func (f *follower) keepReceiving(ctx context.Context, p wire.Participant) {
	for ctx.Err() == nil {
		f.receive(ctx, p)
		sleepUntil(ctx, time.Now().Add(time.Second))
	}
}
