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
	postgresConnections = 16
	postgresAttempts    = 10 // of a transaction that loses to others
)

// The conditions under which PostgreSQL asks to run a transaction again
// (PostgreSQL Documentation, Appendix A), and the one of two transactions that
// insert the same row: run again, the later one finds it there.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
)

// postgresDB is PostgreSQL. A write reads what is committed and locks the rows
// it is about to change; a read sees one moment.
type postgresDB struct {
	db     *sql.DB
	closed atomic.Bool
}

func openPostgres(ctx context.Context, url string) (database, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, errors.New("the database's URL is malformed") // its own error may quote the password
	}
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, db, postgresDialect); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &postgresDB{db: db}, nil
}

func (*postgresDB) shared() bool { return true }

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
	tx, err := d.db.BeginTx(ctx, o)
	if err != nil && d.closed.Load() {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// backup is PostgreSQL's own business: pg_dump copies a running database.
func (*postgresDB) backup(context.Context, string) error {
	return errors.New("a PostgreSQL database is backed up with pg_dump, together with the key file")
}

func (d *postgresDB) close() error {
	d.closed.Store(true)
	return d.db.Close()
}
