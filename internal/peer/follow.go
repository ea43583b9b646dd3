package peer

import (
	"context"
	"sync"
	"time"
)

// Follow calls visit for each publisher of the token's stage but its holder, as
// they come: in a goroutine of its own, whose context ends when the publisher
// stops. A visit that returns while its publisher is still there is repeated after
// a second. Follow returns once all visits have, when ctx ends or the events do;
// tell hears every message, if it isn't nil.
func Follow(ctx context.Context, t Token, e *Events, tell func(Message), visit func(context.Context, Member)) error {
	f := follower{self: t.ParticipantID, visit: visit, members: map[string]Member{}, visits: map[string]context.CancelFunc{}}
	ctx, cancel := context.WithCancel(ctx)
	defer f.running.Wait()
	defer cancel()
	return e.Run(ctx, func(m Message) {
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
	visit   func(context.Context, Member)
	members map[string]Member
	visits  map[string]context.CancelFunc
	running sync.WaitGroup
}

func (f *follower) hear(ctx context.Context, m Message) {
	if state, ok := m.State(); ok {
		f.members = map[string]Member{}
		for _, p := range state.Participants {
			f.members[p.ID] = p
		}
	} else if !f.change(m) {
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

// change takes in a message about one participant; it is false if it tells
// nothing of who publishes.
func (f *follower) change(m Message) bool {
	n, ok := m.Notice()
	if !ok || n.ParticipantID == "" {
		return false
	}
	switch m.Type {
	case "PARTICIPANT_LEFT":
		delete(f.members, n.ParticipantID)
	case "PUBLISH_STATE":
		if n.IsPublishing == nil {
			return false
		}
		p := f.members[n.ParticipantID]
		p.ID, p.IsPublishing = n.ParticipantID, *n.IsPublishing
		f.members[n.ParticipantID] = p
	default:
		return false
	}
	return true
}

func (f *follower) stay(ctx context.Context, p Member) {
	for ctx.Err() == nil {
		f.visit(ctx, p)
		sleepUntil(ctx, time.Now().Add(time.Second))
	}
}
