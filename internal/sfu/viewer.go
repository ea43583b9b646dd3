package sfu

import (
	"slices"
	"sync"
	"sync/atomic"

	"rostrum/internal/sdp"
)

// Viewer is one receiver. All that it subscribes to shares one network path, so bandwidth is
// allocated over all its Subscribers. Its methods may be called from any goroutine.
type Viewer struct {
	router     *Router
	id         string
	path       path
	maxBitrate atomic.Int64 // 0 for no limit

	mu          sync.Mutex // guards what follows
	subscribers []*Subscriber
	closed      bool
}

// Subscribe answers the offer of a participant who wants to receive what p publishes. p may
// belong to another Router of the same Engine. Errors are *sdp.Error, ErrBusy or ErrClosed.
func (v *Viewer) Subscribe(p *Publisher, offer string, cfg SubscribeConfig) (*Subscriber, string, error) {
	o, err := sdp.ParseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	return newSubscriber(v, p, o, cfg)
}

// SetMaxBitrate limits what the viewer is sent: of simulcast it gets layers that fit together.
// The smallest layers, and videos without smaller layers, flow in any case. 0 means no limit.
func (v *Viewer) SetMaxBitrate(bitrate int) { v.maxBitrate.Store(int64(bitrate)) }

// Close ends all its Subscribers.
func (v *Viewer) Close(reason string) {
	v.end(CauseClosed, reason)
	v.router.removeViewer(v)
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

// allocateSoon asks the allocator to allocate this viewer's bandwidth at once, because its
// current layers no longer arrive or no longer fit. If many viewers ask, some wait for the
// next round.
func (v *Viewer) allocateSoon() {
	select {
	case v.router.urgent <- v:
	default:
	}
}
