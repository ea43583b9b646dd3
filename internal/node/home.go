package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// An Elsewhere is the error of what another node must do: it has the home.
type Elsewhere struct{ Node store.Node }

func (e *Elsewhere) Error() string {
	return fmt.Sprintf("node %s at %s has it", e.Node.ID, e.Node.Public)
}

// acquireAttempts is how often a home is asked for that changes meanwhile.
const acquireAttempts = 5

// AcquireHome makes this node the home of a stage. The error is an *Elsewhere if another node,
// which is alive, is its home. Where no other node uses the store, each stage is at home here.
func (n *Node) AcquireHome(ctx context.Context, stageARN string) (home store.Home, err error) {
	if !n.cfg.Shared {
		return store.Home{Node: n.id}, nil
	}
	var owner *store.Node
	for range acquireAttempts {
		err = n.store.Write(ctx, func(tx *store.Tx) (err error) {
			if home, err = tx.AcquireHome(stageARN, n.id, n.lostHomes); err == nil && home.Node != n.id {
				owner, err = tx.Node(home.Node)
			}
			return err
		})
		if !errors.Is(err, ivsrealtime.Conflict) {
			break
		}
	}
	switch {
	case err != nil:
		return home, fmt.Errorf("acquire the home of %s: %w", stageARN, err)
	case owner != nil:
		return home, &Elsewhere{*owner}
	}
	return home, nil
}

// FindHome returns an *Elsewhere if another node is the home of a stage, and alive.
func (n *Node) FindHome(ctx context.Context, stageARN string) error {
	if !n.cfg.Shared {
		return nil
	}
	var owner *store.Node
	err := n.store.Read(ctx, func(tx *store.Tx) error {
		home, found, err := tx.Home(stageARN)
		if err != nil || !found || home.Node == n.id {
			return err
		}
		owner, err = tx.Node(home.Node)
		return err
	})
	if err != nil || owner == nil || n.lostHomes(*owner) {
		return err
	}
	return &Elsewhere{*owner}
}

// ReleaseHome ends a home of this node.
func (n *Node) ReleaseHome(ctx context.Context, stageARN string, home store.Home) error {
	if !n.cfg.Shared {
		return nil
	}
	return n.store.Write(ctx, func(tx *store.Tx) error { return tx.ReleaseHome(stageARN, home) })
}

// Homes returns the homes that this node has, by stage.
func (n *Node) Homes(ctx context.Context) (homes map[string]store.Home, err error) {
	err = n.store.Read(ctx, func(tx *store.Tx) (err error) {
		homes, err = tx.Homes(n.id)
		return err
	})
	return homes, err
}

// lostHomes reports whether another node's heartbeat has not changed for the home lease.
func (n *Node) lostHomes(other store.Node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	h, known := n.silent[other.ID]
	return known && h.seen.Equal(other.Seen) && h.silent >= n.cfg.Lease/leasesPerHome
}

// Others returns the other nodes that take requests of nodes, and are alive as far as this one knows.
func (n *Node) Others(ctx context.Context) ([]store.Node, error) {
	if !n.cfg.Shared {
		return nil, nil
	}
	others, err := n.others(ctx)
	return slices.DeleteFunc(others, func(o store.Node) bool { return o.Internal == "" || o.Started.IsZero() || n.lostHomes(o) }), err
}
