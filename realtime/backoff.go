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

// wait waits for the next attempt, at least as long as the last refusal asked for. It returns
// false when ctx ended.
func (b *backoff) wait(ctx context.Context, refused *Problem) bool {
	b.pause = min(max(2*b.pause, firstBackoff), maxBackoff)
	pause := b.pause/2 + rand.N(b.pause)
	if refused != nil {
		pause = max(pause, min(refused.RetryAfter, defaultRejoin))
	}
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// reset begins with the first pause again, after a successful attempt.
func (b *backoff) reset() { b.pause = 0 }
