package stage

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// This file has how a session goes on at another node than before.

// takeoverTimeout bounds the writes of a takeover: a large session has thousands of participants.
const takeoverTimeout = time.Minute

// A takeover is a session that another node left open: this node, its new home, continues it.
type takeover struct {
	session      store.Session
	participants []store.Participant // that are connected, the earliest first; each may come back
}

// takeOver makes the session that a former home of a stage left open one of this node. What media
// did there has stopped as of that node's last heartbeat. Encoders and replicas have left:
// nobody keeps a place for those. It returns nil if no session is open. What a takeover did
// before it failed, the next one does not do again.
func (r *Registry) takeOver(stageARN string, home store.Home) (*takeover, error) {
	ctx, cancel := context.WithTimeout(context.Background(), takeoverTimeout)
	defer cancel()
	var open *store.Session
	var seen time.Time
	err := r.writeAtHome(ctx, stageARN, home, func(tx *store.Tx) (err error) {
		open, seen, err = r.takeSession(tx, stageARN)
		return err
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := &takeover{session: *open}
	const chunk = 200 // participants of a transaction: other writers wait for it
	for page := (store.Page{Limit: chunk}); ; {
		var some []store.Participant
		var next int64
		err := r.writeAtHome(ctx, stageARN, home, func(tx *store.Tx) (err error) {
			some, next, err = r.takeParticipants(tx, open, seen, page)
			return err
		})
		if err != nil {
			return nil, err
		}
		t.participants = append(t.participants, some...)
		if page.After = next; next == 0 {
			break
		}
	}
	r.cfg.Log.Info("a stage session goes on here", "stage", stageARN, "session", open.ID, "from", open.Node, "participants", len(t.participants))
	return t, nil
}

// writeAtHome writes about a stage whose home this node has.
func (r *Registry) writeAtHome(ctx context.Context, stageARN string, home store.Home, f func(tx *store.Tx) error) error {
	return r.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.RequireHome(stageARN, home); err != nil {
			return err
		}
		return f(tx)
	})
}

// takeSession makes the session of a stage that runs one of this node, and ends what was
// replicated there. It returns the session as it was, and when its former home was seen last.
func (r *Registry) takeSession(tx *store.Tx, stageARN string) (open *store.Session, seen time.Time, err error) {
	if open, err = tx.ActiveSession(stageARN); err != nil {
		return nil, seen, err
	}
	former, err := tx.Node(open.Node)
	switch {
	case err != nil:
		return nil, seen, err
	case former == nil || former.ID == r.nodeID:
		former = &store.Node{ID: open.Node, Seen: timestamp()}
	case former.Protocol == 0 && !former.Started.IsZero(): // of a version without homes
		return nil, seen, &node.Elsewhere{Node: *former}
	}
	seen = former.Seen.Truncate(time.Millisecond)
	err = closeReplications(tx, store.Node{ID: former.ID, Seen: seen}, func(rep *store.Replication) bool {
		return rep.SourceStageARN == stageARN || rep.DestinationStageARN == stageARN
	})
	if err == nil {
		// At once, so that nobody who finds the former home dead closes participants meanwhile.
		err = errors.Join(tx.MoveSession(stageARN, open.ID, r.nodeID), tx.MoveParticipants(stageARN, open.ID, r.nodeID))
	}
	return open, seen, err
}

// takeParticipants stores what the end of their former home means for connected participants of
// a session, and returns those who stay.
func (r *Registry) takeParticipants(tx *store.Tx, open *store.Session, seen time.Time, page store.Page) (taken []store.Participant, next int64, err error) {
	some, next, err := tx.Participants(open.StageARN, open.ID, store.ParticipantFilter{State: ivsrealtime.ParticipantConnected}, page)
	for i := 0; err == nil && i < len(some); i++ {
		p := &some[i]
		if p.IngestConfigurationARN != "" || p.ReplicationType == ivsrealtime.ReplicationReplica {
			if p.IngestConfigurationARN != "" {
				err = deactivateIngest(tx, p.IngestConfigurationARN, open.Node)
			}
			if err == nil {
				_, err = closeParticipant(tx, p, seen)
			}
			continue
		}
		var here bool
		if here, err = r.takeParticipant(tx, p, seen); here {
			taken = append(taken, *p)
		}
	}
	return taken, next, err
}

// takeParticipant stores that the media of a participant stopped, who stays connected. It reports
// false if another node closed the participant meanwhile.
func (r *Registry) takeParticipant(tx *store.Tx, p *store.Participant, seen time.Time) (bool, error) {
	now, err := tx.Participant(p.Ref()) // and locks it
	if err != nil || now.State != ivsrealtime.ParticipantConnected || now.Node != p.Node {
		return false, err
	}
	at, stops, err := openEvents(tx, p.Ref(), later(seen, p.FirstJoinTime))
	if err != nil {
		return false, err
	}
	who := event.Participant{StageARN: p.StageARN, SessionID: p.SessionID, ID: p.ParticipantID, UserID: p.UserID}
	for _, e := range stops {
		e.ParticipantID, e.EventTime = p.ParticipantID, at
		if e.Name == ivsrealtime.EventPublishStopped {
			tx.Emit(event.ParticipantUnpublished(who, at))
		}
		if err := tx.RecordEvent(p.Ref(), e); err != nil {
			return false, err
		}
	}
	return true, nil
}

// resume continues a session that was taken over. Its participants are present as if they had
// just lost their connections. It is the first that the session's goroutine does.
func (s *Session) resume(t *takeover) {
	for i := range t.participants {
		row := &t.participants[i]
		p := &participant{id: row.ParticipantID, client: clientOf(&row.Participant), subscriptions: map[string]*Connection{}, joined: true, published: row.Published}
		p.grant = authority.Grant{Account: s.owner.Account, Region: s.owner.Region, Claims: token.Claims{ // its rights are those of the token with which it comes back
			ParticipantID: row.ParticipantID, StageARN: s.stageARN, StageID: s.stageID, UserID: row.UserID, Attributes: row.Attributes,
		}}
		s.participants[p.id] = p
		s.order++
		p.order = s.order
		s.joined++
		s.leaveIfUnused(p, s.registry.cfg.Return)
	}
	if s.joined == 0 {
		s.linger()
	}
}

// clientOf is what the program of a participant said about itself.
func clientOf(p *ivsrealtime.Participant) Client {
	return Client{
		BrowserName: p.BrowserName, BrowserVersion: p.BrowserVersion, OSName: p.OSName, OSVersion: p.OSVersion, SDKVersion: p.SDKVersion,
	}
}
