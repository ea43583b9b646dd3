package stage

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// A Replication asks for a participant of one stage to be shown on another.
type Replication struct {
	SourceStageARN         string
	DestinationStageARN    string
	ParticipantID          string
	ReconnectWindowSeconds int
	Attributes             map[string]string // laid over the token's
	Most                   int               // replications of the participant at once; 0 for no limit
}

type replicationKey struct{ source, participant, destination string }

// A replication is one participant's being shown on another stage. It belongs
// to the registry, as it outlives the source's session while its window runs.
type replication struct {
	key        replicationKey
	window     time.Duration
	attributes map[string]string
	windowSecs int

	// Guarded by the registry's lock.
	sourceSession      string   // written by the destination's goroutine alone
	destination        *Session // nil until it is shown there
	destinationSession string
	settled            bool        // both sides know of it
	timer              *time.Timer // runs while the source doesn't publish
	over               bool
}

// A showing is what a replica takes from its source.
type showing struct {
	sessionID string
	grant     authority.Grant
	client    Client
	publisher *sfu.Publisher
	mutes     [2]bool // audio, video
	layers    []sfu.LayerInfo
}

// Replicate shows a publishing participant of one stage on another. The errors
// are those of the operation StartParticipantReplication.
func (r *Registry) Replicate(_ context.Context, want Replication) error {
	destination, err := arn.Parse(want.DestinationStageARN)
	if err != nil {
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "Resource: %s not found", want.DestinationStageARN)
	}
	what, err := r.shown(want.SourceStageARN, want.ParticipantID)
	if err != nil {
		return err
	}
	rep := &replication{
		key:    replicationKey{want.SourceStageARN, want.ParticipantID, want.DestinationStageARN},
		window: time.Duration(want.ReconnectWindowSeconds) * time.Second, windowSecs: want.ReconnectWindowSeconds,
		attributes: want.Attributes, sourceSession: what.sessionID,
	}
	if err := r.reserve(rep, want.Most); err != nil {
		return err
	}
	there := authority.Grant{
		Claims:  token.Claims{StageARN: want.DestinationStageARN, StageID: destination.ID},
		Account: destination.Account, Region: destination.Region,
	}
	err = r.in(there, func(s *Session) error { return s.do(func() error { return s.showReplica(rep, what) }) })
	if err == nil {
		err = r.confirm(rep, what.publisher)
	}
	if err != nil {
		r.endReplication(rep)
	}
	return operationError(err)
}

// operationError turns a participant's refusal into the operation's error.
func operationError(err error) error {
	var refusal *authority.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	code := map[authority.Kind]ivsrealtime.Code{
		authority.Crowded: ivsrealtime.ServiceQuotaExceeded, authority.NotFound: ivsrealtime.ResourceNotFound, authority.Forbidden: ivsrealtime.Conflict,
	}[refusal.Kind]
	if code == "" {
		return err
	}
	return ivsrealtime.Errorf(code, "%s", refusal.Detail)
}

func notPublishing(participantID string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s does not publish on the source stage", participantID)
}

// shown finds what of a participant is to be shown elsewhere.
func (r *Registry) shown(stageARN, participantID string) (what showing, err error) {
	err = errOver
	if s := r.running(stageARN); s != nil {
		err = s.ask(func() error {
			p := s.participants[participantID]
			if p == nil || !p.publishing || p.replica != nil {
				return errOver
			}
			what = p.showing(s)
			return nil
		})
	}
	if errors.Is(err, errOver) {
		err = notPublishing(participantID)
	}
	return what, err
}

func (p *participant) showing(s *Session) showing {
	return showing{s.id, p.grant, p.client, p.publication.publisher, [2]bool{p.audioMuted, p.videoStopped}, p.layers}
}

// reserve takes a replication's place, so that two can't take the same.
func (r *Registry) reserve(rep *replication, most int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replications[rep.key] != nil {
		return ivsrealtime.Errorf(ivsrealtime.Conflict, "participant %s is replicated to that stage already", rep.key.participant)
	}
	n := 0
	for k := range r.replications {
		if k.source == rep.key.source && k.participant == rep.key.participant {
			n++
		}
	}
	if full(n, 1, most) {
		return ivsrealtime.Errorf(ivsrealtime.ServiceQuotaExceeded, "the quota of %d replications of a participant at once is reached", most)
	}
	r.replications[rep.key] = rep
	return nil
}

// confirm records the replication on the source, if that still publishes.
func (r *Registry) confirm(rep *replication, publisher *sfu.Publisher) error {
	s := r.running(rep.key.source)
	if s == nil {
		return notPublishing(rep.key.participant)
	}
	err := s.do(func() error {
		p := s.participants[rep.key.participant]
		if p == nil || !p.publishing || p.publication.publisher != publisher {
			return notPublishing(rep.key.participant)
		}
		r.mu.Lock()
		rep.settled = true
		now, kept := moment(), rep.kept(r.node, ivsrealtime.ReplicationActive)
		r.mu.Unlock()
		s.note(func(tx *store.Tx) error { return tx.SaveReplication(&kept) })
		s.update(p, func(kept *store.Participant) {
			kept.ReplicationType, kept.ReplicationState = ivsrealtime.ReplicationSource, ivsrealtime.ReplicationActive
		})
		s.record(p.id, happened(ivsrealtime.EventReplicationStarted, &kept, now))
		s.emit(event.ParticipantReplicationStarted(p.subject(s), now, kept.DestinationStageARN, kept.DestinationSessionID))
		return nil
	})
	if errors.Is(err, errOver) {
		err = notPublishing(rep.key.participant)
	}
	return err
}

// kept is the replication as the store keeps it.
func (rep *replication) kept(node string, state ivsrealtime.ReplicationState) store.Replication {
	return store.Replication{
		ParticipantReplica: ivsrealtime.ParticipantReplica{
			SourceStageARN: rep.key.source, ParticipantID: rep.key.participant, SourceSessionID: rep.sourceSession,
			DestinationStageARN: rep.key.destination, DestinationSessionID: rep.destinationSession, ReplicationState: state,
		},
		Attributes: rep.attributes, ReconnectWindowSeconds: rep.windowSecs, Node: node,
	}
}

func happened(name ivsrealtime.EventName, rep *store.Replication, at time.Time) ivsrealtime.Event {
	return ivsrealtime.Event{
		Name: name, EventTime: at, ParticipantID: rep.ParticipantID,
		DestinationStageARN: rep.DestinationStageARN, DestinationSessionID: rep.DestinationSessionID,
	}
}

// StopReplication takes a replica away again; ResourceNotFound when there is none.
func (r *Registry) StopReplication(_ context.Context, sourceStageARN, destinationStageARN, participantID string) error {
	r.mu.Lock()
	rep := r.replications[replicationKey{sourceStageARN, participantID, destinationStageARN}]
	r.mu.Unlock()
	if rep == nil {
		return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s is not replicated to %s", participantID, destinationStageARN)
	}
	if s := r.endReplication(rep); s != nil {
		err := s.do(func() error { return nil }) // what ending it noted before is kept by then
		if err != nil && !errors.Is(err, errOver) {
			return err
		}
	}
	return nil
}

// endReplication ends a replication once, from any goroutine, and returns the
// source's session if that runs.
func (r *Registry) endReplication(rep *replication) *Session {
	r.mu.Lock()
	if rep.over {
		r.mu.Unlock()
		return nil
	}
	rep.over = true
	delete(r.replications, rep.key)
	if rep.timer != nil {
		rep.timer.Stop()
	}
	settled, destination, source := rep.settled, rep.destination, r.sessions[rep.key.source]
	kept := rep.kept(r.node, ivsrealtime.ReplicationStopped)
	last := true // nowhere else is the participant shown
	for k := range r.replications {
		last = last && (k.source != rep.key.source || k.participant != rep.key.participant)
	}
	r.mu.Unlock()
	if destination != nil {
		destination.soon(func() {
			if p := destination.participants[rep.key.participant]; p != nil && p.replica == rep {
				destination.removeReplica(p)
			}
		})
	}
	if !settled {
		return nil
	}
	now := moment()
	end := func(tx *store.Tx) error { return replicationEnded(tx, &kept, now, last) }
	if source != nil && source.inbox.put(func() { source.note(end) }) {
		return source
	}
	r.wg.Go(func() {
		if err := r.store.Write(context.Background(), end); err != nil {
			r.cfg.Log.Error("the end of a replication is lost", "participant", rep.key.participant, "destination", rep.key.destination, "error", err)
		}
	})
	return nil
}

// replicationEnded keeps the end of a replication, the participant's last or not.
func replicationEnded(tx *store.Tx, rep *store.Replication, now time.Time, last bool) error {
	if err := tx.SaveReplication(rep); err != nil {
		return err
	}
	ref := store.ParticipantRef{StageARN: rep.SourceStageARN, SessionID: rep.SourceSessionID, ParticipantID: rep.ParticipantID}
	p, err := tx.UpdateParticipant(ref, func(p *store.Participant) error {
		if last {
			p.ReplicationState = ivsrealtime.ReplicationStopped
		}
		return nil
	})
	if errors.Is(err, ivsrealtime.ResourceNotFound) {
		return nil // its session is no longer kept
	}
	if err != nil {
		return err
	}
	who := event.Participant{StageARN: ref.StageARN, SessionID: ref.SessionID, ID: ref.ParticipantID, UserID: p.UserID}
	tx.Emit(event.ParticipantReplicationEnded(who, now, rep.DestinationStageARN, rep.DestinationSessionID))
	return tx.RecordEvent(ref, happened(ivsrealtime.EventReplicationStopped, rep, now))
}

// endReplications ends all that match.
func (r *Registry) endReplications(match func(replicationKey) bool) {
	for _, rep := range r.replicationsWhere(match) {
		r.endReplication(rep)
	}
}

func (r *Registry) replicationsWhere(match func(replicationKey) bool) (found []*replication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, rep := range r.replications {
		if match(k) {
			found = append(found, rep)
		}
	}
	return found
}

// eachReplica has f run in the sessions where a participant of s is shown.
func (r *Registry) eachReplica(s *Session, p *participant, f func(d *Session, rep *replication)) {
	for _, rep := range r.replicationsWhere(func(k replicationKey) bool { return k.source == s.stageARN && k.participant == p.id }) {
		r.mu.Lock()
		d := rep.destination
		r.mu.Unlock()
		if d != nil {
			d.soon(func() { f(d, rep) })
		}
	}
}

// sourceStarted shows a participant that publishes again where it was shown.
func (r *Registry) sourceStarted(s *Session, p *participant) {
	what := p.showing(s)
	r.eachReplica(s, p, func(d *Session, rep *replication) {
		r.mu.Lock()
		over := rep.over
		if !over {
			rep.sourceSession = what.sessionID
			if rep.timer != nil {
				rep.timer.Stop()
				rep.timer = nil
			}
		}
		r.mu.Unlock()
		if !over {
			d.replicaStarted(rep, what)
		}
	})
}

// sourceStopped ends a participant's replications, or gives it its reconnect
// window to come back.
func (r *Registry) sourceStopped(s *Session, p *participant) {
	for _, rep := range r.replicationsWhere(func(k replicationKey) bool { return k.source == s.stageARN && k.participant == p.id }) {
		if rep.window == 0 {
			r.endReplication(rep)
			continue
		}
		r.mu.Lock()
		if !rep.over {
			rep.timer = time.AfterFunc(rep.window, func() { r.endReplication(rep) })
		}
		r.mu.Unlock()
	}
	r.eachReplica(s, p, func(d *Session, rep *replication) { d.replicaStopped(rep) })
}
