package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"rostrum/internal/event"
)

// Emit writes an event into the log, in the transaction of the change it tells
// of and after the events emitted before it.
func (tx *Tx) Emit(events ...event.Event) {
	tx.emitted = append(tx.emitted, events...)
}

// flush writes what was emitted, as the last thing before the commit. Its first
// statement makes every other transaction that emits wait until this one has
// committed: so cursors are committed in their order, and who has read up to
// one has missed none below it.
func (tx *Tx) flush() error {
	if len(tx.emitted) == 0 {
		return nil
	}
	size := 0
	for i := range tx.emitted {
		size += len(tx.emitted[i].Detail)
	}
	var place, total int64
	if _, err := tx.find([]any{&place, &total}, `UPDATE outbox SET place = place + $1, total = total + $2 RETURNING place, total`, len(tx.emitted), size); err != nil {
		return fmt.Errorf("take a place in the event log: %w", err)
	}
	place -= int64(len(tx.emitted))
	total -= int64(size)
	now := time.Now().UnixMicro()
	for i := range tx.emitted {
		e := &tx.emitted[i]
		place++
		total += int64(len(e.Detail))
		if _, err := tx.exec(`INSERT INTO event (place, id, detail_type, account, region, at, resource, stage_arn, detail, kept, total)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			place, e.ID, e.DetailType, e.Account, e.Region, e.Time.UnixMicro(), e.Resource, e.StageARN, string(e.Detail), now, total); err != nil {
			return fmt.Errorf("write event %s: %w", e.ID, err)
		}
	}
	return nil
}

// An EventQuery asks for a part of the event log. Empty strings ask for all.
type EventQuery struct {
	After    int64 // cursor: only events after it; 0 for the oldest there are
	Limit    int   // at most so many
	Account  string
	Region   string
	StageARN string
}

// Events reads the log in order. Fewer events than the limit mean that these
// are the newest.
func (s *Store) Events(ctx context.Context, q EventQuery) (events []event.Event, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		events, err = tx.Events(q)
		return err
	})
	return events, err
}

// Events reads the log in order, as [Store.Events] does.
func (tx *Tx) Events(q EventQuery) ([]event.Event, error) {
	condition, args := `place > $1`, []any{q.After, q.Limit}
	for _, filter := range [][2]string{{"account", q.Account}, {"region", q.Region}, {"stage_arn", q.StageARN}} {
		if filter[1] != "" {
			args = append(args, filter[1])
			condition += fmt.Sprintf(" AND %s = $%d", filter[0], len(args))
		}
	}
	return tx.events(condition+` ORDER BY place LIMIT $2`, args...)
}

// EventsBefore reads the events of a stage before a cursor, newest first.
func (tx *Tx) EventsBefore(stageARN string, before int64, limit int) ([]event.Event, error) {
	return tx.events(`stage_arn = $1 AND place < $2 ORDER BY place DESC LIMIT $3`, stageARN, before, limit)
}

func (tx *Tx) events(where string, args ...any) ([]event.Event, error) {
	all, err := collect(tx, func(scan func(...any) error) (e event.Event, err error) {
		var at int64
		var detail string
		err = scan(&e.Cursor, &e.ID, &e.DetailType, &e.Account, &e.Region, &at, &e.Resource, &e.StageARN, &detail)
		e.Time, e.Detail = time.UnixMicro(at).UTC(), json.RawMessage(detail)
		return e, err
	}, `SELECT place, id, detail_type, account, region, at, resource, stage_arn, detail FROM event WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the event log: %w", err)
	}
	return all, nil
}

// LastCursor is the cursor of the newest event, 0 before the first.
func (tx *Tx) LastCursor() (int64, error) {
	var place int64
	_, err := tx.find([]any{&place}, `SELECT place FROM outbox`)
	return place, err
}

// CursorAt is the cursor after which the events kept at t or later stand.
func (tx *Tx) CursorAt(t time.Time) (int64, error) {
	var oldest sql.NullInt64
	if _, err := tx.find([]any{&oldest}, `SELECT MIN(place) FROM event`); err != nil {
		return 0, err
	}
	newest, err := tx.LastCursor()
	if err != nil || !oldest.Valid {
		return newest, err
	}
	low, high := oldest.Int64, newest+1 // the first event at t or later is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		var kept int64
		found, err := tx.find([]any{&kept}, `SELECT kept FROM event WHERE place >= $1 ORDER BY place LIMIT 1`, middle) // the past may have gaps
		if err != nil {
			return 0, err
		}
		if !found || kept >= t.UnixMicro() {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1, nil
}
