package peer

import (
	"context"
	"rostrum/internal/wire"
	"sync"
	"time"
)

// Follow calls visit for each publisher of the token's stage but its holder, as
// they come: in a goroutine of its own, whose context ends when the publisher
// stops. A visit that returns while its publisher is still there is repeated after
// a second. Follow returns once all visits have, when ctx ends or the events do;
// tell hears every message, if it isn't nil.
func Follow(ctx context.Context, t Token, e *Events, tell func(wire.Message), visit func(context.Context, wire.Participant)) error {
	f := follower{self: t.ParticipantID, visit: visit, members: map[string]wire.Participant{}, visits: map[string]context.CancelFunc{}}
	ctx, cancel := context.WithCancel(ctx)
	defer f.running.Wait()
	defer cancel()
	return e.Run(ctx, func(m wire.Message) {
		if tell != nil {
			tell(m)
		}
		f.hear(ctx, m)
	})
}

// follower keeps the visits as the stage is. It is for the one goroutine that
// hears the events.
type follower struct {
	self    string
	visit   func(context.Context, wire.Participant)
	members map[string]wire.Participant
	visits  map[string]context.CancelFunc
	running sync.WaitGroup
}

func (f *follower) hear(ctx context.Context, m wire.Message) {
	switch m := m.Payload.(type) {
	case wire.StageState:
		f.members = map[string]wire.Participant{}
		for _, p := range m.Participants {
			f.members[p.ID] = p
		}
	case wire.ParticipantLeft:
		delete(f.members, m.ParticipantID)
	case wire.PublishState:
		p := f.members[m.ParticipantID]
		p.ID, p.IsPublishing = m.ParticipantID, m.IsPublishing
		f.members[m.ParticipantID] = p
	default:
		return
	}
	for id, stop := range f.visits {
		if !f.members[id].IsPublishing {
			stop()
			delete(f.visits, id)
		}
	}
	for id, p := range f.members {
		if _, visited := f.visits[id]; !visited && p.IsPublishing && id != f.self {
			visit, stop := context.WithCancel(ctx)
			f.visits[id] = stop
			f.running.Go(func() { f.stay(visit, p) })
		}
	}
}

func (f *follower) stay(ctx context.Context, p wire.Participant) {
	for ctx.Err() == nil {
		f.visit(ctx, p)
		sleepUntil(ctx, time.Now().Add(time.Second))
	}
}
