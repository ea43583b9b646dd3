package sfu

import (
	"maps"
	"slices"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	allotEvery = 200 * time.Millisecond
	atATime    = 64 // viewers that are allotted at a stretch
	maxUrgent  = 256
)

// allot decides, for every viewer, which layer of each video flows. It reads what shards
// publish and leaves its decisions where they pick them up; it never touches a packet.
func (e *Engine) allot() {
	defer e.wg.Done()
	timer := time.NewTimer(allotEvery)
	defer timer.Stop()
	var r round
	for {
		select {
		case <-e.ctx.Done():
			return
		case v := <-e.urgent:
			v.allot(e.now(), v.router.speakers.speaker())
		case <-timer.C:
			timer.Reset(r.step(e))
		}
	}
}

// A round allots everybody once. Of many it takes some at a time, spread over the time that
// a round may take: all at once they would hold up packets where there is one processor.
type round struct {
	viewers []*Viewer // whose turn is still to come
	routers []*Router
	pause   time.Duration // from one step to the next
}

// step allots those whose turn it is, and returns in what time the next are due.
func (r *round) step(e *Engine) time.Duration {
	if len(r.viewers) == 0 {
		r.begin(e)
	}
	now := e.now()
	n := min(atATime, len(r.viewers))
	for _, v := range r.viewers[:n] {
		v.allot(now, v.router.speakers.speaker())
	}
	if r.viewers = r.viewers[n:]; len(r.viewers) > 0 {
		return r.pause
	}
	for _, router := range r.routers {
		for _, p := range *router.stage.Load() {
			p.spare(now)
		}
	}
	r.viewers, r.routers = nil, nil // who leaves isn't held on to
	return r.pause
}

func (r *round) begin(e *Engine) {
	e.mu.RLock()
	r.routers = slices.Collect(maps.Keys(e.routers))
	e.mu.RUnlock()
	for _, router := range r.routers {
		r.viewers = append(r.viewers, router.snapshot()...)
	}
	r.pause = allotEvery / time.Duration(max(1, (len(r.viewers)+atATime-1)/atATime))
}

// hurry has a viewer allotted at once, for what it's given can no longer come. When many
// hurry some wait for the next turn.
func (e *Engine) hurry(v *Viewer) {
	select {
	case e.urgent <- v:
	default:
	}
}

// hurryViewers has everybody who watches the publisher allotted at once.
func (p *Publisher) hurryViewers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		p.router.engine.hurry(s.viewer)
	}
}

// allot shares the viewer's path among its subscribers.
func (v *Viewer) allot(now int64, speaker *Publisher) {
	subscribers := v.snapshot()
	total, known := v.available(subscribers)
	heard := 0
	most := int(v.most.Load())
	var claims []bandwidth.Claim
	var videos []*Subscription
	var views []*trackView
	defer v.handOver(subscribers, targets(subscribers))
	for _, s := range subscribers {
		c := s.Choice()
		if audio := s.subscription(media.Audio); audio != nil {
			if c.NoAudio {
				audio.decide(NoLayer, PausedByChoice)
			} else {
				audio.decide(0, NotPaused)
				sound := int(audio.flowing.Load()) // is never up for a vote
				total, heard = total-sound, heard+sound
			}
		}
		video := s.subscription(media.Video)
		if video == nil {
			continue
		}
		view := video.track.view.Load()
		if c.NoVideo {
			video.decide(NoLayer, PausedByChoice)
			continue
		}
		if len(view.layers) == 0 {
			continue // nothing measured yet: what was opened with stays
		}
		claims = append(claims, claim(now, video, view, c, speaker))
		videos, views = append(videos, video), append(views, view)
	}
	if most > 0 {
		confine(most-heard, claims)
	}
	if !known {
		v.assumeEnough(now, claims, videos, views)
		return
	}
	given, next := bandwidth.Allot(total, claims)
	if next > 0 {
		next += int(v.path.estimate.Load()) - total // beside what isn't up for a vote
	}
	v.path.need.Store(int64(next))
	v.assign(now, given, claims, videos, views)
}

// targets are the pictures' layers that were decided on last.
func targets(subscribers []*Subscriber) []int32 {
	all := make([]int32, len(subscribers))
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil {
			all[i] = video.target.Load()
		}
	}
	return all
}

// handOver has the shards take over at once what was decided otherwise than before.
func (v *Viewer) handOver(subscribers []*Subscriber, before []int32) {
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil && video.target.Load() != before[i] {
			s.transport.atHome(s.retarget)
		}
	}
}

// available is what the viewer's path carries, and what flows to those of its transports
// of which the path learns nothing.
func (v *Viewer) available(subscribers []*Subscriber) (total int, known bool) {
	if estimate := int(v.path.estimate.Load()); estimate > 0 {
		total, known = estimate, true
	}
	for _, s := range subscribers {
		bound := int(s.sender.bound.Load())
		for _, u := range s.subs {
			if u.extension == 0 && bound == 0 {
				total += int(u.flowing.Load())
			}
		}
		if bound > 0 {
			total, known = total+bound, true
		}
	}
	return total, known
}

func claim(now int64, u *Subscription, view *trackView, c Choice, speaker *Publisher) bandwidth.Claim {
	claim := bandwidth.Claim{Most: len(view.layers) - 1, Now: bandwidth.None}
	for i, l := range view.layers {
		claim.Layers = append(claim.Layers, l.steady)
		if l.index == int8(u.target.Load()) {
			claim.Now = i
		}
		if c.Layer != "" && l.label == c.Layer {
			claim.Most = i
		}
	}
	claim.Most = u.patience.Bound(now, claim.Most)
	switch {
	case c.Pinned:
		claim.Priority = 2
	case speaker == u.track.publisher:
		claim.Priority = 1
	}
	return claim
}

// confine lowers what is wished to what fits into most bits a second, beside the smallest
// layer of each, which flows in any case.
func confine(most int, claims []bandwidth.Claim) {
	beyond := slices.Clone(claims)
	for i, c := range claims {
		most -= c.Layers[0]
		beyond[i].Layers = make([]int, len(c.Layers))
		for k, bitrate := range c.Layers {
			beyond[i].Layers[k] = bitrate - c.Layers[0]
		}
	}
	fits, _ := bandwidth.Allot(most, beyond)
	for i := range claims {
		claims[i].Most = max(fits[i], 0)
	}
}

// assumeEnough decides while nothing is known of the path: without simulcast there is
// nothing to decide, with it what was opened with stays.
func (v *Viewer) assumeEnough(now int64, claims []bandwidth.Claim, videos []*Subscription, views []*trackView) {
	for i, u := range videos {
		layer := max(claims[i].Now, 0)
		if u.subscriber.Choice().Layer != "" || u.extension == 0 {
			layer = claims[i].Most // nothing will ever be known, or it was asked for
		}
		if !u.outage.holds(now, u.extension == 0) {
			u.give(views[i], &claims[i], min(layer, claims[i].Most))
		}
	}
}

// assign hands the decisions to the subscriptions.
func (v *Viewer) assign(now int64, given []int, claims []bandwidth.Claim, videos []*Subscription, views []*trackView) {
	for i, u := range videos {
		o, blind := &u.outage, u.extension == 0
		switch {
		case given[i] != bandwidth.None && !o.holds(now, blind):
			o.end(now)
			if given[i] != claims[i].Now {
				u.patience.Moved(now, claims[i].Now, given[i])
			}
			u.give(views[i], &claims[i], given[i])
		case now < o.trial:
			u.decide(views[i].layers[0].index, NotPaused)
		case blind && o.over(now):
			u.subscriber.sender.pardon.Store(true)
			u.decide(views[i].layers[0].index, NotPaused)
		case o.begin(now):
			u.decide(NoLayer, PausedByBandwidth)
		}
	}
}

const (
	outageDoubt = int64(time.Second) // of being short before it's believed; probes go meanwhile
	outageFirst = int64(3 * time.Second)
	outageMost  = int64(30 * time.Second)
	outageTrial = int64(4 * time.Second)
)

// An outage is a pause for want of bandwidth. Of a receiver that tells only of loss nothing
// is learned while nothing flows, so after a while the smallest layer is tried again; each
// failed trial doubles the while. For others trains find out.
type outage struct {
	short       int64 // since when there is too little
	began, wait int64
	trial       int64 // until then what flows is on trial
	ended       int64
}

// begin notes that there is too little, and reports whether that has to be believed.
func (o *outage) begin(now int64) bool {
	switch {
	case o.began != 0:
		return true
	case o.short == 0:
		o.short = now
	}
	if now-o.short < outageDoubt {
		return false
	}
	if now-o.ended > outageMost {
		o.wait = 0
	}
	o.began, o.wait = now, min(max(o.wait*2, outageFirst), outageMost)
	return true
}

// holds tells that the pause goes on whatever the estimate says: loss alone, which is all
// that blind receivers report, says nothing while nothing flows.
func (o *outage) holds(now int64, blind bool) bool {
	return blind && o.began != 0 && now-o.began < o.wait
}

// over ends the pause on trial once it has lasted long enough.
func (o *outage) over(now int64) bool {
	if o.began == 0 || now-o.began < o.wait {
		return false
	}
	o.end(now)
	o.trial = now + outageTrial
	return true
}

func (o *outage) end(now int64) {
	o.short = 0
	if o.began != 0 {
		o.began, o.ended = 0, now
	}
}

// decide leaves a decision for the shard.
func (u *Subscription) decide(layer int8, why PauseReason) {
	u.given = layer
	u.reason.Store(&why)
	u.target.Store(int32(layer))
}
