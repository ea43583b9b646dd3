package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Retention says how long what is over is kept. Zero values mean the defaults.
type Retention struct {
	Events     time.Duration // in the event log; default 7 days
	EventBytes int64         // of the event log's details, delivered or not; default 1 GiB
	Sessions   time.Duration // after their end, with participants and history; default 90 days
	Dead       time.Duration // deliveries given up, with their events; default 30 days
}

func (r Retention) filled() Retention {
	if r.Events == 0 {
		r.Events = 7 * 24 * time.Hour
	}
	if r.EventBytes == 0 {
		r.EventBytes = 1 << 30
	}
	if r.Sessions == 0 {
		r.Sessions = 90 * 24 * time.Hour
	}
	if r.Dead == 0 {
		r.Dead = 30 * 24 * time.Hour
	}
	return r
}

// sweepLimit is how many rows one transaction of a sweep removes, so that no
// other write waits long for it.
const sweepLimit = 500

// Swept is what a sweep removed that somebody still waited for.
type Swept struct {
	// Undelivered are the events that a target did not get, by target. Those that its
	// pattern was yet to be asked about count as well.
	Undelivered map[string]int64
}

// Sweep removes what is past its time: compositions five minutes after their
// end, old events, old sessions, those of deleted stages, answers,
// revocations and exchanges that expired. It is called now and then, every minute say.
func (s *Store) Sweep(ctx context.Context, r Retention) (swept Swept, err error) {
	r = r.filled()
	swept.Undelivered = map[string]int64{}
	now := time.Now()
	for _, what := range []struct {
		name string
		part func(tx *Tx) (removed int64, err error)
	}{
		{"dead deliveries", func(tx *Tx) (int64, error) {
			return tx.remove("delivery", "target, place", "dead AND since <= $2", now.Add(-r.Dead).UnixMicro())
		}},
		{"events", func(tx *Tx) (int64, error) { return tx.sweepEvents(now.Add(-r.Events), r.EventBytes) }},
		{"resources", func(tx *Tx) (int64, error) { // uncounted when they ended
			return tx.remove("resource", "arn", "expires <= $2", now.UnixMicro())
		}},
		{"answers", func(tx *Tx) (int64, error) {
			return tx.remove("answer", "account, region, operation, token", "expires <= $2", now.UnixMicro())
		}},
		{"revocations", func(tx *Tx) (int64, error) {
			return tx.remove("revoked", "stage_arn, participant_id", "until <= $2", now.UnixMicro())
		}},
		{"revoked connections", func(tx *Tx) (int64, error) {
			return tx.remove("revoked_connection", "account, region, id", "until <= $2", now.UnixMicro())
		}},
		{"exchanges", func(tx *Tx) (int64, error) {
			return tx.remove("exchanged", "stage_arn, participant_id", "until <= $2", now.UnixMicro())
		}},
		{"request rates", func(tx *Tx) (int64, error) { return tx.sweepRates(now) }},
	} {
		if err := s.sweep(ctx, what.part); err != nil {
			return swept, fmt.Errorf("sweep %s: %w", what.name, err)
		}
	}
	if err := s.sweepUndelivered(ctx, r.EventBytes, swept.Undelivered); err != nil {
		return swept, fmt.Errorf("sweep events beyond the log's bound: %w", err)
	}
	return swept, errors.Join(s.sweepSessions(ctx, now.Add(-r.Sessions)), s.sweepReplications(ctx))
}

// sweep repeats a part, a transaction each time, until nothing is left to remove.
func (s *Store) sweep(ctx context.Context, part func(tx *Tx) (int64, error)) error {
	for removed := int64(1); removed > 0; {
		err := s.Write(ctx, func(tx *Tx) (err error) {
			removed, err = part(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a few rows of a table, of those that fit a condition ($2 and on).
func (tx *Tx) remove(table, key, condition string, args ...any) (int64, error) {
	return tx.exec(`DELETE FROM `+table+` WHERE (`+key+`) IN (SELECT `+key+` FROM `+table+` WHERE `+condition+` LIMIT $1)`,
		append([]any{sweepLimit}, args...)...)
}

// sweepEvents cuts a piece off the oldest end of the log, as far as it is too
// old or the rest is large enough. What a target has yet to be told stays.
func (tx *Tx) sweepEvents(before time.Time, keepBytes int64) (int64, error) {
	var all int64
	if _, err := tx.find([]any{&all}, `SELECT total FROM outbox`); err != nil {
		return 0, err
	}
	var told sql.NullInt64 // to all targets
	if _, err := tx.find([]any{&told}, `SELECT MIN(place) FROM target WHERE enabled`); err != nil {
		return 0, err
	}
	if !told.Valid {
		told.Int64 = math.MaxInt64
	}
	const needless = `place <= $1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.place = event.place)`
	type age struct{ place, kept, total int64 }
	oldest, err := collect(tx, func(scan func(...any) error) (a age, err error) {
		err = scan(&a.place, &a.kept, &a.total)
		return a, err
	}, `SELECT place, kept, total FROM event WHERE `+needless+` ORDER BY place LIMIT $2`, told.Int64, sweepLimit)
	if err != nil {
		return 0, err
	}
	var upTo int64
	for _, a := range oldest {
		if a.kept >= before.UnixMicro() && all-a.total < keepBytes {
			break
		}
		upTo = a.place
	}
	if upTo == 0 {
		return 0, nil
	}
	return tx.exec(`DELETE FROM event WHERE `+needless, upTo)
}

// sweepUndelivered removes the oldest events, delivered or not, until the log is within its
// bound: a target that is away must not fill the disk. It adds the lost deliveries by target.
func (s *Store) sweepUndelivered(ctx context.Context, keepBytes int64, lost map[string]int64) error {
	for {
		var removed int64
		var missed []missedDeliveries
		err := s.Write(ctx, func(tx *Tx) (err error) {
			removed, missed, err = tx.removeBeyond(keepBytes)
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
		for _, m := range missed { // only now: a transaction may run more than once
			if m.events > 0 {
				lost[m.target] += m.events
			}
		}
	}
}

// missedDeliveries are the events that a target did not get.
type missedDeliveries struct {
	target string
	events int64
}

// removeBeyond removes a piece of the oldest end of the log that is beyond its bound.
func (tx *Tx) removeBeyond(keepBytes int64) (removed int64, missed []missedDeliveries, err error) {
	upTo, err := tx.beyond(keepBytes)
	if err != nil || upTo == 0 {
		return 0, nil, err
	}
	missed, err = collect(tx, func(scan func(...any) error) (m missedDeliveries, err error) {
		err = scan(&m.target, &m.events)
		return m, err
	}, `SELECT name, (SELECT COUNT(*) FROM delivery WHERE delivery.target = name AND delivery.place <= $1)
		+ (SELECT COUNT(*) FROM event WHERE enabled AND event.account = target.account AND event.place > target.place AND event.place <= $1)
		FROM target`, upTo)
	if err != nil {
		return 0, nil, err
	}
	if _, err := tx.exec(`UPDATE target SET place = $1 WHERE place < $1 AND enabled`, upTo); err != nil {
		return 0, nil, err
	}
	if _, err := tx.exec(`DELETE FROM delivery WHERE place <= $1`, upTo); err != nil {
		return 0, nil, err
	}
	removed, err = tx.exec(`DELETE FROM event WHERE place <= $1`, upTo)
	return removed, missed, err
}

// beyond returns the cursor of the newest of the oldest events that exceed the log's bound,
// 0 if there is none. The running total is cheap and too large, as it counts removed events
// between kept ones; the real size is computed only where that exceeds the bound.
func (tx *Tx) beyond(keepBytes int64) (upTo int64, err error) {
	var all, first, size int64
	if _, err := tx.find([]any{&all}, `SELECT total FROM outbox`); err != nil {
		return 0, err
	}
	if found, err := tx.find([]any{&first}, `SELECT total FROM event ORDER BY place LIMIT 1`); err != nil || !found || all-first < keepBytes {
		return 0, err
	}
	if _, err := tx.find([]any{&size}, `SELECT COALESCE(SUM(OCTET_LENGTH(detail)), 0) FROM event`); err != nil {
		return 0, err
	}
	type entry struct{ place, size int64 }
	oldest, err := collect(tx, func(scan func(...any) error) (e entry, err error) {
		err = scan(&e.place, &e.size)
		return e, err
	}, `SELECT place, OCTET_LENGTH(detail) FROM event ORDER BY place LIMIT $1`, sweepLimit)
	if err != nil {
		return 0, err
	}
	for _, e := range oldest {
		if size -= e.size; size < keepBytes {
			break
		}
		upTo = e.place
	}
	return upTo, nil
}

// sweepSessions removes sessions that are over for long, and all of stages that
// don't exist any more. They are looked for beside the writer, and their
// history, which may be long, goes first and in pieces.
func (s *Store) sweepSessions(ctx context.Context, before time.Time) error {
	var past []paged[Session]
	err := s.Read(ctx, func(tx *Tx) (err error) {
		past, err = collect(tx, scanSession, `SELECT `+sessionColumns+` FROM session WHERE ended < $1
			OR (ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM resource WHERE arn = stage_arn))`, before.UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("look for past sessions: %w", err)
	}
	const ofSession = "stage_arn = $2 AND session_id = $3"
	for _, p := range past {
		stage, id := p.item.StageARN, p.item.ID
		for _, part := range []func(tx *Tx) (int64, error){
			func(tx *Tx) (int64, error) {
				return tx.remove("participant_event", "stage_arn, session_id, participant_id, seq", ofSession, stage, id)
			},
			func(tx *Tx) (int64, error) {
				return tx.remove("quality", qualityKey, "session_id = $2", id)
			},
			func(tx *Tx) (int64, error) {
				return tx.remove("participant", "stage_arn, session_id, id", ofSession, stage, id)
			},
			func(tx *Tx) (int64, error) {
				return tx.exec(`DELETE FROM session WHERE stage_arn = $1 AND id = $2`, stage, id)
			},
		} {
			if err := s.sweep(ctx, part); err != nil {
				return fmt.Errorf("sweep session %s: %w", id, err)
			}
		}
	}
	return nil
}

// sweepReplications removes those that are over and whose source or
// destination doesn't exist any more.
func (s *Store) sweepReplications(ctx context.Context) error {
	var past []paged[Replication]
	err := s.Read(ctx, func(tx *Tx) (err error) {
		past, err = tx.replications(`state <> 'ACTIVE' AND (
			NOT EXISTS (SELECT 1 FROM resource WHERE arn = source_stage_arn) OR
			NOT EXISTS (SELECT 1 FROM resource WHERE arn = destination_stage_arn))`)
		return err
	})
	for _, r := range past {
		if err != nil {
			break
		}
		err = s.Write(ctx, func(tx *Tx) error {
			_, err := tx.exec(`DELETE FROM replication WHERE source_stage_arn = $1 AND participant_id = $2 AND destination_stage_arn = $3 AND state <> 'ACTIVE'`,
				r.item.SourceStageARN, r.item.ParticipantID, r.item.DestinationStageARN)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("sweep replications: %w", err)
	}
	return nil
}
