package sfu

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/sdp"
)

// core is what all parts of an engine share. Only index and the counters change after start.
type core struct {
	cfg         Config
	port        uint16 // of all media
	candidates  []sdp.Candidate
	certificate tls.Certificate // for DTLS
	fingerprint string          // of the certificate, as in SDP
	epoch       time.Time       // when the engine started
	shards      []*shard

	ctx    context.Context // canceled by Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // goroutines other than the shards

	index      transportIndex
	transports atomic.Int64
	halfOpen   atomic.Int64 // transports whose handshake is not done

	connectFailures [connectFailureCount]atomic.Uint64
}

// now returns the time since the engine started, by a monotonic clock.
func (c *core) now() time.Duration { return time.Since(c.epoch) }

// unixNano converts a time since the engine started to Unix nanoseconds.
func (c *core) unixNano(now time.Duration) int64 { return c.epoch.UnixNano() + int64(now) }

// reserveTransport counts a new transport, whose handshake is not done. It returns ErrBusy at
// the limits.
func (c *core) reserveTransport() error {
	if int(c.transports.Load()) >= c.cfg.MaxTransports || int(c.halfOpen.Load()) >= c.cfg.MaxHalfOpen {
		return ErrBusy
	}
	c.transports.Add(1)
	c.halfOpen.Add(1)
	return nil
}

// leastBusy returns the shard with the fewest transports, for a transport that needs one
// before its first packet.
func (c *core) leastBusy() *shard {
	best := c.shards[rand.IntN(len(c.shards))]
	for _, s := range c.shards {
		if s.transportCount.Load() < best.transportCount.Load() {
			best = s
		}
	}
	return best
}
