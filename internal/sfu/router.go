package sfu

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
)

// RouterConfig describes a Router.
type RouterConfig struct {
	// Notify receives the events of the whole session: ActiveSpeakerChanged. It may be nil.
	Notify func(Event)
}

// Router connects the Publishers and Viewers of one live session. Its methods may be called
// from any goroutine.
type Router struct {
	core     *core
	cfg      RouterConfig
	events   eventQueue
	urgent   chan<- *Viewer // to the allocator
	onEnd    func()         // removes the router from the engine
	speakers speakerDetector

	publisherList atomic.Pointer[[]*Publisher] // the publishers, for readers without the lock

	mu         sync.Mutex // guards what follows
	publishers map[*Publisher]struct{}
	viewers    map[*Viewer]struct{}
	closed     bool
}

func newRouter(c *core, urgent chan<- *Viewer, cfg RouterConfig) *Router {
	r := &Router{
		core: c, cfg: cfg, urgent: urgent,
		publishers: map[*Publisher]struct{}{}, viewers: map[*Viewer]struct{}{},
	}
	r.events.wg = &c.wg
	r.publishList()
	return r
}

// Publish answers the offer of a participant who wants to send. Errors are *sdp.Error, ErrBusy
// or ErrClosed. Media flows once the peer has connected; the Publisher can be subscribed to
// before.
func (r *Router) Publish(offer string, cfg PublishConfig) (*Publisher, string, error) {
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []media.Codec{media.H264, media.VP8, media.VP9, media.AV1}
	}
	return newPublisher(r, offer, cfg)
}

// NewViewer registers a receiver with an id for logs and statistics.
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

// Close ends all publishers and subscribers. Their Closed events may follow later.
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
	r.onEnd()
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

func (r *Router) removeViewer(v *Viewer) {
	r.mu.Lock()
	delete(r.viewers, v)
	r.mu.Unlock()
}

// publishList replaces the list that is read without the lock.
func (r *Router) publishList() {
	all := slices.Collect(maps.Keys(r.publishers))
	r.publisherList.Store(&all)
}

func (r *Router) viewerList() []*Viewer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.viewers))
}

// detectSpeaker chooses the active speaker and sends an event if it changed.
func (r *Router) detectSpeaker(now time.Duration) {
	r.speakers.update(*r.publisherList.Load(), now, func(speaker *Publisher) {
		participant := ""
		if speaker != nil {
			participant = speaker.cfg.Participant
		}
		r.events.enqueue(r.cfg.Notify, ActiveSpeakerChanged{participant})
	})
}
