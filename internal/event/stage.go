package event

import (
	"time"

	"rostrum/ivsrealtime"
)

// A Participant is whom an event of a stage is about.
type Participant struct {
	StageARN  string
	SessionID string
	ID        string
	UserID    string
	Source    *Source // of a replica; nil for who joined this stage itself
}

// A Source is the stage and session a replica is shown from.
type Source struct {
	StageARN  string
	SessionID string
}

// participantDetail is the detail of an event about a participant. The three
// members about replicas are absent for everybody else.
type participantDetail struct {
	SessionID            string          `json:"session_id"`
	Name                 string          `json:"event_name"`
	Time                 string          `json:"event_time"`
	PreciseTime          string          `json:"event_time_precise,omitempty"`
	UserID               string          `json:"user_id"`
	ParticipantID        string          `json:"participant_id"`
	ErrorCode            string          `json:"error_code,omitempty"`
	Replica              bool            `json:"replica,omitempty"`
	SourceStageARN       string          `json:"source_stage_arn,omitempty"`
	SourceSessionID      string          `json:"source_session_id,omitempty"`
	DestinationStageARN  string          `json:"destination_stage_arn,omitempty"`
	DestinationSessionID string          `json:"destination_session_id,omitempty"`
	PreviousToken        *exchangedToken `json:"previous_token,omitempty"`
	NewToken             *exchangedToken `json:"new_token,omitempty"`
}

type exchangedToken struct {
	Capabilities   []ivsrealtime.Capability `json:"capabilities"`
	Attributes     map[string]string        `json:"attributes"`
	UserID         string                   `json:"user_id"`
	ExpirationTime string                   `json:"expiration_time"`
}

func (p Participant) detail(name string, at time.Time) participantDetail {
	return participantDetail{
		SessionID: p.SessionID, Name: name, Time: at.UTC().Format(wholeSeconds),
		UserID: p.UserID, ParticipantID: p.ID,
	}
}

// replicated is detail with what tells a replica from others.
func (p Participant) replicated(name string, at time.Time) participantDetail {
	d := p.detail(name, at)
	if p.Source != nil {
		d.Replica, d.SourceStageARN, d.SourceSessionID = true, p.Source.StageARN, p.Source.SessionID
	}
	return d
}

func (p Participant) update(at time.Time, d participantDetail) Event {
	return newEvent(StageUpdate, p.StageARN, p.StageARN, at, d)
}

// The names by which a stage's state is told from its events.
const (
	namePublished   = "Participant Published"
	nameUnpublished = "Participant Unpublished"
)

// ParticipantPublished tells that p began to publish.
func ParticipantPublished(p Participant, at time.Time) Event {
	d := p.replicated(namePublished, at)
	d.PreciseTime = at.UTC().Format(preciseTime)
	return p.update(at, d)
}

// ParticipantUnpublished tells that p stopped publishing.
func ParticipantUnpublished(p Participant, at time.Time) Event {
	d := p.replicated(nameUnpublished, at)
	d.PreciseTime = at.UTC().Format(preciseTime)
	return p.update(at, d)
}

// ParticipantPublishFailed tells that p tried to publish and could not.
func ParticipantPublishFailed(p Participant, at time.Time, code ivsrealtime.EventErrorCode) Event {
	d := p.replicated("Participant Publish Error", at)
	d.ErrorCode = string(code)
	return p.update(at, d)
}

// ParticipantReplicationStarted tells, on the source stage, that p is shown on
// another stage from now on.
func ParticipantReplicationStarted(p Participant, at time.Time, destinationStageARN, destinationSessionID string) Event {
	d := p.detail("Participant Replication Start", at)
	d.DestinationStageARN, d.DestinationSessionID = destinationStageARN, destinationSessionID
	return p.update(at, d)
}

// ParticipantReplicationEnded tells, on the source stage, that p is no longer
// shown on another stage.
func ParticipantReplicationEnded(p Participant, at time.Time, destinationStageARN, destinationSessionID string) Event {
	d := p.detail("Participant Replication End", at)
	d.DestinationStageARN, d.DestinationSessionID = destinationStageARN, destinationSessionID
	return p.update(at, d)
}

// TokenExchanged tells that p, whose UserID is the new one, exchanged its token.
func TokenExchanged(p Participant, at time.Time, previous, next ivsrealtime.ExchangedParticipantToken) Event {
	d := p.detail("Token Exchanged", at)
	d.PreviousToken, d.NewToken = exchanged(previous), exchanged(next)
	return p.update(at, d)
}

func exchanged(t ivsrealtime.ExchangedParticipantToken) *exchangedToken {
	e := &exchangedToken{
		Capabilities: t.Capabilities, Attributes: t.Attributes, UserID: t.UserID,
		ExpirationTime: t.ExpirationTime.UTC().Format(wholeSeconds),
	}
	if e.Capabilities == nil {
		e.Capabilities = []ivsrealtime.Capability{}
	}
	if e.Attributes == nil {
		e.Attributes = map[string]string{}
	}
	return e
}
