package stage

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/authority"
	"rostrum/internal/node"
	"rostrum/internal/store"
)

const (
	homeTimeout  = 5 * time.Second
	homeInterval = time.Second
)

// findOrCreateSession returns the stage's session. If there is none, it makes this node the
// stage's home and creates one. The error has a *node.Elsewhere if another node is the home.
func (r *Registry) findOrCreateSession(g authority.Grant) (*Session, error) {
	if s := r.findSession(g.StageARN); s != nil {
		return s, nil
	}
	// Only one session at a time acquires the home and releases it.
	found, err, _ := r.opening.Do(g.StageARN, func() (any, error) {
		if s := r.findSession(g.StageARN); s != nil {
			return s, nil
		}
		if r.isClosed() { // its sessions are for other nodes
			return nil, stopping()
		}
		home, left, err := r.acquireHome(g.StageARN)
		if err != nil {
			return nil, err
		}
		return r.createSession(g, home, left)
	})
	if err != nil {
		return nil, err
	}
	return found.(*Session), nil
}

func (r *Registry) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// stopping refuses what would begin on a server that ends.
func stopping() error {
	return &authority.Refusal{Code: authority.StageAtCapacity, Kind: authority.Unavailable, Detail: "this server is stopping", RetryAfter: time.Second}
}

// createSession begins a session, or continues the one that another node left.
func (r *Registry) createSession(g authority.Grant, home store.Home, left *takeover) (*Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, stopping()
	}
	s := newSession(r, g, home)
	if left != nil {
		s.id, s.stored = left.session.ID, true
		s.inbox.put(func() { s.resume(left) })
	}
	r.sessions[g.StageARN] = s
	r.wg.Go(s.run)
	return s, nil
}

// acquireHome makes this node the home of a stage, and takes over what a former home left open.
func (r *Registry) acquireHome(stageARN string) (home store.Home, left *takeover, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), homeTimeout)
	defer cancel()
	home, err = r.node.AcquireHome(ctx, stageARN)
	if err == nil && r.node.IsShared() {
		left, err = r.takeOver(stageARN, home)
	}
	return home, left, homeRefusal(err)
}

// findElsewhere returns an error with a *node.Elsewhere if another node is the stage's home.
func (r *Registry) findElsewhere(stageARN string) error {
	ctx, cancel := context.WithTimeout(context.Background(), homeTimeout)
	defer cancel()
	return homeRefusal(r.node.FindHome(ctx, stageARN))
}

// homeRefusal is what a participant is told where its request can't be passed on.
func homeRefusal(err error) error {
	if err == nil {
		return nil
	}
	if away, ok := errors.AsType[*node.Elsewhere](err); ok {
		return &authority.Refusal{
			Code: authority.Failed, Kind: authority.Unavailable, RetryAfter: time.Second, Err: err,
			Detail: "the stage's session runs on another server, " + away.Node.Public,
		}
	}
	return authority.Failure("find the home of the stage", err)
}

// homeLost refuses what a session can't store any more.
func homeLost(err error) error {
	return &authority.Refusal{Code: authority.Failed, Kind: authority.Unavailable, Detail: "the stage's session moved to another server", RetryAfter: time.Second, Err: err}
}

// releaseHome ends the home of a session that has ended.
func (r *Registry) releaseHome(s *Session) {
	ctx, cancel := context.WithTimeout(context.Background(), homeTimeout)
	defer cancel()
	if err := r.node.ReleaseHome(ctx, s.stageARN, s.home); err != nil && !errors.Is(err, store.ErrClosed) {
		r.cfg.Log.Error("release the home of a stage", "stage", s.stageARN, "error", err)
	}
}

// Run ends the sessions whose home another node took, until ctx ends: one that has nothing to
// store would not notice.
func (r *Registry) Run(ctx context.Context) error {
	if !r.node.IsShared() {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(homeInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := r.endHomeless(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.Error("look for sessions whose home another node took", "error", err)
		}
	}
}

func (r *Registry) endHomeless(ctx context.Context) error {
	r.mu.Lock()
	open := make([]*Session, 0, len(r.sessions)) // read before their homes
	for _, s := range r.sessions {
		open = append(open, s)
	}
	r.mu.Unlock()
	if len(open) == 0 {
		return nil
	}
	homes, err := r.node.Homes(ctx)
	if err != nil {
		return err
	}
	for _, s := range open {
		if homes[s.stageARN] != s.home {
			s.post(func() { s.homeLost = true })
		}
	}
	return nil
}
