package sfu

import (
	"sync"
	"sync/atomic"
)

// RouterConfig describes a Router.
type RouterConfig struct {
	// Notify is told what concerns the whole session: ActiveSpeakerChanged. It may be nil.
	Notify func(Event)
}

// A Router is the switchboard of one live session: it knows the session's Publishers and
// Viewers. Its methods may be called from any goroutine.
type Router struct {
	engine *Engine
	cfg    RouterConfig
	events eventQueue

	mu         sync.Mutex // guards what follows
	publishers map[*Publisher]struct{}
	viewers    map[*Viewer]struct{}
	closed     bool

	speakers      speakerDetector // guarded by its own lock
	publisherList atomic.Pointer[[]*Publisher]
}

// NewRouter opens a Router. On a closed engine it is closed from the start.
func (e *Engine) NewRouter(cfg RouterConfig) *Router {
	r := &Router{
		engine: e, cfg: cfg,
		publishers: map[*Publisher]struct{}{}, viewers: map[*Viewer]struct{}{},
	}
	r.events.wg = &e.wg
	r.publishList()
	e.mu.Lock()
	defer e.mu.Unlock()
	r.closed = e.closed
	if !e.closed {
		e.routers[r] = struct{}{}
	}
	return r
}

// Close ends all publishers and subscribers. Their Closed events may still follow.
func (r *Router) Close() { r.end(CauseClosed, "") }

func (r *Router) end(cause Cause, reason string) {
	r.mu.Lock()
	r.closed = true
	publishers, viewers := r.publishers, r.viewers
	r.publishers, r.viewers = map[*Publisher]struct{}{}, map[*Viewer]struct{}{}
	r.mu.Unlock()
	for v := range viewers {
		v.end(cause, reason)
	}
	for p := range publishers {
		p.transport.end(cause, reason, nil)
	}
	r.engine.mu.Lock()
	delete(r.engine.routers, r)
	r.engine.mu.Unlock()
}

func (r *Router) add(p *Publisher) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	r.publishers[p] = struct{}{}
	r.publishList()
	return nil
}

func (r *Router) remove(p *Publisher) {
	r.mu.Lock()
	delete(r.publishers, p)
	r.publishList()
	r.mu.Unlock()
}

// restage renews the list that is read without the lock.
func (r *Router) publishList() {
	all := make([]*Publisher, 0, len(r.publishers))
	for p := range r.publishers {
		all = append(all, p)
	}
	r.publisherList.Store(&all)
}

// snapshot lists the viewers.
func (r *Router) viewerList() []*Viewer {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Viewer, 0, len(r.viewers))
	for v := range r.viewers {
		all = append(all, v)
	}
	return all
}
