package store

import (
	"context"
	"fmt"
	"time"
)

// A QualityRow is a minute or an hour of a participant's quality history. Its data are those
// of package quality.
type QualityRow struct {
	SessionID, ParticipantID string
	Span                     time.Duration
	Start                    time.Time
	Data                     []byte
}

const qualityKey = "session_id, participant_id, span, start"

// PutQuality stores rows. One that is there is replaced.
func (tx *Tx) PutQuality(rows []QualityRow) error {
	for _, r := range rows {
		_, err := tx.exec(`INSERT INTO quality (`+qualityKey+`, data) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (`+qualityKey+`) DO UPDATE SET data = excluded.data`,
			r.SessionID, r.ParticipantID, int64(r.Span/time.Second), r.Start.Unix(), r.Data)
		if err != nil {
			return fmt.Errorf("store the quality history of participant %s: %w", r.ParticipantID, err)
		}
	}
	return nil
}

// Quality lists the rows of a participant that have a part of the time between two moments,
// the oldest first.
func (tx *Tx) Quality(sessionID, participantID string, from, to time.Time) ([]QualityRow, error) {
	return tx.quality(`session_id = $1 AND participant_id = $2 AND start + span > $3 AND start < $4 ORDER BY start`,
		sessionID, participantID, from.Unix(), to.Unix())
}

func (tx *Tx) quality(condition string, args ...any) ([]QualityRow, error) {
	all, err := collect(tx, func(scan func(...any) error) (r QualityRow, err error) {
		var span, start int64
		err = scan(&r.SessionID, &r.ParticipantID, &span, &start, &r.Data)
		r.Span, r.Start = time.Duration(span)*time.Second, time.Unix(start, 0).UTC()
		return r, err
	}, `SELECT `+qualityKey+`, data FROM quality WHERE `+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read the quality history: %w", err)
	}
	return all, nil
}

// NewestQuality is when the newest row of a participant ends; zero if there is none.
func (tx *Tx) NewestQuality(sessionID, participantID string) (time.Time, error) {
	var end int64
	found, err := tx.find([]any{&end}, `SELECT start + span FROM quality WHERE session_id = $1 AND participant_id = $2 ORDER BY start DESC LIMIT 1`, sessionID, participantID)
	if err != nil || !found {
		return time.Time{}, err
	}
	return time.Unix(end, 0).UTC(), nil
}

// A QualityHour names the rows of a participant and an hour.
type QualityHour struct {
	SessionID, ParticipantID string
	Start                    time.Time
}

// QualityHours lists a few hours that have rows of minutes from before a moment.
func (tx *Tx) QualityHours(before time.Time) ([]QualityHour, error) {
	return collect(tx, func(scan func(...any) error) (h QualityHour, err error) {
		var hour int64
		err = scan(&h.SessionID, &h.ParticipantID, &hour)
		h.Start = time.Unix(hour*3600, 0).UTC()
		return h, err
	}, `SELECT DISTINCT session_id, participant_id, start / 3600 FROM quality WHERE span = 60 AND start < $1 LIMIT $2`, before.Unix(), sweepLimit)
}

// JoinQuality replaces the rows of an hour's minutes, from before a moment, and the row of the
// hour if there is one, by the row that join makes of them.
func (tx *Tx) JoinQuality(h QualityHour, before time.Time, join func([]QualityRow) QualityRow) error {
	const ofHour = `session_id = $1 AND participant_id = $2 AND start >= $3 AND start < $4 AND (span = 3600 OR start < $5)`
	args := []any{h.SessionID, h.ParticipantID, h.Start.Unix(), h.Start.Add(time.Hour).Unix(), before.Unix()}
	rows, err := tx.quality(ofHour+` ORDER BY span DESC, start`+tx.lock("UPDATE"), args...)
	if err != nil || len(rows) == 0 { // another node has done it
		return err
	}
	if _, err := tx.exec(`DELETE FROM quality WHERE `+ofHour, args...); err != nil {
		return fmt.Errorf("join the quality history: %w", err)
	}
	return tx.PutQuality([]QualityRow{join(rows)})
}

// SweepQuality removes rows from before a moment, and the oldest ones beyond a number of bytes.
func (s *Store) SweepQuality(ctx context.Context, before time.Time, keepBytes int64) error {
	err := s.sweep(ctx, func(tx *Tx) (int64, error) {
		return tx.remove("quality", qualityKey, "start < $2", before.Unix())
	})
	if err != nil {
		return fmt.Errorf("sweep the quality history: %w", err)
	}
	for removed := int64(1); removed > 0 && err == nil; {
		err = s.Write(ctx, func(tx *Tx) (err error) {
			removed, err = tx.removeQualityBeyond(keepBytes)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("sweep the quality history beyond its bound: %w", err)
	}
	return nil
}

// qualityRowBytes is what a row takes beside its data, with its entries in the indexes.
const qualityRowBytes = 150

func (tx *Tx) removeQualityBeyond(keepBytes int64) (int64, error) {
	var size int64
	if _, err := tx.find([]any{&size}, `SELECT COALESCE(SUM(OCTET_LENGTH(data) + $1), 0) FROM quality`, qualityRowBytes); err != nil || size <= keepBytes {
		return 0, err
	}
	return tx.exec(`DELETE FROM quality WHERE (`+qualityKey+`) IN (SELECT `+qualityKey+` FROM quality ORDER BY start LIMIT $1)`, sweepLimit)
}
