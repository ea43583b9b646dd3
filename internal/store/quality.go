package store

import (
	"context"
	"errors"
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

// NewestQuality is the newest row of a participant, if there is one.
func (tx *Tx) NewestQuality(sessionID, participantID string) ([]QualityRow, error) {
	return tx.quality(`session_id = $1 AND participant_id = $2 ORDER BY start + span DESC, start DESC LIMIT 1`, sessionID, participantID)
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

// ErrJoined says that another node joins the same rows: they are there to be joined again.
var ErrJoined = errors.New("another node joins the quality history of the same hour")

// JoinQuality replaces the rows of an hour's minutes, from before a moment, and the row of the
// hour if there is one, by the row that join makes of them.
func (tx *Tx) JoinQuality(h QualityHour, before time.Time, join func([]QualityRow) QualityRow) error {
	const ofHour = `session_id = $1 AND participant_id = $2 AND start >= $3 AND start < $4 AND (span = 3600 OR start < $5)`
	args := []any{h.SessionID, h.ParticipantID, h.Start.Unix(), h.Start.Add(time.Hour).Unix(), before.Unix()}
	rows, err := tx.quality(ofHour+` ORDER BY span DESC, start`+tx.lock("UPDATE"), args...)
	if err != nil || len(rows) == 0 { // another node has done it
		return err
	}
	for _, r := range rows { // and no others: another node may have put the row of the hour meanwhile
		_, err := tx.exec(`DELETE FROM quality WHERE session_id = $1 AND participant_id = $2 AND span = $3 AND start = $4`,
			r.SessionID, r.ParticipantID, int64(r.Span/time.Second), r.Start.Unix())
		if err != nil {
			return fmt.Errorf("join the quality history: %w", err)
		}
	}
	r := join(rows)
	n, err := tx.exec(`INSERT INTO quality (`+qualityKey+`, data) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (`+qualityKey+`) DO NOTHING`,
		r.SessionID, r.ParticipantID, int64(r.Span/time.Second), r.Start.Unix(), r.Data)
	if err == nil && n == 0 {
		err = ErrJoined
	}
	return err
}

// SweepQuality removes rows from before a moment, and the oldest ones beyond a number of bytes.
func (s *Store) SweepQuality(ctx context.Context, before time.Time, keepBytes int64) error {
	err := s.sweep(ctx, func(tx *Tx) (int64, error) {
		return tx.remove("quality", qualityKey, "start < $2", before.Unix())
	})
	if err != nil {
		return fmt.Errorf("sweep the quality history: %w", err)
	}
	for {
		var size int64
		err := s.Read(ctx, func(tx *Tx) error { // it looks at all rows: no write waits for that
			_, err := tx.find([]any{&size}, `SELECT COALESCE(SUM(OCTET_LENGTH(data) + $1), 0) FROM quality`, qualityRowBytes)
			return err
		})
		if err == nil && size > keepBytes {
			err = s.Write(ctx, func(tx *Tx) error {
				_, err := tx.exec(`DELETE FROM quality WHERE (`+qualityKey+`) IN (SELECT `+qualityKey+` FROM quality ORDER BY start LIMIT $1)`, sweepLimit)
				return err
			})
		}
		if err != nil {
			return fmt.Errorf("sweep the quality history beyond its bound: %w", err)
		}
		if size <= keepBytes {
			return nil
		}
	}
}

// qualityRowBytes is what a row takes beside its data, with its entries in the indexes.
const qualityRowBytes = 150
