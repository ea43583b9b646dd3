package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	sqliteDialect   = goose.DialectSQLite3
	postgresDialect = goose.DialectPostgres
)

// migrate brings the schema up to date. Of several nodes that start at once on
// one PostgreSQL, one does it and the others wait. A database that a newer
// Rostrum has written is refused.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if dialect == postgresDialect {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if err := up(ctx, provider, dialect); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > newest {
		return fmt.Errorf("the database has schema version %d, this program knows up to %d: run a newer one", current, newest)
	}
	return nil
}

const (
	sqliteAttempts = 20
	sqlitePause    = 50 * time.Millisecond
)

// up runs the migrations that have not run. With SQLite there is no lock around all of them:
// a process that loses one to another tries again, and finds it done.
func up(ctx context.Context, provider *goose.Provider, dialect goose.Dialect) error {
	for attempt := 1; ; attempt++ {
		_, err := provider.Up(ctx)
		if err == nil || dialect != sqliteDialect || attempt == sqliteAttempts || isDamage(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sqlitePause):
		}
	}
}
