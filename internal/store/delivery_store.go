package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rostrum/internal/event"
)

// A DeliveryStore is the store as the dispatcher of events uses it.
type DeliveryStore struct{ *Store }

var _ event.DeliveryStore = DeliveryStore{}

// Targets lists all targets with their secrets.
func (l DeliveryStore) Targets(ctx context.Context) (all []event.Target, err error) {
	err = l.Read(ctx, func(tx *Tx) error {
		all, err = tx.Targets("")
		return err
	})
	return all, err
}

// Claim makes holder the one who delivers to a target. On SQLite there is one
// process, and what an earlier one held is nobody's.
func (l DeliveryStore) Claim(ctx context.Context, target, holder string, until time.Time) (cursor int64, err error) {
	err = l.Write(ctx, func(tx *Tx) error {
		found, err := tx.find([]any{&cursor}, `UPDATE target SET holder = $2, until = $3
			WHERE name = $1 AND (holder IN ('', $2) OR until < $4 OR $5) RETURNING place`,
			target, holder, until.UnixMicro(), time.Now().UnixMicro(), !l.db.shared())
		if err == nil && !found {
			err = event.ErrNotHeld
		}
		return err
	})
	return cursor, err
}

// Release ends a claim.
func (l DeliveryStore) Release(ctx context.Context, target, holder string) error {
	return l.Write(ctx, func(tx *Tx) error {
		_, err := tx.exec(`UPDATE target SET holder = '' WHERE name = $1 AND holder = $2`, target, holder)
		return err
	})
}

// Log reads events after a cursor, in order.
func (l DeliveryStore) Log(ctx context.Context, after int64, limit int) ([]event.Event, error) {
	return l.Events(ctx, EventQuery{After: after, Limit: limit})
}

// StageQueues lists the stages for which deliveries to a target are parked. Only the
// first of a queue has a time before which it isn't due.
func (l DeliveryStore) StageQueues(ctx context.Context, target string) (all []event.StageQueue, err error) {
	err = l.Read(ctx, func(tx *Tx) error {
		all, err = collect(tx, func(scan func(...any) error) (queue event.StageQueue, err error) {
			var due int64
			err = scan(&queue.StageARN, &queue.Waiting, &due)
			queue.Due = time.UnixMicro(due).UTC()
			return queue, err
		}, `SELECT stage_arn, COUNT(*), MAX(due) FROM delivery WHERE target = $1 AND NOT dead GROUP BY stage_arn`, target)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list parked deliveries of %s: %w", target, err)
	}
	return all, nil
}

// Parked reads the first parked deliveries of a queue.
func (l DeliveryStore) Parked(ctx context.Context, target, stageARN string, limit int) (all []event.ParkedDelivery, err error) {
	err = l.Read(ctx, func(tx *Tx) error {
		all, err = tx.deliveries(`target = $1 AND delivery.stage_arn = $2 AND NOT dead`, limit, target, stageARN)
		return err
	})
	return all, err
}

// deliveries reads parked deliveries with their events, oldest event first.
func (tx *Tx) deliveries(condition string, limit int, args ...any) ([]event.ParkedDelivery, error) {
	all, err := collect(tx, func(scan func(...any) error) (d event.ParkedDelivery, err error) {
		var at, due, since int64
		var detail string
		e := &d.Event
		err = scan(&e.Cursor, &e.ID, &e.DetailType, &e.Account, &e.Region, &at, &e.Resource, &e.StageARN, &detail,
			&d.Attempts, &due, &since, &d.Error, &d.Dead)
		e.Time, e.Detail = time.UnixMicro(at).UTC(), json.RawMessage(detail)
		d.Due, d.Since = time.UnixMicro(due).UTC(), time.UnixMicro(since).UTC()
		return d, err
	}, fmt.Sprintf(`SELECT event.place, id, detail_type, account, region, at, resource, event.stage_arn, detail, attempts, due, since, error, dead
		FROM delivery JOIN event ON event.place = delivery.place WHERE %s ORDER BY delivery.place LIMIT $%d`, condition, len(args)+1),
		append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read parked deliveries: %w", err)
	}
	return all, nil
}

// SaveProgress keeps what came of deliveries. It is not undone by a repetition, so
// one whose answer was lost may be kept again.
func (l DeliveryStore) SaveProgress(ctx context.Context, target, holder string, p event.Progress) error {
	err := l.Write(ctx, func(tx *Tx) error {
		n, err := tx.exec(`UPDATE target SET place = CASE WHEN place < $3 THEN $3 ELSE place END WHERE name = $1 AND holder = $2`, target, holder, p.Cursor)
		if err == nil && n == 0 {
			err = event.ErrNotHeld
		}
		if err != nil {
			return err
		}
		for _, d := range p.Parked {
			if _, err := tx.exec(`INSERT INTO delivery (target, place, stage_arn, attempts, due, since, error, dead) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (target, place) DO NOTHING`,
				target, d.Event.Cursor, d.Event.StageARN, d.Attempts, dueMicros(d), d.Since.UnixMicro(), clipped(d.Error), d.Dead); err != nil {
				return err
			}
		}
		for _, place := range p.Delivered {
			if _, err := tx.exec(`DELETE FROM delivery WHERE target = $1 AND place = $2`, target, place); err != nil {
				return err
			}
		}
		for _, d := range p.Failed {
			if _, err := tx.exec(`UPDATE delivery SET attempts = $3, due = $4, error = $5, dead = $6 WHERE target = $1 AND place = $2`,
				target, d.Event.Cursor, d.Attempts, dueMicros(d), clipped(d.Error), d.Dead); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the deliveries of %s: %w", target, err)
	}
	return nil
}

func dueMicros(d event.ParkedDelivery) int64 {
	if d.Due.IsZero() {
		return 0
	}
	return d.Due.UnixMicro()
}

// clipped keeps what a listener says about itself short.
func clipped(text string) string {
	const limit = 500
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
