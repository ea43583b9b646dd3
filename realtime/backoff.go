package realtime

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// A backoff is the pause between attempts. It doubles each time, up to 10 s, with jitter,
// since all clients of a node may have lost it at once. The zero value begins with about
// 250 ms.
type backoff struct{ pause time.Duration }

// wait waits for the next attempt. It returns false when ctx ended.
func (b *backoff) wait(ctx context.Context) bool {
	b.pause = min(max(2*b.pause, firstBackoff), maxBackoff)
	select {
	case <-time.After(b.pause/2 + rand.N(b.pause)):
		return true
	case <-ctx.Done():
		return false
	}
}

// reset begins with the first pause again, after a successful attempt.
func (b *backoff) reset() { b.pause = 0 }
