package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"rostrum/internal/durable"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// databaseFile is the SQLite database, in the data directory.
const databaseFile = "rostrum.db"

const (
	sqliteReaders = 4    // connections; each is opened when first needed
	writeQueue    = 1024 // writes that may wait; more wait to wait
	writeBatch    = 256  // writes in one transaction, so that none waits long for its commit
)

// sqliteDB is SQLite: one connection writes, a few read beside it (WAL).
type sqliteDB struct {
	path    string
	writing *sql.DB
	writer  *sqliteConn // used by run, and in the end by close
	reading *sql.DB
	readers chan *sqliteConn
	queue   chan *sqliteWrite

	closing   chan struct{}
	ended     chan struct{} // closed when the writer is gone
	closeOnce sync.Once
	closeErr  error // set by the one that closes
}

// openSQLite opens or creates the database in dir. Unless lasting, nothing is
// ever synced to the disk.
func openSQLite(ctx context.Context, dir string, lasting bool) (database, error) {
	path := filepath.Join(dir, databaseFile)
	// SQLite would create it readable by all; its -wal and -shm take its mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Close(), durable.SyncFolder(dir)); err != nil {
		return nil, err
	}
	d := &sqliteDB{
		path:    path,
		readers: make(chan *sqliteConn, sqliteReaders),
		queue:   make(chan *sqliteWrite, writeQueue),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	synchronous := "FULL"
	if !lasting {
		synchronous = "OFF"
	}
	if d.writing, err = openPool(path, "journal_mode(WAL)", "synchronous("+synchronous+")", "journal_size_limit(67108864)"); err != nil {
		return nil, err
	}
	if err := migrate(ctx, d.writing, sqliteDialect); err != nil {
		return nil, errors.Join(explainDamage(path, err), d.writing.Close())
	}
	if d.reading, err = openPool(path, "query_only(1)"); err != nil {
		return nil, errors.Join(err, d.writing.Close())
	}
	conn, err := d.writing.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, d.writing.Close(), d.reading.Close())
	}
	for range sqliteReaders {
		d.readers <- &sqliteConn{pool: d.reading}
	}
	if !lasting {
		if err := d.vanish(dir); err != nil {
			return nil, errors.Join(err, d.writing.Close(), d.reading.Close())
		}
	}
	d.writer = &sqliteConn{pool: d.writing, conn: conn}
	go d.run()
	return d, nil
}

// vanish opens every connection there will be and removes the files under them:
// so nothing is left however the process ends. (Where open files can't be
// removed, as on Windows, they stay until the store closes.)
func (d *sqliteDB) vanish(dir string) error {
	for range sqliteReaders {
		c := <-d.readers
		d.readers <- c
		if err := c.do("SELECT place FROM outbox"); err != nil { // reading opens all files of a connection
			return err
		}
	}
	_ = os.RemoveAll(dir)
	return nil
}

func openPool(path string, pragmas ...string) (*sql.DB, error) {
	dsn := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: dsn.Encode()}).String())
}

func (*sqliteDB) shared() bool { return false }

func (*sqliteDB) rates() *Rates { return nil }

// read runs fn between BEGIN and COMMIT on a reading connection: in WAL mode
// that is a snapshot, which no writer waits for.
func (d *sqliteDB) read(ctx context.Context, fn func(querier) error) error {
	var c *sqliteConn
	select {
	case c = <-d.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closing:
		return ErrClosed
	}
	defer func() { d.readers <- c }()
	select {
	case <-d.closing:
		return ErrClosed
	default:
	}
	if err := c.do("BEGIN"); err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	ok := false
	defer func() {
		if !ok { // fn panicked
			_ = c.do("ROLLBACK")
		}
	}()
	err := explainDamage(d.path, fn(c))
	ok = true
	return errors.Join(err, c.do("ROLLBACK"))
}

// backup copies the database as it is at this moment, while writes go on.
func (d *sqliteDB) backup(ctx context.Context, file string) error {
	pool, err := openPool(d.path) // a reading connection may not even write elsewhere
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO $1", file)
	return errors.Join(err, pool.Close())
}

// close lets the writes that wait and the reads under way come to their end. Everything is in
// the database file then, and none of it in the write-ahead log, unless the disk is full or
// another process reads the database.
func (d *sqliteDB) close() error {
	d.closeOnce.Do(func() {
		close(d.closing)
		<-d.ended
		taken := make([]*sqliteConn, sqliteReaders)
		for i := range taken {
			taken[i] = <-d.readers
			d.closeErr = errors.Join(d.closeErr, taken[i].close())
		}
		// The last connection to close does this, which may be another process's. It waits for
		// nobody: what another process still reads stays in the log until that closes.
		// On a full disk it fails and nothing is lost: the log stays, and the next open reads it.
		if err := d.writer.do("PRAGMA wal_checkpoint(PASSIVE)"); err != nil && isDamage(err) {
			d.closeErr = errors.Join(d.closeErr, fmt.Errorf("checkpoint %s: %w", d.path, explainDamage(d.path, err)))
		}
		d.closeErr = errors.Join(d.closeErr, d.writer.close(), d.reading.Close(), d.writing.Close())
		for _, c := range taken { // for readers that come too late
			d.readers <- c
		}
	})
	return d.closeErr
}

// A sqliteConn is one connection and the statements prepared on it. There are
// as many as there are queries in this package.
type sqliteConn struct {
	pool       *sql.DB
	conn       *sql.Conn // nil until first used
	statements map[string]*sql.Stmt
}

func (c *sqliteConn) prepared(query string) (*sql.Stmt, error) {
	if s := c.statements[query]; s != nil {
		return s, nil
	}
	ctx := context.Background() // it outlives its first caller
	if c.conn == nil {
		conn, err := c.pool.Conn(ctx)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	s, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if c.statements == nil {
		c.statements = map[string]*sql.Stmt{}
	}
	c.statements[query] = s
	return s, nil
}

// close gives the connection back to its pool, without what would keep it open there.
func (c *sqliteConn) close() (err error) {
	for _, s := range c.statements {
		err = errors.Join(err, s.Close())
	}
	if c.conn != nil {
		err = errors.Join(err, c.conn.Close())
	}
	c.statements, c.conn = nil, nil
	return err
}

// do runs a statement of the transaction's own.
func (c *sqliteConn) do(query string) error {
	_, err := c.ExecContext(context.Background(), query)
	return err
}

// Statements are short, and those of a write share their transaction with
// others': none is cut short because its caller has gone away. (To watch a
// context would also cost the driver a goroutine a statement.)

func (c *sqliteConn) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	s, err := c.prepared(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

func (c *sqliteConn) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepared(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}
