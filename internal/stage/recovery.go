package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// beatEvery is how often a node says that it lives.
const beatEvery = 5 * time.Second

// live says that this node lives, until the registry closes, and looks after
// what dead ones left.
func (r *Registry) live() {
	watched := sightings{}
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		err := r.beat(r.ctx)
		if err == nil && r.cfg.Shared {
			err = r.bury(r.ctx, func(n store.Node) bool { return watched.silent(n, r.cfg.Lease) })
		}
		if err != nil && r.ctx.Err() == nil {
			r.cfg.Log.Error("heartbeat", "node", r.node, "error", err)
		}
	}
}

func (r *Registry) beat(ctx context.Context) error {
	return r.store.Write(ctx, func(tx *store.Tx) error { return tx.Beat(r.node, time.Now()) })
}

// sightings are the signs of life of other nodes, and when each was first seen here. Their
// clocks and ours may differ and jump; that a sign stays the same is told by our monotonic
// clock alone.
type sightings map[string]sighting

type sighting struct{ sign, at time.Time }

// silent tells whether a node's sign of life has been the same for a while.
func (s sightings) silent(n store.Node, while time.Duration) bool {
	last, known := s[n.ID]
	if !known || !last.sign.Equal(n.Seen) {
		s[n.ID] = sighting{n.Seen, time.Now()}
		return false
	}
	if time.Since(last.at) < while {
		return false
	}
	delete(s, n.ID)
	return true
}

// bury closes what dead nodes left open, as of when they were last seen, and forgets them.
func (r *Registry) bury(ctx context.Context, dead func(store.Node) bool) error {
	var nodes []store.Node
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		nodes, err = tx.SilentNodes(time.Now().AddDate(1000, 0, 0)) // all, whatever their clocks said
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.ID == r.node || !dead(n) {
			continue
		}
		if err := r.buryNode(ctx, n); err != nil {
			return fmt.Errorf("close what node %s left open: %w", n.ID, err)
		}
	}
	return nil
}

func (r *Registry) buryNode(ctx context.Context, n store.Node) error {
	n.Seen = n.Seen.Truncate(time.Millisecond)
	ends, err := r.buryParticipants(ctx, n, func(*store.Participant) bool { return true })
	if err != nil {
		return err
	}
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		if err := buryReplications(tx, n); err != nil {
			return err
		}
		sessions, err := tx.OpenSessions(n.ID)
		for i := 0; err == nil && i < len(sessions); i++ {
			err = endSession(tx, sessions[i], later(n.Seen, ends[sessions[i].ID]))
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.cfg.OnDeadNode != nil {
		if err := r.cfg.OnDeadNode(ctx, n); err != nil {
			return err
		}
	}
	r.cfg.Log.Info("closed what a dead node left open", "node", n.ID, "seen", n.Seen)
	return r.store.Write(ctx, func(tx *store.Tx) error { return tx.ForgetNode(n.ID) })
}

// buryParticipants closes those of a node's connected participants that match,
// and tells for each session when the last thing happened in it.
func (r *Registry) buryParticipants(ctx context.Context, n store.Node, match func(*store.Participant) bool) (map[string]time.Time, error) {
	var participants []store.Participant
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		participants, err = tx.ConnectedParticipants(n.ID)
		return err
	})
	participants = slices.DeleteFunc(participants, func(p store.Participant) bool { return !match(&p) })
	ends := map[string]time.Time{}
	for len(participants) > 0 && err == nil {
		const chunk = 200 // participants a transaction, for others write as well
		some := participants[:min(chunk, len(participants))]
		participants = participants[len(some):]
		err = r.store.Write(ctx, func(tx *store.Tx) error {
			for i := range some {
				at, err := buryParticipant(tx, &some[i], n.Seen)
				if err != nil {
					return err
				}
				ends[some[i].SessionID] = later(ends[some[i].SessionID], at)
			}
			return nil
		})
	}
	return ends, err
}

// burySession closes, as of now, a session of this node that failed.
func (r *Registry) burySession(ctx context.Context, stageARN, id string) error {
	n := store.Node{ID: r.node, Seen: moment()}
	ends, err := r.buryParticipants(ctx, n, func(p *store.Participant) bool { return p.StageARN == stageARN && p.SessionID == id })
	if err != nil {
		return err
	}
	return r.store.Write(ctx, func(tx *store.Tx) error {
		s, err := tx.Session(stageARN, id)
		if errors.Is(err, ivsrealtime.ResourceNotFound) {
			return nil // it had not begun
		}
		if err == nil && s.End.IsZero() {
			err = endSession(tx, *s, later(n.Seen, ends[id]))
		}
		return err
	})
}

func endSession(tx *store.Tx, s store.Session, at time.Time) error {
	at = later(at, s.Start)
	tx.Emit(event.SessionEnded(s.StageARN, s.ID, at))
	return tx.EndSession(s.StageARN, s.ID, at)
}

func buryReplications(tx *store.Tx, n store.Node) error {
	all, err := tx.OpenReplications(n.ID)
	for i := 0; err == nil && i < len(all); i++ {
		all[i].ReplicationState = ivsrealtime.ReplicationStopped
		err = replicationEnded(tx, &all[i], n.Seen, true)
	}
	return err
}

// buryParticipant writes the end of a participant that was connected to a node
// when that died: what it had begun is stopped, and it has left. It returns when.
func buryParticipant(tx *store.Tx, p *store.Participant, seen time.Time) (time.Time, error) {
	now, err := tx.Participant(p.Ref())
	if err != nil || now.State != ivsrealtime.ParticipantConnected || now.Node != p.Node {
		return seen, err // another node was quicker
	}
	at, open, err := openEvents(tx, p.Ref(), later(seen, p.FirstJoinTime))
	if err != nil {
		return at, err
	}
	who := event.Participant{StageARN: p.StageARN, SessionID: p.SessionID, ID: p.ParticipantID, UserID: p.UserID}
	replica := p.ReplicationType == ivsrealtime.ReplicationReplica
	if replica {
		who.Source = &event.Source{StageARN: p.SourceStageARN, SessionID: p.SourceSessionID}
	}
	ends := open
	ends = append(ends, ivsrealtime.Event{Name: ivsrealtime.EventLeft, Replica: replica})
	for _, e := range ends {
		e.ParticipantID, e.EventTime = p.ParticipantID, at
		if e.Name == ivsrealtime.EventPublishStopped {
			tx.Emit(event.ParticipantUnpublished(who, at))
		}
		if err := tx.RecordEvent(p.Ref(), e); err != nil {
			return at, err
		}
	}
	tx.Emit(event.ParticipantLeft(who, at))
	_, err = tx.UpdateParticipant(p.Ref(), func(p *store.Participant) error {
		p.State = ivsrealtime.ParticipantDisconnected
		if p.ReplicationType != ivsrealtime.ReplicationNone {
			p.ReplicationState = ivsrealtime.ReplicationStopped
		}
		return nil
	})
	return at, err
}

// openEvents reads a participant's history: the stops that are missing from it,
// and a time that is not before its last entry.
func openEvents(tx *store.Tx, ref store.ParticipantRef, at time.Time) (time.Time, []ivsrealtime.Event, error) {
	var publish *ivsrealtime.Event
	var remotes []string // in the order of subscribing
	subscribes := map[string]ivsrealtime.Event{}
	for page := (store.Page{Limit: 500}); ; {
		events, next, err := tx.ParticipantEvents(ref, page)
		if err != nil {
			return at, nil, err
		}
		for _, e := range events {
			at = later(at, e.EventTime)
			switch e.Name {
			case ivsrealtime.EventPublishStarted:
				publish = &ivsrealtime.Event{Name: ivsrealtime.EventPublishStopped, Replica: e.Replica}
			case ivsrealtime.EventPublishStopped:
				publish = nil
			case ivsrealtime.EventSubscribeStarted:
				remotes = append(remotes, e.RemoteParticipantID)
				subscribes[e.RemoteParticipantID] = ivsrealtime.Event{
					Name: ivsrealtime.EventSubscribeStopped, RemoteParticipantID: e.RemoteParticipantID, Replica: e.Replica,
				}
			case ivsrealtime.EventSubscribeStopped:
				delete(subscribes, e.RemoteParticipantID)
			}
		}
		if next == 0 {
			break
		}
		page.After = next
	}
	var stops []ivsrealtime.Event
	for _, id := range remotes {
		if e, ok := subscribes[id]; ok {
			stops = append(stops, e)
			delete(subscribes, id)
		}
	}
	if publish != nil {
		stops = append(stops, *publish)
	}
	return at, stops, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
