package node

import (
	"time"

	"rostrum/internal/store"
)

// liveness judges which nodes are dead from their heartbeats, as this node reads
// them every few seconds.
type liveness struct {
	lease time.Duration
	every time.Duration // how often heartbeats are read

	read       time.Time // when they were read last, by the monotonic clock
	heartbeats map[string]heartbeat
}

// A heartbeat is a node's last, and for how long it has been seen to stay the same.
type heartbeat struct {
	seen   time.Time // by the other node's clock
	silent time.Duration
}

// observe takes the heartbeats of all other nodes, as read at now, and returns
// the nodes that are dead. One without a row ended and still holds something: it
// is dead at once.
func (l *liveness) observe(nodes []store.Node, now time.Time) (dead []store.Node) {
	// This node may have been unable to read for long, and the others to write.
	elapsed := min(now.Sub(l.read), l.every)
	last := l.heartbeats
	l.read, l.heartbeats = now, make(map[string]heartbeat, len(nodes))
	for _, n := range nodes {
		if n.Seen.IsZero() {
			dead = append(dead, n)
			continue
		}
		h, known := last[n.ID]
		if known && h.seen.Equal(n.Seen) {
			h.silent += elapsed
		} else {
			h = heartbeat{seen: n.Seen}
		}
		l.heartbeats[n.ID] = h
		if h.silent >= l.lease {
			dead = append(dead, n)
		}
	}
	return dead
}
