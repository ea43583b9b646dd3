package peer

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 10 * time.Second
)

// A Backoff is the pause between attempts: twice as long each time, up to 10 s, and spread,
// for a whole stage may have lost its node at once. Its zero value begins with about 250 ms.
type Backoff struct{ pause time.Duration }

// Wait waits for the next attempt; it is false when ctx ended meanwhile.
func (b *Backoff) Wait(ctx context.Context) bool {
	b.pause = min(max(2*b.pause, firstBackoff), lastBackoff)
	select {
	case <-time.After(b.pause/2 + rand.N(b.pause)):
		return true
	case <-ctx.Done():
		return false
	}
}

// Reset begins anew: the last attempt went well.
func (b *Backoff) Reset() { b.pause = 0 }
