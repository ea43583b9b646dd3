package stage

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"rostrum/internal/arn"
	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/internal/token"
)

// This file has how a node that stops hands its sessions over to others.

const (
	// handOverTimeout bounds what a node that stops waits for others.
	handOverTimeout = 3 * time.Second
	// handOvers are asked for at once.
	handOvers = 8
)

// leaveHere ends the session on this node. If others can go on with it, it stays open, and so do
// its participants: all that they have here is closed, and clients are told to reconnect.
func (s *Session) leaveHere(others bool) {
	s.handsOver = others && s.stored && s.joined > 0
	s.end(goingAway)
}

// others are the nodes that can go on with the sessions of this one.
func (r *Registry) others() []store.Node {
	if r.cfg.Bus == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverTimeout)
	defer cancel()
	others, err := r.node.Others(ctx)
	if err != nil {
		r.cfg.Log.Error("find a node that goes on with the sessions of this one", "error", err)
	}
	return others
}

// handOver has other nodes go on with sessions that ended here. Those that none takes end with
// this node.
func (r *Registry) handOver(sessions []*Session, to []store.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), handOverTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(handOvers)
	for i, s := range sessions {
		if !s.handsOver {
			continue
		}
		group.Go(func() error {
			for n := range to {
				other := to[(i+n)%len(to)]
				err := r.cfg.Bus.Request(ctx, other.ID, subjectTakeOver, s.stageARN, nil)
				if err == nil {
					return nil
				}
				r.cfg.Log.Warn("have another node go on with a stage session", "stage", s.stageARN, "session", s.id, "node", other.ID, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // what failed is logged
}

// takeOverHere goes on with the session of a stage that another node hands over.
func (r *Registry) takeOverHere(stageARN string) error {
	name, err := arn.Parse(stageARN)
	if err != nil {
		return err
	}
	s, err := r.findOrCreateSession(authority.Grant{Account: name.Account, Region: name.Region, Claims: token.Claims{StageARN: stageARN, StageID: name.ID}})
	if _, away := errors.AsType[*node.Elsewhere](err); away { // somebody asked a third node for it
		return nil
	}
	if err == nil {
		s.post(func() {}) // ends a session that has nothing to go on with
	}
	return err
}
