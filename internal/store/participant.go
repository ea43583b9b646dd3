package store

import (
	"encoding/json"
	"fmt"

	"rostrum/ivsrealtime"
)

// A Participant is one token's presence in a session, there still or no longer.
type Participant struct {
	ivsrealtime.Participant
	StageARN  string
	SessionID string
	Node      string // where it is or was connected
}

// Ref names the participant.
func (p *Participant) Ref() ParticipantRef {
	return ParticipantRef{p.StageARN, p.SessionID, p.ParticipantID}
}

// A ParticipantRef names a participant.
type ParticipantRef struct {
	StageARN      string
	SessionID     string
	ParticipantID string
}

// A ParticipantFilter narrows a list of participants; its zero value shows all.
type ParticipantFilter struct {
	UserID    *string
	Published bool // only those that ever published
	State     ivsrealtime.ParticipantState
	Recording ivsrealtime.RecordingState
}

const participantColumns = `seq, stage_arn, session_id, id, node, body`

func scanParticipant(scan func(...any) error) (p paged[Participant], err error) {
	var id, body string
	if err := scan(&p.seq, &p.item.StageARN, &p.item.SessionID, &id, &p.item.Node, &body); err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(body), &p.item.Participant); err != nil {
		return p, fmt.Errorf("read participant %s: %w", id, err)
	}
	return p, nil
}

// CreateParticipant keeps a participant that joins a session for the first
// time; lists show participants in the order of these calls.
func (tx *Tx) CreateParticipant(p *Participant) error {
	body, err := json.Marshal(p.Participant)
	if err != nil {
		return err
	}
	n, err := tx.exec(`INSERT INTO participant (stage_arn, session_id, id, seq, user_id, state, published, recording, node, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (stage_arn, session_id, id) DO NOTHING`,
		p.StageARN, p.SessionID, p.ParticipantID, tx.store.next(), p.UserID, string(p.State), p.Published, string(p.RecordingState), p.Node, string(body))
	if err != nil {
		return fmt.Errorf("create participant %s: %w", p.ParticipantID, err)
	}
	if n == 0 {
		return conflict("Participant %s is in session %s already", p.ParticipantID, p.SessionID)
	}
	return nil
}

// UpdateParticipant changes a participant by fn, which must leave its ids alone.
func (tx *Tx) UpdateParticipant(ref ParticipantRef, fn func(p *Participant) error) (*Participant, error) {
	p, err := tx.Participant(ref)
	if err != nil {
		return nil, err
	}
	if err := fn(p); err != nil {
		return nil, err
	}
	body, err := json.Marshal(p.Participant)
	if err != nil {
		return nil, err
	}
	n, err := tx.exec(`UPDATE participant SET user_id = $4, state = $5, published = $6, recording = $7, node = $8, body = $9
		WHERE stage_arn = $1 AND session_id = $2 AND id = $3`,
		ref.StageARN, ref.SessionID, ref.ParticipantID, p.UserID, string(p.State), p.Published, string(p.RecordingState), p.Node, string(body))
	return p, one(n, err, "Participant", ref.ParticipantID)
}

// Participant finds a participant of a session.
func (tx *Tx) Participant(ref ParticipantRef) (*Participant, error) {
	all, err := collect(tx, scanParticipant, `SELECT `+participantColumns+` FROM participant
		WHERE stage_arn = $1 AND session_id = $2 AND id = $3`+tx.lock("UPDATE"), ref.StageARN, ref.SessionID, ref.ParticipantID)
	if err != nil {
		return nil, fmt.Errorf("find participant %s: %w", ref.ParticipantID, err)
	}
	if len(all) == 0 {
		return nil, notFound("Participant", ref.ParticipantID)
	}
	return &all[0].item, nil
}

// Participants lists the participants of a session by their first join, the earliest first.
func (tx *Tx) Participants(stageARN, sessionID string, f ParticipantFilter, p Page) ([]Participant, int64, error) {
	query := `SELECT ` + participantColumns + ` FROM participant WHERE stage_arn = $1 AND session_id = $2 AND seq > $3`
	args := []any{stageARN, sessionID, p.After, p.Limit + 1}
	narrow := func(column string, value any) {
		args = append(args, value)
		query += fmt.Sprintf(" AND %s = $%d", column, len(args))
	}
	if f.UserID != nil {
		narrow("user_id", *f.UserID)
	}
	if f.State != "" {
		narrow("state", string(f.State))
	}
	if f.Recording != "" {
		narrow("recording", string(f.Recording))
	}
	if f.Published {
		query += " AND published"
	}
	all, err := collect(tx, scanParticipant, query+` ORDER BY seq LIMIT $4`, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list participants of session %s: %w", sessionID, err)
	}
	items, next := turn(all, p)
	return items, next, nil
}

// ConnectedParticipants are those connected to a node, or to what it was when it died.
func (tx *Tx) ConnectedParticipants(node string) ([]Participant, error) {
	all, err := collect(tx, scanParticipant, `SELECT `+participantColumns+` FROM participant WHERE node = $1 AND state = 'CONNECTED' ORDER BY seq`, node)
	if err != nil {
		return nil, fmt.Errorf("list participants connected to node %s: %w", node, err)
	}
	items, _ := turn(all, Page{Limit: len(all)})
	return items, nil
}

// MoveParticipants has those of a session that are connected be connected to another node.
func (tx *Tx) MoveParticipants(stageARN, sessionID, node string) error {
	_, err := tx.exec(`UPDATE participant SET node = $3 WHERE stage_arn = $1 AND session_id = $2 AND state = 'CONNECTED'`, stageARN, sessionID, node)
	if err != nil {
		return fmt.Errorf("move the participants of session %s: %w", sessionID, err)
	}
	return nil
}

// RecordEvent adds to the history of a participant. The session must exist; the
// participant need not, as after a join that failed.
func (tx *Tx) RecordEvent(ref ParticipantRef, e ivsrealtime.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO participant_event (stage_arn, session_id, participant_id, seq, body) VALUES ($1, $2, $3, $4, $5)`,
		ref.StageARN, ref.SessionID, ref.ParticipantID, tx.store.next(), string(body))
	if err != nil {
		return fmt.Errorf("record %s of participant %s: %w", e.Name, ref.ParticipantID, err)
	}
	return nil
}

// ParticipantEvents lists the history of a participant, oldest first.
func (tx *Tx) ParticipantEvents(ref ParticipantRef, p Page) ([]ivsrealtime.Event, int64, error) {
	all, err := collect(tx, func(scan func(...any) error) (e paged[ivsrealtime.Event], err error) {
		var body string
		if err := scan(&e.seq, &body); err != nil {
			return e, err
		}
		return e, json.Unmarshal([]byte(body), &e.item)
	}, `SELECT seq, body FROM participant_event WHERE stage_arn = $1 AND session_id = $2 AND participant_id = $3 AND seq > $4 ORDER BY seq LIMIT $5`,
		ref.StageARN, ref.SessionID, ref.ParticipantID, p.After, p.Limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("list events of participant %s: %w", ref.ParticipantID, err)
	}
	items, next := turn(all, p)
	return items, next, nil
}
