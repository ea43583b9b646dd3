package sfu

import (
	"math/bits"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

const (
	// unwatchedAfter is how long nobody must have had use for a layer until its publisher is
	// told: a viewer that comes back soon finds it flowing.
	unwatchedAfter = 5e9 // ns

	// turning is how long a publisher may take to follow. Meanwhile what is measured says
	// nothing of the layer, and one that is to come back is thought to be there.
	turning = 3e9 // ns
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
type idleness struct {
	since [sdp.MaxLayers]int64 // since when nobody has use for each; 0 while somebody has
}

// rest is what need not be sent now, of those that the publisher sends or would send again.
func (i *idleness) rest(now int64, layers []layerView, watched layerSet) (unwatched layerSet) {
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
		case now-*at >= unwatchedAfter:
			unwatched.add(int8(layer))
		}
	}
	return unwatched
}

// spare tells the publisher when the layers that nobody has use for are others than before.
// It is the allotter's, after it has decided for all viewers.
func (p *Publisher) spare(now int64) {
	t := p.track(media.Video)
	if t == nil || !t.simulcast() {
		return
	}
	view := t.view.Load()
	if len(view.layers) == 0 {
		return // its camera is off, or hasn't begun: nothing is known
	}
	unwatched := t.idle.rest(now, view.layers, p.watched(t, view))
	if unwatched == layerSet(t.unwatched.Swap(uint32(unwatched))) {
		return
	}
	labels := make([]string, 0, bits.OnesCount32(uint32(unwatched)))
	for _, l := range t.layers {
		if unwatched.has(l.index) {
			labels = append(labels, l.label)
		}
	}
	p.transport.tell(LayersUnused{labels})
}

// watched are the layers that somebody receives, or was given and waits for.
func (p *Publisher) watched(t *Track, view *trackView) (watched layerSet) {
	if t.taps.Load() > 0 {
		watched.add(view.layers[len(view.layers)-1].index)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		if u := s.subscription(media.Video); u != nil {
			watched.add(int8(u.target.Load()))
			watched.add(u.given)
		}
	}
	return watched
}

// rest is what a layer's home shard knows of its being unwatched.
type rest struct {
	unwatched bool
	turned    int64 // when that last changed, 0 if it never did
}

// keeps follows the allotter's word. known tells that the layer is to be had though nothing
// of it comes; frozen, that its rate is not to be learned from what comes.
func (r *rest) keeps(now int64, unwatched, active bool) (known, frozen bool) {
	if unwatched != r.unwatched {
		r.unwatched, r.turned = unwatched, now
	}
	turns := r.turned != 0 && now-r.turned < turning
	return unwatched || turns, turns || unwatched && !active
}

// give has a layer flow. Until one that was unwatched comes back, the current one goes on, or
// a smaller one does if the current doesn't fit, or there is none.
func (u *Subscription) give(view *trackView, c *bandwidth.Claim, given int) {
	to := view.layers[given]
	short := given < c.Now && given < c.Most || c.Now == bandwidth.None || u.flowing.Load() == 0
	u.detour = !to.active && (u.detour || short)
	target := to.index
	for i := given; u.detour && i >= 0; i-- {
		if view.layers[i].active {
			target = view.layers[i].index
			break
		}
	}
	u.decide(target, NotPaused)
	u.given = to.index
}
