package sfu

import (
	"math/bits"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

const (
	// unwatchedAfter is how long nobody must have had use for a layer until its publisher is
	// told: a viewer that comes back soon finds it flowing.
	unusedAfter = 5e9 // ns

	// turning is how long a publisher may take to follow. Meanwhile what is measured says
	// nothing of the layer, and one that is to come back is thought to be there.
	layerChangeGrace = 3e9 // ns
)

// layerSet has a bit for each layer of a track, by its index.
type layerSet uint32

func (s layerSet) has(layer int8) bool { return layer >= 0 && s>>layer&1 == 1 }

func (s *layerSet) add(layer int8) {
	if layer >= 0 {
		*s |= 1 << layer
	}
}

// idleness finds the layers of one track that need not be sent: nobody has had use for them,
// or for a better one, for a while. What is below a watched layer costs little and is there
// at once when a path narrows, the publisher's own as well; the smallest is always needed,
// for whoever comes next. The zero value is ready.
type unusedTimer struct {
	since [sdp.MaxLayers]time.Duration // since when nobody has use for each; 0 while somebody has
}

// rest is what need not be sent now, of those that the publisher sends or would send again.
func (i *unusedTimer) update(now time.Duration, layers []layerView, watched layerSet) (unwatched layerSet) {
	var idle layerSet
	for k := len(layers) - 1; k > 0 && !watched.has(layers[k].index); k-- {
		idle.add(layers[k].index)
	}
	for layer := range i.since {
		switch at := &i.since[layer]; {
		case !idle.has(int8(layer)):
			*at = 0
		case *at == 0:
			*at = now
		case now-*at >= unusedAfter:
			unwatched.add(int8(layer))
		}
	}
	return unwatched
}

// spare tells the publisher when the layers that nobody has use for are others than before.
// It is the allotter's, after it has decided for all viewers.
func (p *Publisher) updateUnused(now time.Duration) {
	t := p.track(media.Video)
	if t == nil || !t.simulcast() {
		return
	}
	view := t.view.Load()
	if len(view.layers) == 0 {
		return // its camera is off, or hasn't begun: nothing is known
	}
	unwatched := t.unusedTimers.update(now, view.layers, p.usedLayers(t, view))
	if unwatched == layerSet(t.unusedLayers.Swap(uint32(unwatched))) {
		return
	}
	labels := make([]string, 0, bits.OnesCount32(uint32(unwatched)))
	for _, l := range t.layers {
		if unwatched.has(l.index) {
			labels = append(labels, l.label)
		}
	}
	p.transport.emit(LayersUnused{labels})
}

// watched are the layers that somebody receives, or was given and waits for.
func (p *Publisher) usedLayers(t *Track, view *trackView) (watched layerSet) {
	if t.tapCount.Load() > 0 {
		watched.add(view.layers[len(view.layers)-1].index)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		if u := s.subscription(media.Video); u != nil {
			watched.add(int8(u.target.Load()))
			watched.add(u.allocated)
		}
	}
	return watched
}

// rest is what a layer's home shard knows of its being unwatched.
type unusedState struct {
	unused    bool
	changedAt time.Duration // when that last changed, 0 if it never did
}

// keeps follows the allotter's word. known tells that the layer is to be had though nothing
// of it comes; frozen, that its rate is not to be learned from what comes.
func (r *unusedState) update(now time.Duration, unwatched, active bool) (known, frozen bool) {
	if unwatched != r.unused {
		r.unused, r.changedAt = unwatched, now
	}
	turns := r.changedAt != 0 && now-r.changedAt < layerChangeGrace
	return unwatched || turns, turns || unwatched && !active
}

// give has a layer flow. Until one that was unwatched comes back, the current one goes on, or
// a smaller one does if the current doesn't fit, or there is none.
func (u *Subscription) setAllocated(view *trackView, c *bandwidth.Request, layer int) {
	to := view.layers[layer]
	short := layer < c.Current && layer < c.MaxLayer || c.Current == bandwidth.NoLayer || u.sentBitrate.Load() == 0
	u.substituted = !to.active && (u.substituted || short)
	target := to.index
	for i := layer; u.substituted && i >= 0; i-- {
		if view.layers[i].active {
			target = view.layers[i].index
			break
		}
	}
	u.setTarget(target, NotPaused)
	u.allocated = to.index
}
