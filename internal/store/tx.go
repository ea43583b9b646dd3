package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/event"
	"rostrum/ivsrealtime"
)

// A Tx is one transaction: a change under [Store.Write], or one moment's view
// under [Store.Read]. It belongs to the function it was given to and dies with it.
type Tx struct {
	ctx     context.Context
	store   *Store
	sql     querier
	locks   bool          // rows must be locked against other writers
	emitted []event.Event // to be written before the commit
	failed  error         // of the statement that ended it
}

// A querier runs statements in a transaction: a SQLite connection with its
// prepared statements, or a PostgreSQL transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// lock is the end of a SELECT whose rows nobody else may change (UPDATE) or
// remove (SHARE) until this transaction ends.
func (tx *Tx) lock(strength string) string {
	if !tx.locks {
		return ""
	}
	return " FOR " + strength
}

// A Page asks for a part of a list: at most Limit items that come after the
// position After, which is 0 or what the page before returned as the next one.
type Page struct {
	After int64
	Limit int
}

// A statement that fails ends its transaction: none after it is run, and
// nothing is kept, even if the function goes on. PostgreSQL sees to that by
// itself; SQLite, on a full disk for one, undoes the transaction and would run
// what follows outside of it.

// exec runs a statement and tells how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if tx.failed != nil {
		return 0, tx.failed
	}
	r, err := tx.sql.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	return r.RowsAffected()
}

func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	rows, err := tx.sql.QueryContext(tx.ctx, query, args...)
	return rows, tx.fail(err)
}

// fail notes and returns the error of a statement; nil is none.
func (tx *Tx) fail(err error) error {
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// find reads one row into dest and reports whether there was one.
func (tx *Tx) find(dest []any, query string, args ...any) (bool, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, tx.fail(rows.Err())
	}
	return true, errors.Join(rows.Scan(dest...), tx.fail(rows.Close()))
}

// collect reads all rows of a query, each with scan.
func collect[T any](tx *Tx, scan func(scan func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, tx.fail(rows.Err())
}

// paged is an item of a list with its position.
type paged[T any] struct {
	seq  int64
	item T
}

// turn cuts a list, read one item longer than the page, to the page, and tells
// the position to go on from: 0 when nothing follows.
func turn[T any](all []paged[T], p Page) ([]T, int64) {
	var next int64
	if len(all) > p.Limit {
		all = all[:p.Limit]
		next = all[len(all)-1].seq
	}
	items := make([]T, len(all))
	for i := range all {
		items[i] = all[i].item
	}
	return items, next
}

// names reads a column of text.
func (tx *Tx) names(query string, args ...any) ([]string, error) {
	return collect(tx, func(scan func(...any) error) (s string, err error) {
		err = scan(&s)
		return s, err
	}, query, args...)
}

// Times are kept as microseconds since 1970; the zero time as NULL.

func micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func moment(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64).UTC()
}

func notFound(what, name string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "%s %s does not exist", what, name)
}

func conflict(format string, args ...any) error {
	return ivsrealtime.Errorf(ivsrealtime.Conflict, format, args...)
}

// one turns the number of rows that a change found into its error.
func one(n int64, err error, what, name string) error {
	if err != nil {
		return fmt.Errorf("change %s %s: %w", what, name, err)
	}
	if n == 0 {
		return notFound(what, name)
	}
	return nil
}
