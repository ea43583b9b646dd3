package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Config says where a store keeps its data. The zero value, with a Dir, is
// SQLite in that directory.
type Config struct {
	// Dir is the data directory: the SQLite database, and the key of all
	// secrets. It is created when absent.
	Dir string

	// URL of a PostgreSQL database (postgres://…); empty means SQLite. All
	// nodes on one database need the same key file in their Dir.
	URL string

	// Connections is how many connections to URL are open at once; default 16.
	Connections int

	// Exclusive refuses a Dir that another store has open as exclusive, with ErrInUse. A
	// server needs its SQLite database for itself, as it ends the sessions that it finds
	// open; tools may open the database beside it. With URL it has no effect.
	Exclusive bool

	// Ephemeral keeps nothing: the database is a temporary one, without fsync,
	// and gone when the store closes. Dir and URL must be empty.
	Ephemeral bool
}

// ErrClosed is what a closed store answers.
var ErrClosed = errors.New("store is closed")

// A Store keeps what outlives the process. It may be used by all goroutines at once.
type Store struct {
	db        database
	vault     *vault
	lock      *os.File // of the data directory; nil unless exclusive
	temporary string   // directory to remove at the end; empty unless ephemeral

	age atomic.Int64 // the newest seq given out
	low int64        // this process's part of every seq

	fault atomic.Pointer[fault] // of the writes since the last that got through; nil when that was the last

	stop     context.CancelFunc // ends watching
	watching sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed chan struct{}
}

// A database makes transactions.
type database interface {
	// write runs fn in a transaction and returns once it is durable; fn's
	// error, or its panic, undoes it. fn may be run more than once.
	write(ctx context.Context, fn func(querier) error) error
	// read runs fn on one moment's view.
	read(ctx context.Context, fn func(querier) error) error
	// backup writes a consistent copy of the database to a new file.
	backup(ctx context.Context, file string) error
	// shared tells whether other nodes write to it, too: then rows must be
	// locked, and news looked for.
	shared() bool
	// rates are what its nodes share; nil for a single one.
	rates() *Rates
	close() error
}

// Open opens the store, brings its schema up to date and makes sure that the
// key file is the one the database was written with. A directory that has lost its database or
// its key is refused before anything is changed.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{changed: make(chan struct{}), low: rand.Int64N(1 << ageShift)}
	if c.Ephemeral {
		if c.Dir != "" || c.URL != "" {
			return nil, errors.New("open store: an ephemeral store has neither directory nor database")
		}
		dir, err := os.MkdirTemp("", "rostrum-ephemeral-")
		if err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		c.Dir, s.temporary = dir, dir
	}
	if err := s.open(ctx, c); err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, c Config) (err error) {
	if c.Dir == "" {
		return errors.New("no data directory given")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	if c.Exclusive && c.URL == "" {
		if s.lock, err = lockDir(c.Dir); err != nil {
			return err
		}
	}
	if c.URL == "" && !c.Ephemeral {
		if err := checkPair(ctx, c.Dir); err != nil {
			return err
		}
	}
	if s.vault, err = openVault(c.Dir); err != nil {
		return err
	}
	switch {
	case c.URL == "":
		s.db, err = openSQLite(ctx, c.Dir, !c.Ephemeral)
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"):
		s.db, err = openPostgres(ctx, c.URL, c.Connections)
	default:
		err = errors.New("the database's URL does not begin with postgres://")
	}
	if err != nil {
		return err
	}
	if err := s.checkKey(ctx); err != nil {
		return err
	}
	if !c.Ephemeral {
		if err := establishKey(c.Dir); err != nil {
			return err
		}
	}
	if s.db.shared() {
		watch, stop := context.WithCancel(context.Background())
		s.stop = stop
		s.watching.Go(func() { s.watch(watch) })
	}
	return nil
}

// Close ends the store once the writes under way are durable. Later calls of
// its methods answer ErrClosed.
func (s *Store) Close() error {
	var err error
	if s.stop != nil {
		s.stop()
		s.watching.Wait()
	}
	if s.db != nil {
		err = s.db.close()
	}
	if s.lock != nil {
		if failed := s.lock.Close(); !errors.Is(failed, os.ErrClosed) {
			err = errors.Join(err, failed)
		}
	}
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
	}
	return err
}

// Write runs fn in a transaction and returns once its changes are durable. An
// error or a panic of fn undoes them, and them alone; the error is returned as
// it is.
//
// fn runs on the caller's goroutine while other writers wait: it must not block
// on anything but tx, nor call Write. It may be run again after it lost to
// another transaction, so it must set, not add to, what it shares with its
// surroundings.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	emitted, refused := false, false
	err := s.db.write(ctx, func(q querier) error {
		tx := &Tx{ctx: ctx, store: s, sql: q, locks: s.db.shared()}
		refused = false
		if err := fn(tx); err != nil {
			refused = tx.failed == nil
			return err
		}
		if tx.failed != nil {
			return fmt.Errorf("write after a failed statement: %w", tx.failed)
		}
		emitted = len(tx.emitted) > 0
		return tx.flush()
	})
	s.written(ctx, err, refused)
	if err == nil && emitted {
		s.wake()
	}
	return err
}

// Read runs fn on the state of one moment: all that was durable when it began
// to read, and nothing later. While fn runs it occupies one of a few
// connections: it must not block on anything but tx, nor call Read.
func (s *Store) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return s.db.read(ctx, func(q querier) error {
		return fn(&Tx{ctx: ctx, store: s, sql: q})
	})
}

// ageShift leaves the low bits of a seq to the process, so that two nodes
// practically never give out the same.
const ageShift = 10

// next gives an age, greater than all this process gave out before: the clock's
// microseconds, or one more than the last when the clock stands or goes back.
func (s *Store) next() int64 {
	for {
		last := s.age.Load()
		age := max(time.Now().UnixMicro(), last+1)
		if s.age.CompareAndSwap(last, age) {
			return age<<ageShift | s.low
		}
	}
}

// raise has next give out greater ages than that of a seq, of a node whose clock may be ahead.
func (s *Store) raise(seq int64) {
	for age := seq >> ageShift; ; {
		last := s.age.Load()
		if last >= age || s.age.CompareAndSwap(last, age) {
			return
		}
	}
}

// Changed returns a channel that is closed when an event has been kept after
// the call, by this node at once, by another within watchEvery. Who reads the
// log takes the channel first, then reads, then waits.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// watchEvery is how often the log is looked at for other nodes' events. (Being
// notified by PostgreSQL instead would make it take one more lock at each commit.)
const watchEvery = 50 * time.Millisecond

// watch wakes those who wait for events when other nodes have written some.
func (s *Store) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for seen := int64(-1); ; {
		var newest int64
		err := s.Read(ctx, func(tx *Tx) (err error) {
			newest, err = tx.LastCursor()
			return err
		})
		if err == nil && newest != seen { // what fails now is told to others who read
			seen = newest
			s.wake()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
