package sfu

import (
	"slices"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

// videoRequest is one video of a viewer in an allocation.
type videoRequest struct {
	subscription *Subscription
	view         *trackView
}

// allocateOrEnd allocates, and ends the viewer if that panics.
func (v *Viewer) allocateOrEnd(now time.Duration) {
	defer func() {
		if fault := recover(); fault != nil {
			v.router.core.cfg.Panics.Record("media", fault, "viewer", v.id)
			v.end(CauseFault, "")
		}
	}()
	v.allocate(now, v.router.speakers.speaker())
}

// allocate divides the viewer's path among its subscribers. It runs in the allocator.
func (v *Viewer) allocate(now time.Duration, speaker *Publisher) {
	subscribers := v.subscriberList()
	before := videoTargets(subscribers)
	defer v.applyChanged(subscribers, before)
	total, known := v.available(subscribers)
	audio := 0
	var requests []bandwidth.Request
	var videos []videoRequest
	for _, s := range subscribers {
		c := s.Choice()
		audio += s.allocateAudio(c)
		video := s.subscription(media.Video)
		if video == nil {
			continue
		}
		if c.NoVideo {
			video.setTarget(NoLayer, PausedByChoice)
			continue
		}
		view := video.track.view.Load()
		if len(view.layers) == 0 {
			continue // nothing is measured yet: the initial layer stays
		}
		requests = append(requests, video.request(now, view, c, speaker))
		videos = append(videos, videoRequest{video, view})
	}
	if limit := int(v.maxBitrate.Load()); limit > 0 {
		capRequests(limit-audio, requests)
	}
	if !known {
		allocateUnestimated(now, requests, videos)
		return
	}
	layers, next := bandwidth.Allocate(total-audio, requests)
	if next > 0 {
		next += int(v.path.estimate.Load()) - (total - audio) // the rest is not allocated
	}
	v.path.probeTarget.Store(int64(next))
	assignLayers(now, layers, requests, videos)
}

// videoTargets returns the targets of the subscribers' videos.
func videoTargets(subscribers []*Subscriber) []int32 {
	all := make([]int32, len(subscribers))
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil {
			all[i] = video.target.Load()
		}
	}
	return all
}

// applyChanged has the shards apply at once the targets that differ from before.
func (v *Viewer) applyChanged(subscribers []*Subscriber, before []int32) {
	for i, s := range subscribers {
		if video := s.subscription(media.Video); video != nil && video.target.Load() != before[i] {
			s.transport.runOnShard(s.applyTargets)
		}
	}
}

// available returns what the viewer's path carries, including what flows to transports on
// which the path gets no feedback.
func (v *Viewer) available(subscribers []*Subscriber) (total int, known bool) {
	if estimate := int(v.path.estimate.Load()); estimate > 0 {
		total, known = estimate, true
	}
	for _, s := range subscribers {
		limit := int(s.sender.lossBitrate.Load())
		for _, u := range s.subs {
			if u.lossOnly() && limit == 0 {
				total += int(u.sentBitrate.Load())
			}
		}
		if limit > 0 {
			total, known = total+limit, true
		}
	}
	return total, known
}

// capRequests lowers the wanted layers to those that fit into maxBitrate, beside the smallest
// layer of each, which flows in any case.
func capRequests(maxBitrate int, requests []bandwidth.Request) {
	upgrades := slices.Clone(requests)
	for i, r := range requests {
		maxBitrate -= r.Bitrates[0]
		upgrades[i].Bitrates = make([]int, len(r.Bitrates))
		for k, bitrate := range r.Bitrates {
			upgrades[i].Bitrates[k] = bitrate - r.Bitrates[0]
		}
	}
	fits, _ := bandwidth.Allocate(maxBitrate, upgrades)
	for i := range requests {
		requests[i].MaxLayer = max(fits[i], 0)
	}
}

// allocateUnestimated decides while nothing is known about the path. Without simulcast there
// is nothing to decide; with it the initial layer stays.
func allocateUnestimated(now time.Duration, requests []bandwidth.Request, videos []videoRequest) {
	for i, video := range videos {
		u := video.subscription
		layer := max(requests[i].Current, 0)
		if u.subscriber.Choice().Layer != "" || u.lossOnly() {
			layer = requests[i].MaxLayer // nothing will ever be known, or the layer was asked for
		}
		if !u.outage.waiting(now, u.lossOnly()) {
			u.setAllocated(video.view, &requests[i], min(layer, requests[i].MaxLayer))
		}
	}
}

// assignLayers stores the allocated layers in the subscriptions.
func assignLayers(now time.Duration, layers []int, requests []bandwidth.Request, videos []videoRequest) {
	for i, video := range videos {
		u := video.subscription
		smallest := video.view.layers[0].index
		switch o := &u.outage; {
		case layers[i] != bandwidth.NoLayer && !o.waiting(now, u.lossOnly()):
			o.end(now)
			if layers[i] != requests[i].Current {
				u.backoff.RecordChange(now, requests[i].Current, layers[i])
			}
			u.setAllocated(video.view, &requests[i], layers[i])
		case now < o.trialUntil:
			u.setTarget(smallest, NotPaused)
		case u.lossOnly() && o.startTrial(now):
			u.subscriber.sender.resetLossLimit.Store(true)
			u.setTarget(smallest, NotPaused)
		case o.begin(now):
			u.setTarget(NoLayer, PausedByBandwidth)
		}
	}
}
