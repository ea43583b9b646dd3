package store

import (
	"context"
	"fmt"
	"time"

	"rostrum/internal/arn"
)

// A Retention says how long what is over is kept. Zero values mean the defaults.
type Retention struct {
	Events     time.Duration // in the event log; default 7 days
	EventBytes int64         // of the event log's details; default 1 GiB
	Sessions   time.Duration // after their end, with participants and history; default 90 days
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
	return r
}

// sweepLimit is how many rows one transaction of a sweep removes, so that no
// other write waits long for it.
const sweepLimit = 500

// Sweep removes what is past its time: compositions five minutes after their
// end, old events, old sessions, those of deleted stages, answers and
// revocations that expired. It is called now and then, every minute say.
func (s *Store) Sweep(ctx context.Context, r Retention) error {
	r = r.filled()
	now := time.Now()
	for what, step := range map[string]func(*Tx) (int64, error){
		"events":       func(tx *Tx) (int64, error) { return tx.sweepEvents(now.Add(-r.Events), r.EventBytes) },
		"resources":    func(tx *Tx) (int64, error) { return tx.sweepResources(now) },
		"sessions":     func(tx *Tx) (int64, error) { return tx.sweepSessions(now.Add(-r.Sessions)) },
		"replications": func(tx *Tx) (int64, error) { return tx.sweepReplications() },
		"answers": func(tx *Tx) (int64, error) {
			return tx.exec(`DELETE FROM answer WHERE expires <= $1`, now.UnixMicro())
		},
		"revocations": func(tx *Tx) (int64, error) {
			return tx.exec(`DELETE FROM revoked WHERE until <= $1`, now.UnixMicro())
		},
	} {
		for removed := int64(1); removed > 0; {
			err := s.Write(ctx, func(tx *Tx) (err error) {
				removed, err = step(tx)
				return err
			})
			if err != nil {
				return fmt.Errorf("sweep %s: %w", what, err)
			}
		}
	}
	return nil
}

// sweepEvents cuts the oldest part off the log, as far as it is too old or the
// rest is large enough.
func (tx *Tx) sweepEvents(before time.Time, keepBytes int64) (int64, error) {
	var all int64
	if _, err := tx.find([]any{&all}, `SELECT total FROM outbox`); err != nil {
		return 0, err
	}
	type age struct{ place, kept, total int64 }
	oldest, err := collect(tx, func(scan func(...any) error) (a age, err error) {
		err = scan(&a.place, &a.kept, &a.total)
		return a, err
	}, `SELECT place, kept, total FROM event ORDER BY place LIMIT $1`, sweepLimit)
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
	return tx.exec(`DELETE FROM event WHERE place <= $1`, upTo)
}

// sweepResources removes resources that are gone already: they were uncounted when they ended.
func (tx *Tx) sweepResources(now time.Time) (int64, error) {
	return tx.exec(`DELETE FROM resource WHERE arn IN (SELECT arn FROM resource WHERE expires <= $1 LIMIT $2)`, now.UnixMicro(), sweepLimit)
}

// sweepSessions removes a few sessions with all their history: those over for
// long, and all of stages that don't exist any more.
func (tx *Tx) sweepSessions(before time.Time) (int64, error) {
	return tx.exec(`DELETE FROM session WHERE (stage_arn, id) IN (
		SELECT s.stage_arn, s.id FROM session s WHERE s.ended < $1
		OR (s.ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.arn = s.stage_arn)) LIMIT 10)`, before.UnixMicro())
}

// sweepReplications removes those from or to a stage that doesn't exist any more.
func (tx *Tx) sweepReplications() (int64, error) {
	return tx.exec(`DELETE FROM replication WHERE state <> 'ACTIVE' AND (
		NOT EXISTS (SELECT 1 FROM resource r WHERE r.arn = source_stage_arn) OR
		NOT EXISTS (SELECT 1 FROM resource r WHERE r.arn = destination_stage_arn AND r.kind = $1))`, string(arn.Stage))
}
