// Package node keeps this process's heartbeat in the store and finds the nodes
// that died.
//
// A node is one process that uses the store. It writes a heartbeat every few
// seconds, under an id that it makes at its start. What it runs (sessions of
// stages, live channels, compositions) is stored under that id.
//
// # Liveness
//
// A node is dead when its heartbeat has not changed for the lease, as seen by
// this node. Only this node's monotonic clock counts: clocks of nodes may differ
// and jump. Time in which this node could not read the store does not count.
// Where a single process uses the store, all other nodes in it are dead.
//
// # Homes
//
// The live session of a stage is on one node, its home. Where nodes share a store, a home is a
// lease in it with an epoch, which each write about the session requires. When the heartbeat of
// a home has not changed for a shorter time, the home lease, a node that is asked for the stage
// takes the home, and the session goes on there. So a node that only stalled loses sessions that somebody asked for elsewhere,
// and nothing else.
//
// # What happens when a node dies
//
// Each package that stores something under a node's id registers a function with
// [Node.OnDead], which closes what a dead node left open. Every surviving node
// runs all functions. Once each has returned without error the dead node's row
// is deleted; after an error all run again at the next beat.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/store"
)

// Protocol is the version of what nodes send each other. A node does not start beside one that
// has another.
const Protocol = 1

// ErrDeclaredDead ends a node that did not write its heartbeat for so long that
// another node closed what it had open.
var ErrDeclaredDead = errors.New("another node declared this one dead and closed what it had open; start it again")

// A Config tunes a Node.
type Config struct {
	// Shared says that other nodes use the same store.
	Shared bool
	// Lease is how long a node's heartbeat may stay the same before the node is
	// dead. Default 20 s, and 10 s where nodes share the store.
	Lease time.Duration
	// Address says how others reach this node.
	Address store.NodeAddress
	// Log takes what an operator should know. Default slog.Default().
	Log *slog.Logger
}

const (
	defaultLease = 20 * time.Second
	sharedLease  = 10 * time.Second

	// beatsPerLease is how many heartbeats a node writes in the time of a lease, and
	// sharedBeats where others watch them.
	beatsPerLease = 4
	sharedBeats   = 20

	// leasesPerHome is how many home leases are in a lease.
	leasesPerHome = 3
)

// A Node is this process. It is safe for concurrent use.
type Node struct {
	id     string
	store  *store.Store
	cfg    Config
	stop   context.CancelFunc // of the heartbeat
	wg     sync.WaitGroup
	lost   chan struct{} // closed when another node declared this one dead
	onDead []func(ctx context.Context, dead store.Node) error

	mu     sync.Mutex           // guards what follows
	silent map[string]heartbeat // of the other nodes
}

// Open writes the first heartbeat of this process and goes on writing them until
// Close.
func Open(ctx context.Context, s *store.Store, cfg Config) (*Node, error) {
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
		if cfg.Shared {
			cfg.Lease = sharedLease
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Address.Protocol = Protocol
	if cfg.Shared {
		if err := checkProtocols(ctx, s); err != nil {
			return nil, err
		}
	}
	n := &Node{id: arn.NewID(), store: s, cfg: cfg, lost: make(chan struct{})}
	if err := s.Write(ctx, func(tx *store.Tx) error { return tx.AddNode(n.id, time.Now(), cfg.Address) }); err != nil {
		return nil, err
	}
	beating, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.wg.Go(func() { n.beat(beating) })
	return n, nil
}

// checkProtocols refuses to start beside nodes that understand other messages. Those of versions
// that sent none are left alone.
func checkProtocols(ctx context.Context, s *store.Store) error {
	var all []store.NodeStatus
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.NodeStatuses()
		return err
	})
	for _, n := range all {
		if n.Protocol != 0 && n.Protocol != Protocol && n.Silent < sharedLease {
			return fmt.Errorf("node %s at %s, of version %s, runs on this database and understands other messages of nodes (%d) than this program (%d): stop it first, or start its version here",
				n.ID, n.Public, n.Version, n.Protocol, Protocol)
		}
	}
	return err
}

// ID is this process's name in the store.
func (n *Node) ID() string { return n.id }

// IsShared reports whether other nodes use the same store.
func (n *Node) IsShared() bool { return n.cfg.Shared }

// OnDead registers a function that closes what a dead node left open, as of
// dead.Seen. It must be idempotent, and safe when surviving nodes run it at the
// same time. It also runs in Close for this node itself, whose owner has closed
// by then. OnDead must be called before Recover and Run.
func (n *Node) OnDead(f func(ctx context.Context, dead store.Node) error) {
	n.onDead = append(n.onDead, f)
}

// Recover closes what former processes left open, where no other process uses
// the store.
func (n *Node) Recover(ctx context.Context) error {
	if n.cfg.Shared {
		return nil
	}
	others, err := n.others(ctx)
	if err != nil {
		return err
	}
	return n.cleanUp(ctx, others)
}

// Run cleans up after nodes that die, until ctx ends. It returns
// ErrDeclaredDead when other nodes cleaned up after this one.
func (n *Node) Run(ctx context.Context) error {
	every := n.interval()
	watch := liveness{lease: n.cfg.Lease, every: every}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if n.cfg.Shared {
			if err := n.look(ctx, &watch); err != nil && ctx.Err() == nil {
				n.cfg.Log.Error("clean up after dead nodes", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-n.lost:
			return ErrDeclaredDead
		case <-ctx.Done():
			return nil
		}
	}
}

// look cleans up after the nodes that are dead now.
func (n *Node) look(ctx context.Context, watch *liveness) error {
	others, err := n.others(ctx)
	if err != nil {
		return err
	}
	dead := watch.observe(others, time.Now())
	n.mu.Lock()
	n.silent = watch.heartbeats
	n.mu.Unlock()
	return n.cleanUp(ctx, dead)
}

// interval is the time between heartbeats, and between looks at those of others.
func (n *Node) interval() time.Duration {
	if n.cfg.Shared {
		return n.cfg.Lease / sharedBeats
	}
	return n.cfg.Lease / beatsPerLease
}

// Close ends the heartbeat. It closes what this node could not close before and
// deletes its row; after an error the row stays, and the next process or another
// node closes it. The owners of what the node runs close before it, the store
// after it.
func (n *Node) Close() error {
	n.stop()
	n.wg.Wait()
	ctx := context.Background()
	if err := n.closeAll(ctx, store.Node{ID: n.id, Seen: now()}); err != nil {
		return fmt.Errorf("close what node %s has open: %w", n.id, err)
	}
	return n.store.Write(ctx, func(tx *store.Tx) error { return tx.ForgetNode(n.id) })
}

// beat writes heartbeats until ctx ends or the node's row is gone.
func (n *Node) beat(ctx context.Context) {
	tick := time.NewTicker(n.interval())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		there := true
		err := n.store.Write(ctx, func(tx *store.Tx) (err error) {
			there, err = tx.Beat(n.id, time.Now())
			return err
		})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.cfg.Log.Error("write heartbeat", "node", n.id, "error", err)
		case !there:
			n.cfg.Log.Error("node was declared dead by another", "node", n.id, "lease", n.cfg.Lease)
			close(n.lost)
			return
		}
	}
}

// others reads all nodes but this one.
func (n *Node) others(ctx context.Context) (others []store.Node, err error) {
	err = n.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Nodes()
		others = nil
		for _, other := range all {
			if other.ID != n.id {
				others = append(others, other)
			}
		}
		return err
	})
	return others, err
}

// cleanUp closes what dead nodes left open and deletes the rows of those where
// that succeeded.
func (n *Node) cleanUp(ctx context.Context, dead []store.Node) error {
	var all error
	for _, d := range dead {
		if d.Seen.IsZero() { // it has no row any more, and when it ended is not known
			d.Seen = now()
		}
		d.Seen = d.Seen.Truncate(time.Millisecond)
		err := n.store.Write(ctx, func(tx *store.Tx) error { return tx.DeclareDead(d.ID) })
		if err == nil {
			err = n.closeAll(ctx, d)
		}
		if err == nil {
			err = n.store.Write(ctx, func(tx *store.Tx) error { return errors.Join(tx.ReleaseAll(d.ID), tx.ForgetNode(d.ID)) })
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("close what node %s left open: %w", d.ID, err))
			continue
		}
		n.cfg.Log.Info("cleaned up after dead node", "node", d.ID, "seen", d.Seen)
	}
	return all
}

func (n *Node) closeAll(ctx context.Context, dead store.Node) (all error) {
	for _, f := range n.onDead {
		all = errors.Join(all, f(ctx, dead))
	}
	return all
}

// now is the time as the API shows it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
