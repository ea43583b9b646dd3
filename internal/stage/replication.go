package stage

import (
	"errors"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/event"
	"rostrum/internal/sfu"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A Replication asks to show a participant of one stage on another.
type Replication struct {
	SourceStageARN         string
	DestinationStageARN    string
	ParticipantID          string
	ReconnectWindowSeconds int
	Attributes             map[string]string // in place of the token's
	Max                    int               // replications of the participant at once; 0 for no limit
}

type replicationKey struct{ source, participant, destination string }

// A replication shows one participant on another stage. It belongs to the
// registry, because it outlives the source's session while its reconnect
// window runs.
type replication struct {
	key           replicationKey
	window        time.Duration
	attributes    map[string]string
	windowSeconds int

	// Guarded by the registry's lock.
	sourceSession      string   // only the destination's goroutine writes it
	destination        *Session // nil until it is shown there
	destinationSession string
	confirmed          bool        // both sessions know of it
	timer              *time.Timer // runs while the source does not publish
	ended              bool
	outgoing           *outgoingReplica // nil unless another node is the destination's home
	incoming           *incomingReplica // nil unless another node is the source's home
}

// A sourceState is what a replica takes from its source.
type sourceState struct {
	sessionID string
	grant     authority.Grant
	client    Client
	publisher *sfu.Publisher
	mutes     [2]bool // audio, video
	layers    []sfu.LayerInfo
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

// row is the replication's row in the store.
func (rep *replication) row(node string, state ivsrealtime.ReplicationState) store.Replication {
	return store.Replication{
		ParticipantReplica: ivsrealtime.ParticipantReplica{
			SourceStageARN: rep.key.source, ParticipantID: rep.key.participant, SourceSessionID: rep.sourceSession,
			DestinationStageARN: rep.key.destination, DestinationSessionID: rep.destinationSession, ReplicationState: state,
		},
		Attributes: rep.attributes, ReconnectWindowSeconds: rep.windowSeconds, Node: node,
	}
}

func replicationEvent(name ivsrealtime.EventName, rep *store.Replication, at time.Time) ivsrealtime.Event {
	return ivsrealtime.Event{
		Name: name, EventTime: at, ParticipantID: rep.ParticipantID,
		DestinationStageARN: rep.DestinationStageARN, DestinationSessionID: rep.DestinationSessionID,
	}
}

// replicationEnded stores the end of a replication; last tells that it is the
// participant's only one.
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
		return nil // its session was deleted
	}
	if err != nil {
		return err
	}
	who := event.Participant{StageARN: ref.StageARN, SessionID: ref.SessionID, ID: ref.ParticipantID, UserID: p.UserID}
	tx.Emit(event.ParticipantReplicationEnded(who, now, rep.DestinationStageARN, rep.DestinationSessionID))
	return tx.RecordEvent(ref, replicationEvent(ivsrealtime.EventReplicationStopped, rep, now))
}

// replicationMoved stores that a replication goes on from another session of its source stage.
func replicationMoved(tx *store.Tx, rep *store.Replication, former string) error {
	now, err := tx.Replication(rep.SourceStageARN, rep.ParticipantID, rep.DestinationStageARN)
	if err != nil || now.ReplicationState != ivsrealtime.ReplicationActive { // it ended meanwhile
		return err
	}
	set := func(session string, state ivsrealtime.ReplicationState) error {
		ref := store.ParticipantRef{StageARN: rep.SourceStageARN, SessionID: session, ParticipantID: rep.ParticipantID}
		_, err := tx.UpdateParticipant(ref, func(p *store.Participant) error {
			p.ReplicationType, p.ReplicationState = ivsrealtime.ReplicationSource, state
			return nil
		})
		if errors.Is(err, ivsrealtime.ResourceNotFound) {
			return nil // the session was deleted
		}
		return err
	}
	return errors.Join(tx.SaveReplication(rep), set(former, ivsrealtime.ReplicationStopped), set(rep.SourceSessionID, ivsrealtime.ReplicationActive))
}
