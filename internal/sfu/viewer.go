package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Viewer is one receiver: all it subscribes to shares one path, so bandwidth is allotted
// over all its Subscribers. Its methods may be called from any goroutine.
type Viewer struct {
	router     *Router
	id         string
	path       path
	maxBitrate atomic.Int64 // bits a second, 0 for no bound

	mu          sync.Mutex // guards what follows
	subscribers []*Subscriber
	closed      bool
}

// NewViewer registers one receiver under an id that logs and statistics show.
func (r *Router) NewViewer(id string) *Viewer {
	v := &Viewer{router: r, id: id}
	r.mu.Lock()
	defer r.mu.Unlock()
	v.closed = r.closed
	if !r.closed {
		r.viewers[v] = struct{}{}
	}
	return v
}

// Limit bounds, in bits a second, what the viewer is sent: of simulcast it gets layers that fit
// together. The smallest ones, and pictures of which there is no smaller one, flow all the
// same. 0 is no bound.
func (v *Viewer) SetMaxBitrate(bitrate int) { v.maxBitrate.Store(int64(bitrate)) }

// Close ends all its Subscribers.
func (v *Viewer) Close(reason string) {
	v.end(CauseClosed, reason)
	v.router.mu.Lock()
	delete(v.router.viewers, v)
	v.router.mu.Unlock()
}

func (v *Viewer) end(cause Cause, reason string) {
	v.mu.Lock()
	v.closed = true
	subscribers := slices.Clone(v.subscribers)
	v.mu.Unlock()
	for _, s := range subscribers {
		s.transport.end(cause, reason, nil)
	}
}

func (v *Viewer) add(s *Subscriber) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	v.subscribers = append(v.subscribers, s)
	return nil
}

func (v *Viewer) remove(s *Subscriber) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := slices.Index(v.subscribers, s); i >= 0 {
		v.subscribers = slices.Delete(v.subscribers, i, i+1)
	}
}

func (v *Viewer) subscriberList() []*Subscriber {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.subscribers)
}
