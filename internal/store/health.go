package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A fault is what keeps writes from getting through.
type fault struct {
	since time.Time
	err   error
}

// outOfOrderAfter is for how long every write must have failed before the store counts as
// out of order. It is longer than the time between two of a node's beats: a write that fails
// for a reason of its own is soon followed by one that doesn't.
const outOfOrderAfter = 6 * time.Second

// Check tells whether the store can be read now, and whether writes have been getting
// through. It writes nothing: the beats of the node that uses the store do, all the time.
func (s *Store) Check(ctx context.Context) error {
	if f := s.fault.Load(); f != nil && time.Since(f.since) > outOfOrderAfter {
		return fmt.Errorf("no write has got through for %v: %w", time.Since(f.since).Round(time.Second), f.err)
	}
	return s.Read(ctx, func(tx *Tx) error {
		_, err := tx.LastCursor()
		return err
	})
}

// written notes how a write has ended: refused is that its function would not have it,
// which says nothing of the store.
func (s *Store) written(ctx context.Context, err error, refused bool) {
	switch {
	case err == nil:
		if s.fault.Load() != nil { // a look is cheaper than a change, which all processors notice
			s.fault.Store(nil)
		}
	case !refused && ctx.Err() == nil && !errors.Is(err, ErrClosed):
		s.fault.CompareAndSwap(nil, &fault{time.Now(), err})
	}
}
