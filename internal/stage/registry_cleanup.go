package stage

import (
	"context"
	"errors"
	"slices"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// closeDead closes what a dead node left open, as of its last heartbeat.
// Another node may do the same at the same time: each row is locked and read
// again before it is closed.
func (r *Registry) closeDead(ctx context.Context, dead store.Node) error {
	ends, err := r.closeParticipants(ctx, dead, func(*store.Participant) bool { return true })
	if err = errors.Join(err, r.deactivateIngestsOf(ctx, dead.ID)); err != nil {
		return err
	}
	return r.store.Write(ctx, func(tx *store.Tx) error {
		if err := closeReplications(tx, dead, func(*store.Replication) bool { return true }); err != nil {
			return err
		}
		sessions, err := tx.OpenSessions(dead.ID)
		for i := 0; err == nil && i < len(sessions); i++ {
			err = closeSession(tx, dead.ID, sessions[i].StageARN, sessions[i].ID, later(dead.Seen, ends[sessions[i].ID]))
		}
		return err
	})
}

// closeParticipants closes those of a node's connected participants that match.
// For each session it returns the time of the last event of these.
func (r *Registry) closeParticipants(ctx context.Context, n store.Node, match func(*store.Participant) bool) (map[string]time.Time, error) {
	var participants []store.Participant
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		participants, err = tx.ConnectedParticipants(n.ID)
		return err
	})
	participants = slices.DeleteFunc(participants, func(p store.Participant) bool { return !match(&p) })
	ends := map[string]time.Time{}
	for len(participants) > 0 && err == nil {
		const chunk = 200 // participants of a transaction: other writers wait for it
		some := participants[:min(chunk, len(participants))]
		participants = participants[len(some):]
		err = r.store.Write(ctx, func(tx *store.Tx) error {
			for i := range some {
				at, err := closeParticipant(tx, &some[i], n.Seen)
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

// closeFailed closes, as of now, a session of this node that failed.
func (r *Registry) closeFailed(ctx context.Context, stageARN, id string) error {
	return r.closeSessionOf(ctx, store.Node{ID: r.nodeID, Seen: timestamp()}, stageARN, id)
}

// closeSessionOf closes one session of a node that can't any more, as of its last heartbeat.
func (r *Registry) closeSessionOf(ctx context.Context, n store.Node, stageARN, id string) error {
	ends, err := r.closeParticipants(ctx, n, func(p *store.Participant) bool { return p.StageARN == stageARN && p.SessionID == id })
	if err != nil {
		return err
	}
	return r.store.Write(ctx, func(tx *store.Tx) error {
		return closeSession(tx, n.ID, stageARN, id, later(n.Seen, ends[id]))
	})
}

// closeSession ends a session of a node that is in the store and still open. One that another node
// continues is left alone.
func closeSession(tx *store.Tx, node, stageARN, id string, at time.Time) error {
	s, err := tx.Session(stageARN, id)
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil
	}
	if err != nil || !s.End.IsZero() || s.Node != node {
		return err
	}
	at = later(at, s.Start)
	tx.Emit(event.SessionEnded(s.StageARN, s.ID, at))
	return tx.EndSession(s.StageARN, s.ID, at)
}

// closeReplications ends those of a node's replications that match.
func closeReplications(tx *store.Tx, n store.Node, match func(*store.Replication) bool) error {
	all, err := tx.OpenReplications(n.ID)
	all = slices.DeleteFunc(all, func(r store.Replication) bool { return !match(&r) })
	for i := 0; err == nil && i < len(all); i++ {
		var now *store.Replication
		now, err = tx.Replication(all[i].SourceStageARN, all[i].ParticipantID, all[i].DestinationStageARN)
		if err != nil || now.ReplicationState != ivsrealtime.ReplicationActive || now.Node != n.ID {
			continue
		}
		now.ReplicationState = ivsrealtime.ReplicationStopped
		err = replicationEnded(tx, now, n.Seen, true)
	}
	return err
}

// closeParticipant stores the end of a participant that was connected to a
// node when that died: its publication and subscriptions stop, and it leaves.
// It returns the time of the participant's last event.
func closeParticipant(tx *store.Tx, p *store.Participant, seen time.Time) (time.Time, error) {
	now, err := tx.Participant(p.Ref())
	if err != nil {
		return seen, err
	}
	at, open, err := openEvents(tx, p.Ref(), later(seen, p.FirstJoinTime))
	if err != nil || now.State != ivsrealtime.ParticipantConnected || now.Node != p.Node {
		return at, err // another node closed it
	}
	if p.IngestConfigurationARN != "" {
		if err := deactivateIngest(tx, p.IngestConfigurationARN, p.Node); err != nil {
			return at, err
		}
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

// openEvents reads a participant's history. It returns the stop events that
// are missing from it, and the later of at and its last event's time.
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
