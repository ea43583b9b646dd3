package sfu

import (
	"time"

	"rostrum/internal/bandwidth"
)

// The methods of this file run in the allocator.

// lossOnly reports whether the receiver sends no transport-wide feedback, so that its loss is
// all that is known of its path.
func (u *Subscription) lossOnly() bool { return u.twccExtension == 0 }

// request returns what the subscription asks of the viewer's bandwidth.
func (u *Subscription) request(now time.Duration, view *trackView, c Choice, speaker *Publisher) bandwidth.Request {
	r := bandwidth.Request{MaxLayer: len(view.layers) - 1, Current: bandwidth.NoLayer}
	for i, l := range view.layers {
		r.Bitrates = append(r.Bitrates, l.smoothed)
		if l.index == int8(u.target.Load()) {
			r.Current = i
		}
		if c.Layer != "" && l.label == c.Layer {
			r.MaxLayer = i
		}
	}
	r.MaxLayer = u.backoff.CapLayer(now, r.MaxLayer)
	if speaker == u.track.publisher {
		r.Priority = 1
	}
	return r
}

// setAllocated makes an allocated layer flow. Until a layer that was unused is sent again, the
// current one continues, or a smaller one flows if the current does not fit or there is none.
func (u *Subscription) setAllocated(view *trackView, r *bandwidth.Request, layer int) {
	allocated := view.layers[layer]
	needsSmaller := layer < r.Current && layer < r.MaxLayer || r.Current == bandwidth.NoLayer || u.sentBitrate.Load() == 0
	u.substituted = !allocated.active && (u.substituted || needsSmaller)
	target := allocated.index
	for i := layer; u.substituted && i >= 0; i-- {
		if view.layers[i].active {
			target = view.layers[i].index
			break
		}
	}
	u.setTarget(target, NotPaused)
	u.allocated = allocated.index
}
