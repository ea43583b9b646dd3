package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// keyCheck is the secret by which a database knows its key.
const keyCheck = "key-check"

// contents is what a SQLite database holds.
type contents int

const (
	empty   contents = iota // no tables, or those of a first start that was interrupted
	keyed                   // a database that knows its key
	foreign                 // another program's tables
)

// checkPair refuses a data directory where the key file or the SQLite database is missing, or
// the database is another program's. It changes nothing.
func checkPair(ctx context.Context, dir string) error {
	err := comparePair(ctx, dir)
	if err != nil {
		err = comparePair(ctx, dir) // another process may have made one between the two looks
	}
	return err
}

func comparePair(ctx context.Context, dir string) error {
	path := filepath.Join(dir, databaseFile)
	hasKey := exists(filepath.Join(dir, keyFile))
	found, err := inspectSQLite(ctx, path)
	switch {
	case err != nil:
		return err
	case found == foreign:
		return fmt.Errorf("%s is a database of another program: name another data directory", path)
	case found == empty && hasKey:
		return fmt.Errorf("%s has %s but its database %s is missing or empty: put the database back (with the -wal file beside it, if there was one), or start on a backup; to begin anew, move %s away",
			dir, keyFile, databaseFile, keyFile)
	case found == keyed && !hasKey && !exists(filepath.Join(dir, newKeyFile)):
		return fmt.Errorf("%s has the database %s but no %s, without which the secrets in it can't be read: put back the key that belongs to it, or start on a backup; to begin anew, move the database away",
			dir, databaseFile, keyFile)
	}
	return nil
}

// inspectSQLite finds out what a database file holds.
func inspectSQLite(ctx context.Context, path string) (contents, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	pool, err := openPool(path)
	if err != nil {
		return empty, err
	}
	found, err := inspectTables(ctx, pool)
	if err := errors.Join(err, pool.Close()); err != nil {
		return empty, explainDamage(path, fmt.Errorf("read %s: %w", path, err))
	}
	return found, nil
}

func inspectTables(ctx context.Context, db *sql.DB) (contents, error) {
	var tables, versions, secrets, keys int
	err := db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version'), count(*) FILTER (WHERE name = 'secret')
		FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &versions, &secrets)
	switch {
	case err != nil:
		return empty, err
	case tables == versions: // migrations are one transaction each, their own table another
		return empty, nil
	case versions == 0 || secrets == 0:
		return foreign, nil
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM secret WHERE name = $1`, keyCheck).Scan(&keys); err != nil || keys == 0 {
		return empty, err
	}
	return keyed, nil
}

// checkKey refuses a key file that is not the database's, before it does harm:
// secrets sealed with two keys could never be opened by one.
func (s *Store) checkKey(ctx context.Context) error {
	_, err := s.Secret(ctx, keyCheck, func() ([]byte, error) { return []byte("rostrum"), nil })
	if errors.Is(err, errOtherKey) {
		return fmt.Errorf("%s does not belong to the database: put back the one that does; a backup has both. A further node on a PostgreSQL database needs a copy of the first one's in its data folder", keyFile)
	}
	return err
}

// explainDamage adds to an error that says that the database file is damaged which one it is,
// and what to do.
func explainDamage(path string, err error) error {
	if !isDamage(err) {
		return err
	}
	return fmt.Errorf("the database %s is damaged: start on a copy that rostrum backup made (rostrum serve --data-dir COPY): %w", path, err)
}

// isDamage reports whether SQLite can't read what is in its file.
func isDamage(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	code := e.Code() & 0xff // without the extension
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}
