package sfu

import (
	"maps"
	"slices"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	allocateInterval = 200 * time.Millisecond
	allocateBatch    = 64 // viewers that are allotted at a stretch
	maxUrgentViewers = 256
)

// allot decides, for every viewer, which layer of each video flows. It reads what shards
// publish and leaves its decisions where they pick them up; it never touches a packet.
func (e *Engine) runAllocator() {
	defer e.wg.Done()
	timer := time.NewTimer(allocateInterval)
	defer timer.Stop()
	var r allocationRound
	for {
		select {
		case <-e.ctx.Done():
			return
		case v := <-e.urgent:
			v.allocate(e.now(), v.router.speakers.activeSpeaker())
		case <-timer.C:
			timer.Reset(r.step(e))
		}
	}
}

// A round allots everybody once. Of many it takes some at a time, spread over the time that
// a round may take: all at once they would hold up packets where there is one processor.
type allocationRound struct {
	viewers  []*Viewer // whose turn is still to come
	routers  []*Router
	interval time.Duration // from one step to the next
}

// step allots those whose turn it is, and returns in what time the next are due.
func (r *allocationRound) step(e *Engine) time.Duration {
	if len(r.viewers) == 0 {
		r.begin(e)
	}
	now := e.now()
	n := min(allocateBatch, len(r.viewers))
	for _, v := range r.viewers[:n] {
		v.allocate(now, v.router.speakers.activeSpeaker())
	}
	if r.viewers = r.viewers[n:]; len(r.viewers) > 0 {
		return r.interval
	}
	for _, router := range r.routers {
		for _, p := range *router.publisherList.Load() {
			p.updateUnused(now)
		}
	}
	r.viewers, r.routers = nil, nil // who leaves isn't held on to
	return r.interval
}

func (r *allocationRound) begin(e *Engine) {
	e.mu.RLock()
	r.routers = slices.Collect(maps.Keys(e.routers))
	e.mu.RUnlock()
	for _, router := range r.routers {
		r.viewers = append(r.viewers, router.viewerList()...)
	}
	r.interval = allocateInterval / time.Duration(max(1, (len(r.viewers)+allocateBatch-1)/allocateBatch))
}

// hurry has a viewer allotted at once, for what it's given can no longer come. When many
// hurry some wait for the next turn.
func (e *Engine) allocateSoon(v *Viewer) {
	select {
	case e.urgent <- v:
	default:
	}
}

// hurryViewers has everybody who watches the publisher allotted at once.
func (p *Publisher) reallocateViewers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		p.router.engine.allocateSoon(s.viewer)
	}
}

// allot shares the viewer's path among its subscribers.
func (v *Viewer) allocate(now time.Duration, speaker *Publisher) {
	subscribers := v.subscriberList()
	total, known := v.available(subscribers)
	audioBitrate := 0
	maxBitrate := int(v.maxBitrate.Load())
	var requests []bandwidth.Request
	var videos []*Subscription
	var views []*trackView
	defer v.applyChanged(subscribers, videoTargets(subscribers))
	for _, s := range subscribers {
		c := s.Choice()
		if audio := s.subscription(media.Audio); audio != nil {
			if c.NoAudio {
				audio.setTarget(NoLayer, PausedByChoice)
			} else {
				audio.setTarget(0, NotPaused)
				bitrate := int(audio.sentBitrate.Load()) // is never up for a vote
				total, audioBitrate = total-bitrate, audioBitrate+bitrate
			}
		}
		video := s.subscription(media.Video)
		if video == nil {
			continue
		}
		view := video.track.view.Load()
		if c.NoVideo {
			video.setTarget(NoLayer, PausedByChoice)
			continue
		}
		if len(view.layers) == 0 {
			continue // nothing measured yet: what was opened with stays
		}
		requests = append(requests, requestFor(now, video, view, c, speaker))
		videos, views = append(videos, video), append(views, view)
	}
	if maxBitrate > 0 {
		capRequests(maxBitrate-audioBitrate, requests)
	}
	if !known {
		v.allocateUnestimated(now, requests, videos, views)
		return
	}
	layers, next := bandwidth.Allocate(total, requests)
	if next > 0 {
		next += int(v.path.estimate.Load()) - total // beside what isn't up for a vote
	}
	v.path.probeTarget.Store(int64(next))
	v.assign(now, layers, requests, videos, views)
}

// targets are the pictures' layers that were decided on last.
func videoTargets(subscribers []*Subscriber) []int32 {
	all := make([]int32, len(subscribers))
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil {
			all[i] = video.target.Load()
		}
	}
	return all
}

// handOver has the shards take over at once what was decided otherwise than before.
func (v *Viewer) applyChanged(subscribers []*Subscriber, before []int32) {
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil && video.target.Load() != before[i] {
			s.transport.runOnShard(s.applyTargets)
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
		limit := int(s.sender.lossBitrate.Load())
		for _, u := range s.subs {
			if u.extension == 0 && limit == 0 {
				total += int(u.sentBitrate.Load())
			}
		}
		if limit > 0 {
			total, known = total+limit, true
		}
	}
	return total, known
}

func requestFor(now time.Duration, u *Subscription, view *trackView, c Choice, speaker *Publisher) bandwidth.Request {
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
	switch {
	case c.Pinned:
		r.Priority = 2
	case speaker == u.track.publisher:
		r.Priority = 1
	}
	return r
}

// confine lowers what is wished to what fits into most bits a second, beside the smallest
// layer of each, which flows in any case.
func capRequests(maxBitrate int, requests []bandwidth.Request) {
	upgrades := slices.Clone(requests)
	for i, c := range requests {
		maxBitrate -= c.Bitrates[0]
		upgrades[i].Bitrates = make([]int, len(c.Bitrates))
		for k, bitrate := range c.Bitrates {
			upgrades[i].Bitrates[k] = bitrate - c.Bitrates[0]
		}
	}
	fits, _ := bandwidth.Allocate(maxBitrate, upgrades)
	for i := range requests {
		requests[i].MaxLayer = max(fits[i], 0)
	}
}

// assumeEnough decides while nothing is known of the path: without simulcast there is
// nothing to decide, with it what was opened with stays.
func (v *Viewer) allocateUnestimated(now time.Duration, requests []bandwidth.Request, videos []*Subscription, views []*trackView) {
	for i, u := range videos {
		layer := max(requests[i].Current, 0)
		if u.subscriber.Choice().Layer != "" || u.extension == 0 {
			layer = requests[i].MaxLayer // nothing will ever be known, or it was asked for
		}
		if !u.outage.waiting(now, u.extension == 0) {
			u.setAllocated(views[i], &requests[i], min(layer, requests[i].MaxLayer))
		}
	}
}

// assign hands the decisions to the subscriptions.
func (v *Viewer) assign(now time.Duration, layers []int, requests []bandwidth.Request, videos []*Subscription, views []*trackView) {
	for i, u := range videos {
		o, blind := &u.outage, u.extension == 0
		switch {
		case layers[i] != bandwidth.NoLayer && !o.waiting(now, blind):
			o.end(now)
			if layers[i] != requests[i].Current {
				u.backoff.RecordChange(now, requests[i].Current, layers[i])
			}
			u.setAllocated(views[i], &requests[i], layers[i])
		case now < o.trialUntil:
			u.setTarget(views[i].layers[0].index, NotPaused)
		case blind && o.startTrial(now):
			u.subscriber.sender.resetLossLimit.Store(true)
			u.setTarget(views[i].layers[0].index, NotPaused)
		case o.begin(now):
			u.setTarget(NoLayer, PausedByBandwidth)
		}
	}
}

const (
	outageConfirmTime = time.Second // of being short before it's believed; probes go meanwhile
	minOutage         = 3 * time.Second
	maxOutage         = 30 * time.Second
	outageTrialTime   = 4 * time.Second
)

// An outage is a pause for want of bandwidth. Of a receiver that tells only of loss nothing
// is learned while nothing flows, so after a while the smallest layer is tried again; each
// failed trial doubles the while. For others trains find out.
type outage struct {
	shortSince        time.Duration // since when there is too little
	pausedSince, wait time.Duration
	trialUntil        time.Duration // until then what flows is on trial
	endedAt           time.Duration
}

// begin notes that there is too little, and reports whether that has to be believed.
func (o *outage) begin(now time.Duration) bool {
	switch {
	case o.pausedSince != 0:
		return true
	case o.shortSince == 0:
		o.shortSince = now
	}
	if now-o.shortSince < outageConfirmTime {
		return false
	}
	if now-o.endedAt > maxOutage {
		o.wait = 0
	}
	o.pausedSince, o.wait = now, min(max(o.wait*2, minOutage), maxOutage)
	return true
}

// holds tells that the pause goes on whatever the estimate says: loss alone, which is all
// that blind receivers report, says nothing while nothing flows.
func (o *outage) waiting(now time.Duration, blind bool) bool {
	return blind && o.pausedSince != 0 && now-o.pausedSince < o.wait
}

// over ends the pause on trial once it has lasted long enough.
func (o *outage) startTrial(now time.Duration) bool {
	if o.pausedSince == 0 || now-o.pausedSince < o.wait {
		return false
	}
	o.end(now)
	o.trialUntil = now + outageTrialTime
	return true
}

func (o *outage) end(now time.Duration) {
	o.shortSince = 0
	if o.pausedSince != 0 {
		o.pausedSince, o.endedAt = 0, now
	}
}

// decide leaves a decision for the shard.
func (u *Subscription) setTarget(layer int8, why PauseReason) {
	u.allocated = layer
	u.reason.Store(&why)
	u.target.Store(int32(layer))
}
