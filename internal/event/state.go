package event

import (
	"encoding/json"
	"slices"
	"time"
)

// A StageState is what a stage looked like at one moment, as its events tell.
type StageState struct {
	StageARN  string    `json:"stageArn"`
	At        time.Time `json:"at"`
	SessionID string    `json:"sessionId,omitempty"` // empty when nobody was there
	Started   time.Time `json:"sessionStartTime,omitzero"`

	// Participants are those who were connected, in the order they came.
	Participants []ParticipantState `json:"participants"`

	// Complete tells that the events go back to the beginning of the session.
	// Who was there before the oldest of them is otherwise not known.
	Complete bool `json:"complete"`
}

// A ParticipantState is a participant of a stage at one moment.
type ParticipantState struct {
	ID         string            `json:"participantId"`
	UserID     string            `json:"userId,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Joined     time.Time         `json:"joinTime,omitzero"`
	Publishing bool              `json:"publishing"`
	Since      time.Time         `json:"publishTime,omitzero"`     // since when it publishes
	SourceARN  string            `json:"sourceStageArn,omitempty"` // of a replica
}

// NewStageState is a stage of which no event was read yet.
func NewStageState(stageARN string, at time.Time) *StageState {
	return &StageState{StageARN: stageARN, At: at, Participants: []ParticipantState{}}
}

// OpensSession reports whether a session began with the event.
func (e Event) OpensSession() bool {
	return e.DetailType == RostrumStageUpdate && e.name() == nameSessionStarted
}

func (e Event) name() string {
	var d struct {
		Name string `json:"event_name"`
	}
	_ = json.Unmarshal(e.Detail, &d) // the details of other events have no name
	return d.Name
}

// Apply takes in the next event of the log. Those of other stages and of later
// moments are passed over.
func (s *StageState) Apply(e Event) {
	if e.StageARN != s.StageARN || e.Time.After(s.At) || e.DetailType != StageUpdate && e.DetailType != RostrumStageUpdate {
		return
	}
	var d presenceDetail
	var more participantDetail
	if json.Unmarshal(e.Detail, &d) != nil || json.Unmarshal(e.Detail, &more) != nil {
		return
	}
	if d.Name == nameSessionStarted {
		s.SessionID, s.Started, s.Complete = d.SessionID, e.Time, true
		s.Participants = []ParticipantState{}
		return
	}
	if s.SessionID == "" {
		s.SessionID = d.SessionID // the log does not go back to its beginning
	}
	if d.SessionID != s.SessionID {
		return
	}
	switch d.Name {
	case nameSessionEnded:
		s.SessionID, s.Started, s.Complete = "", time.Time{}, true
		s.Participants = []ParticipantState{}
	case nameJoined:
		p := s.participant(d.ParticipantID)
		p.UserID, p.Attributes, p.Joined = d.UserID, d.Attributes, e.Time
	case nameLeft:
		s.forget(d.ParticipantID)
	case namePublished:
		p := s.participant(d.ParticipantID)
		p.UserID, p.Publishing, p.Since, p.SourceARN = d.UserID, true, e.Time, more.SourceStageARN // a replica's joining names no source
	case nameUnpublished:
		p := s.participant(d.ParticipantID)
		p.Publishing, p.Since = false, time.Time{}
	}
}

// participant finds a participant, or adds it at the end.
func (s *StageState) participant(id string) *ParticipantState {
	i := slices.IndexFunc(s.Participants, func(p ParticipantState) bool { return p.ID == id })
	if i < 0 {
		i = len(s.Participants)
		s.Participants = append(s.Participants, ParticipantState{ID: id})
	}
	return &s.Participants[i]
}

func (s *StageState) forget(id string) {
	s.Participants = slices.DeleteFunc(s.Participants, func(p ParticipantState) bool { return p.ID == id })
}
