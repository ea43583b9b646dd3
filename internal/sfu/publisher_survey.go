package sfu

import (
	"math/bits"
	"time"

	"rostrum/internal/media"
)

// maxOverLimitSurveys is the number of surveys above the bitrate limit before LimitExceeded is
// sent: three seconds.
const maxOverLimitSurveys = 12

// survey measures the layers and sends events for what started, stopped, changed or exceeds a
// limit.
func (p *Publisher) survey(s *shard) {
	for _, t := range p.tracks {
		changed := t.measure(s.now)
		p.reportActivity(t, s.now)
		if t.kind == media.Video {
			if changed {
				p.transport.emit(LayersChanged{t.view.Load().layerInfos()})
			}
			p.checkLimits(t.view.Load())
		}
	}
	p.router.detectSpeaker(s.now)
}

// reportActivity reports that media has started or stopped.
func (p *Publisher) reportActivity(t *Track, now time.Duration) {
	timeout, seen, started := p.router.core.cfg.MediaTimeout, t.lastSeen(), &p.reported.started[t.kind]
	switch {
	case seen == 0:
	case !*started && now-seen < timeout:
		*started = true
		p.transport.emit(MediaStarted{t.kind})
	case *started && now-seen >= timeout && !p.muted[t.kind].Load():
		*started = false
		p.transport.emit(MediaStopped{t.kind})
	}
}

// checkLimits compares the video with the limits of PublishConfig.
func (p *Publisher) checkLimits(v *trackView) {
	r, total := &p.reported, 0
	for _, l := range v.layers {
		total += l.bitrate
		tooLarge := p.cfg.MaxPixels > 0 && l.width*l.height > p.cfg.MaxPixels
		if tooLarge && (l.width != r.width || l.height != r.height) {
			r.width, r.height = l.width, l.height
			p.transport.emit(LimitExceeded{Limit: LimitPixels, Width: l.width, Height: l.height})
		}
	}
	if p.cfg.MaxBitrate == 0 || total <= p.cfg.MaxBitrate {
		r.overLimitSurveys, r.overLimit = 0, false
		return
	}
	if r.overLimitSurveys++; r.overLimitSurveys >= maxOverLimitSurveys && !r.overLimit {
		r.overLimit = true
		p.transport.emit(LimitExceeded{Limit: LimitBitrate, Bitrate: total})
	}
}

// reallocateViewers has the allocator allocate for all subscribers of the publisher at once.
func (p *Publisher) reallocateViewers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		s.viewer.allocateSoon()
	}
}

// updateUnused sends LayersUnused if the unused layers have changed. It runs in the allocator,
// after it has allocated for all viewers.
func (p *Publisher) updateUnused(now time.Duration) {
	t := p.track(media.Video)
	if t == nil || !t.simulcast() {
		return
	}
	view := t.view.Load()
	if len(view.layers) == 0 {
		return // no video yet, or the camera is off
	}
	unused := t.unusedTimers.update(now, view.layers, p.usedLayers(t, view))
	if unused == layerSet(t.unusedLayers.Swap(uint32(unused))) {
		return
	}
	labels := make([]string, 0, bits.OnesCount32(uint32(unused)))
	for _, l := range t.layers {
		if unused.has(l.index) {
			labels = append(labels, l.label)
		}
	}
	p.transport.emit(LayersUnused{labels})
}

// usedLayers returns the layers that a viewer receives, or was allocated and waits for, here or at
// another node.
func (p *Publisher) usedLayers(t *Track, view *trackView) (used layerSet) {
	if t.tapCount.Load() > 0 {
		used.add(view.largest())
	}
	used |= layerSet(t.relayedLayers.Load())
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		if u := s.subscription(media.Video); u != nil {
			used.add(int8(u.target.Load()))
			used.add(u.allocated)
		}
	}
	return used
}
