package channel

import (
	"time"

	"rostrum/internal/hls"
)

// A playback is a channel's HLS. It outlives the session: an encoder that comes back
// continues it, and who watches sees the end. The registry's mutex guards it.
type playback struct {
	live    *hls.Live
	session *Session // nil while the channel is offline
	timer   *time.Timer
}

const (
	// endAfter is how long an encoder may be away before players are told that the
	// stream has ended: they do not begin anew after that.
	endAfter = 15 * time.Second
	// keepEnded is how long a stream that has ended remains.
	keepEnded = 45 * time.Second
)

// beginPlayback returns the playback for a new session. The mutex is held.
func (r *Registry) beginPlayback(s *Session) *playback {
	p := r.playbacks[s.id]
	if p == nil {
		p = &playback{live: hls.NewLive()}
		r.playbacks[s.id] = p
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.session = s
	return p
}

// endPlayback keeps the playback of a session that ended, for a while. The mutex is held.
func (r *Registry) endPlayback(s *Session) {
	p := r.playbacks[s.id]
	if p == nil || p.session != s {
		return
	}
	p.session = nil
	if p.live.IsEmpty() {
		delete(r.playbacks, s.id)
		return
	}
	p.timer = time.AfterFunc(endAfter, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if p.session != nil || r.closed {
			return
		}
		p.live.End()
		p.timer = time.AfterFunc(keepEnded, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if p.session == nil {
				delete(r.playbacks, s.id)
			}
		})
	})
}

// closePlaybacks ends all streams.
func (r *Registry) closePlaybacks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.playbacks {
		if p.timer != nil {
			p.timer.Stop()
		}
		p.live.End()
	}
}
