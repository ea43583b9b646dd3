package sfu

import (
	"time"

	"rostrum/internal/media"
)

// start is called when the subscriber is connected. It chooses a first layer, so that the first
// frame does not wait for the allocator.
func (u *Subscription) start(sh *shard) {
	choice := u.subscriber.Choice()
	layer := int8(0)
	switch {
	case u.track.kind == media.Audio && choice.NoAudio, u.track.kind == media.Video && choice.NoVideo:
		layer = NoLayer
	case u.track.kind == media.Video:
		layer = u.initialLayer(choice)
	}
	u.target.Store(int32(layer))
	u.forwarder.SetTarget(layer)
	u.nextReportAt = sh.now + firstReportDelay
	if layer == NoLayer || u.track.kind == media.Audio {
		return
	}
	if !u.replay(sh, maxReplayAge) {
		u.wantKeyframe()
	}
}

// initialLayer returns the layer to start with: the preferred one if it flows, or the smallest.
func (u *Subscription) initialLayer(c Choice) int8 {
	unused := layerSet(u.track.unusedLayers.Load())
	if layer, ok := u.track.layerIndex(c.Layer); ok && c.Layer != "" && !unused.has(layer) {
		return layer
	}
	if v := u.track.view.Load(); len(v.layers) > 0 {
		return v.layers[0].index
	}
	return 0
}

// tick does the periodic work, ten times per second.
func (u *Subscription) tick(sh *shard) {
	u.rate.update(sh.now, false)
	u.sentBitrate.Store(int64(u.rate.bitrate))
	next := u.forwarder.lastSent + 1
	if u.congestedWithin(sh, redCongestionHold) {
		u.red.disable(next)
	} else {
		u.red.update(next, u.received.loss, u.subscriber.transport.roundTrip)
	}
	if u.track.kind == media.Video {
		u.countKeyframeWait(sh.now)
	}
	if sh.now >= u.nextReportAt {
		u.sendSenderReport(sh)
	}
}

// countKeyframeWait adds the time since the last call to the total, if the viewer had no
// picture for lack of a keyframe.
func (u *Subscription) countKeyframeWait(now time.Duration) {
	before := u.countedAt
	u.countedAt = now
	f := &u.forwarder
	if f.target == NoLayer || len(u.track.view.Load().layers) == 0 {
		u.viewerWaits = false
		return
	}
	if u.viewerWaits && f.current != NoLayer {
		start, ok := u.ring(f.current).keyframeGroup()
		u.viewerWaits = f.current == u.layerBefore && (!ok || start <= u.groupBefore) && u.track.view.Load().isActive(f.current)
	}
	if before != 0 && (u.viewerWaits || f.current == NoLayer) {
		u.waited += now - before
	}
}

// viewerLacksPicture says that the viewer requested a keyframe.
func (u *Subscription) viewerLacksPicture() {
	current := u.forwarder.current
	if u.viewerWaits || current == NoLayer || u.subscriber.fanOut == nil {
		return
	}
	u.viewerWaits, u.layerBefore = true, current
	u.groupBefore, _ = u.ring(current).keyframeGroup()
}
