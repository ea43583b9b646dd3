package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

const (
	defaultConnections = 16
	postgresAttempts   = 10 // of a transaction that loses to others
)

// ErrBusy says that no connection of the database was free in time: the pool of this process,
// or of a PgBouncer before the database, is too small or its transactions take too long.
var ErrBusy = errors.New("no connection of the database is free")

// errPreparedStatements names a pool that gives each transaction another connection, where
// prepared statements of an earlier one do not exist.
var errPreparedStatements = errors.New("the database is reached through a transaction pool without prepared statements: " +
	"set max_prepared_statements in PgBouncer (1.21 or newer), or add default_query_exec_mode=exec to the URL of database")

// The conditions under which PostgreSQL asks to run a transaction again
// (PostgreSQL Documentation, Appendix A), and the one of two transactions that
// insert the same row: run again, the later one finds it there.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
)

// The conditions of prepared statements that another connection has.
const (
	noSuchStatement    = "26000"
	duplicateStatement = "42P05"
)

// postgresDB is PostgreSQL. A write reads what is committed and locks the rows
// it is about to change; a read sees one moment.
type postgresDB struct {
	db     *sql.DB
	shares *Rates        // of requests
	wait   time.Duration // for a connection, and for the begin of a transaction
	closed atomic.Bool
}

func openPostgres(ctx context.Context, url string, connections int) (database, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, errors.New("the database's URL is malformed") // its own error may quote the password
	}
	if connections <= 0 {
		connections = defaultConnections
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, db, postgresDialect); err != nil {
		return nil, errors.Join(namePool(err), db.Close())
	}
	one, err := sql.Open("pgx", url)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	one.SetMaxOpenConns(1)
	return &postgresDB{db: db, shares: &Rates{one}, wait: 5 * time.Second}, nil
}

func (*postgresDB) shared() bool { return true }

func (d *postgresDB) rates() *Rates { return d.shares }

func (d *postgresDB) write(ctx context.Context, fn func(querier) error) error {
	for attempt := 1; ; attempt++ {
		err := d.transact(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}, fn)
		if err == nil || !isLost(err) || attempt == postgresAttempts {
			return err
		}
		select { // let the winner finish; differently long, so that losers part
		case <-time.After(rand.N(time.Duration(attempt) * 2 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func isLost(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == serializationFailure || e.Code == deadlockDetected || e.Code == uniqueViolation)
}

func (d *postgresDB) read(ctx context.Context, fn func(querier) error) error {
	return d.transact(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (d *postgresDB) transact(ctx context.Context, o *sql.TxOptions, fn func(querier) error) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting := time.AfterFunc(d.wait, cancel)
	tx, err := d.db.BeginTx(running, o)
	begun := waiting.Stop()
	switch {
	case err == nil && begun:
	case err != nil && d.closed.Load():
		return ErrClosed
	case !begun && ctx.Err() == nil:
		if err == nil {
			_ = tx.Rollback()
		}
		return fmt.Errorf("begin: %w after %v", ErrBusy, d.wait)
	case err != nil:
		return fmt.Errorf("begin: %w", namePool(err))
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return namePool(err)
	}
	return namePool(tx.Commit())
}

// namePool adds to an error of prepared statements what its cause is.
func namePool(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == noSuchStatement || e.Code == duplicateStatement) {
		return fmt.Errorf("%w: %w", errPreparedStatements, err)
	}
	return err
}

// backup is PostgreSQL's own business: pg_dump copies a running database.
func (*postgresDB) backup(context.Context, string) error {
	return errors.New("a PostgreSQL database is backed up with pg_dump, together with the key file")
}

func (d *postgresDB) close() error {
	d.closed.Store(true)
	return errors.Join(d.shares.db.Close(), d.db.Close())
}
