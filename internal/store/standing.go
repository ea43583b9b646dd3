package store

import (
	"database/sql"
	"fmt"
	"time"
)

// Revoke makes the tokens of a participant worthless on a stage. until is when
// the longest-lived of them has expired.
func (tx *Tx) Revoke(stageARN, participantID string, until time.Time) error {
	_, err := tx.exec(`INSERT INTO revoked (stage_arn, participant_id, until) VALUES ($1, $2, $3)
		ON CONFLICT (stage_arn, participant_id) DO UPDATE SET until = $3`, stageARN, participantID, until.UnixMicro())
	if err != nil {
		return fmt.Errorf("revoke the tokens of participant %s: %w", participantID, err)
	}
	return nil
}

// Rights are what the token exchanged last lets a participant do. No token that was
// issued until then allows more.
type Rights struct {
	Publish, Subscribe bool
	Issued             time.Time // the newest token that they are for, in whole seconds
}

// Exchanged keeps what an exchange of tokens left a participant. until is when the
// longest-lived token that it limits has expired.
func (tx *Tx) Exchanged(stageARN, participantID string, r Rights, until time.Time) error {
	_, err := tx.exec(`INSERT INTO exchanged (stage_arn, participant_id, publish, subscribe, issued, until) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (stage_arn, participant_id) DO UPDATE SET publish = $3, subscribe = $4,
			issued = CASE WHEN exchanged.issued > $5 THEN exchanged.issued ELSE $5 END,
			until = CASE WHEN exchanged.until > $6 THEN exchanged.until ELSE $6 END`,
		stageARN, participantID, r.Publish, r.Subscribe, r.Issued.UnixMicro(), until.UnixMicro())
	if err != nil {
		return fmt.Errorf("keep the rights of participant %s: %w", participantID, err)
	}
	return nil
}

// A Standing is what can change after a participant's token was signed.
type Standing struct {
	There   bool    // the stage exists
	Revoked bool    // the participant's tokens are worthless on it
	Rights  *Rights // nil when no token of the participant was exchanged
}

// Standing is asked with every request of a participant.
func (tx *Tx) Standing(stageARN, participantID string) (Standing, error) {
	var s Standing
	var publish, subscribe sql.NullBool
	var issued sql.NullInt64
	_, err := tx.find([]any{&s.There, &s.Revoked, &publish, &subscribe, &issued}, `SELECT EXISTS (SELECT 1 FROM resource WHERE arn = $1 AND kind = 'stage'),
		EXISTS (SELECT 1 FROM revoked WHERE stage_arn = $1 AND participant_id = $2), e.publish, e.subscribe, e.issued
		FROM (SELECT 1) AS one LEFT JOIN exchanged AS e ON e.stage_arn = $1 AND e.participant_id = $2`, stageARN, participantID)
	if issued.Valid {
		s.Rights = &Rights{publish.Bool, subscribe.Bool, moment(issued)}
	}
	return s, err
}
