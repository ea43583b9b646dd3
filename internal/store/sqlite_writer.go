package store

import (
	"context"
	"errors"
	"fmt"
)

// A sqliteWrite is a caller of write that waits for its turn. Its function runs
// on the caller's own goroutine, so that a panic there is the caller's; the
// writer only gives and takes back the turn.
type sqliteWrite struct {
	ctx   context.Context
	turn  chan *sqliteConn // given by the writer, nil if it is refused; unbuffered, so that it is taken or not given
	ran   chan error       // what the function returned; capacity 1
	saved chan error       // nil once it is durable; capacity 1
}

// errAbandoned undoes a write whose function panicked or ended its goroutine.
var errAbandoned = errors.New("write abandoned")

func (d *sqliteDB) write(ctx context.Context, fn func(querier) error) error {
	w := &sqliteWrite{ctx: ctx, turn: make(chan *sqliteConn), ran: make(chan error, 1), saved: make(chan error, 1)}
	select {
	case d.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.closing:
		return ErrClosed
	}
	select {
	case c := <-w.turn:
		if c != nil {
			if err := w.run(fn, c); err != nil {
				return explainDamage(d.path, err)
			}
		}
		return explainDamage(d.path, <-w.saved)
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended: // the writer left without this one
		return ErrClosed
	}
}

// run runs fn and gives the turn back, even when fn never returns.
func (w *sqliteWrite) run(fn func(querier) error, c *sqliteConn) error {
	err := errAbandoned
	defer func() { w.ran <- err }()
	err = fn(c)
	return err
}

// run is the writer: it lives until the store closes and the queue is empty.
func (d *sqliteDB) run() {
	defer close(d.ended)
	for {
		select {
		case w := <-d.queue:
			d.batch(d.writer, w)
		case <-d.closing:
			for {
				select {
				case w := <-d.queue:
					d.batch(d.writer, w)
				default:
					return
				}
			}
		}
	}
}

// batch runs first, and whatever else is waiting by then, in one transaction.
// Each is told when the commit is on disk; one that fails is undone alone.
func (d *sqliteDB) batch(c *sqliteConn, first *sqliteWrite) {
	if err := c.do("BEGIN IMMEDIATE"); err != nil {
		first.refuse(fmt.Errorf("begin writing: %w", err))
		return
	}
	var kept []*sqliteWrite
	var fault error
	for w := first; w != nil; w = d.waiting(len(kept)) {
		var ok bool
		if ok, fault = w.within(c); ok {
			kept = append(kept, w)
		}
		if fault != nil {
			break
		}
	}
	if fault == nil {
		if fault = c.do("COMMIT"); fault != nil {
			fault = fmt.Errorf("commit: %w", fault)
		}
	}
	if fault != nil {
		// SQLite may have ended the transaction by itself, on a full disk for one.
		_ = c.do("ROLLBACK")
	}
	for _, w := range kept {
		w.saved <- fault
	}
}

// waiting is the next write of a batch, nil when none waits or the batch is full.
func (d *sqliteDB) waiting(n int) *sqliteWrite {
	if n >= writeBatch {
		return nil
	}
	select {
	case w := <-d.queue:
		return w
	default:
		return nil
	}
}

// refuse answers a write that can't be begun.
func (w *sqliteWrite) refuse(err error) {
	w.saved <- err
	select {
	case w.turn <- nil:
	case <-w.ctx.Done():
	}
}

// within gives w its turn under a savepoint. It reports whether w's changes
// stand now, and a fault that spoils the whole transaction.
func (w *sqliteWrite) within(c *sqliteConn) (ok bool, fault error) {
	if err := c.do("SAVEPOINT one"); err != nil {
		w.refuse(err)
		return false, err
	}
	var err error
	select {
	case w.turn <- c:
		err = <-w.ran
	case <-w.ctx.Done():
		err = w.ctx.Err()
	}
	if err != nil {
		if fault := c.do("ROLLBACK TO one"); fault != nil {
			return false, fault
		}
	}
	return err == nil, c.do("RELEASE one")
}
