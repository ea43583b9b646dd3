package sfu

import (
	"time"

	"rostrum/internal/media"
)

// A stored keyframe group that is replayed to a new subscriber has limits: to decode much old
// video takes a slow device longer than the next keyframe takes to arrive. If no keyframe
// arrives, as encoders outside of browsers may ignore requests, old video is better than none.
const (
	maxReplayPackets  = 700
	maxReplayAge      = 2200 * time.Millisecond // up to which the group is replayed at once
	maxKeyframeWait   = 400 * time.Millisecond  // after which it is replayed although it is older
	lateReplayAge     = maxKeyframeWait + 10*time.Second
	recentCongestion  = 500 * time.Millisecond
	overloadNumerator = 2 // a layer overloads the path if 2/3 of its bitrate exceed the estimate
	overloadDivisor   = 3
)

// applyTarget applies the target that the allocator set, and reports which layer flows.
func (u *Subscription) applyTarget(sh *shard) {
	if target := int8(u.target.Load()); target != u.forwarder.target {
		u.changeTarget(sh, target)
	}
	u.awaitKeyframe(sh)
	u.reportSelected()
}

func (u *Subscription) changeTarget(sh *shard, target int8) {
	f := &u.forwarder
	before := f.target
	f.SetTarget(target)
	switch {
	case target == NoLayer:
		u.catchingUp = false
	case u.track.kind == media.Audio:
	case before == NoLayer, u.currentStopped() && u.ring(target).isComplete():
		f.LeaveCurrent()
		u.replay(sh, maxReplayAge)
	case u.currentStopped():
		f.LeaveCurrent()
	case u.currentOverloads(sh):
		f.LeaveCurrent()
		u.catchingUp = false
		u.subscriber.sender.pacer.ClearCredit()
	}
}

// currentStopped reports whether the current layer is no longer sent, although others are.
func (u *Subscription) currentStopped() bool {
	view := u.track.view.Load()
	return len(view.layers) > 0 && !view.isActive(u.forwarder.current)
}

// currentOverloads reports whether the current layer overloads the path: so much of it is lost
// that hardly a frame is complete, and the keyframe of the next layer would wait behind it, or
// be lost too.
func (u *Subscription) currentOverloads(sh *shard) bool {
	estimate := int(u.subscriber.viewer.path.estimate.Load())
	bitrate := u.track.view.Load().smoothedBitrate(u.forwarder.current)
	return u.congestedWithin(sh, recentCongestion) && bitrate*overloadNumerator/overloadDivisor > estimate
}

// wantKeyframe requests a keyframe of the target layer from the publisher.
func (u *Subscription) wantKeyframe() {
	if layer := u.forwarder.target; layer != NoLayer {
		u.track.layers[layer].keyframeWanted.Store(true)
	}
}

// awaitKeyframe requests the keyframe that the target layer needs. After a while it replays
// the stored group instead.
func (u *Subscription) awaitKeyframe(sh *shard) {
	f := &u.forwarder
	switch {
	case !f.NeedsKeyframe() || f.target == NoLayer || u.track.kind == media.Audio:
		u.waitingSince = 0
		return
	case u.waitingSince == 0:
		u.waitingSince = sh.now
	case f.current == NoLayer && sh.now-u.waitingSince > maxKeyframeWait && u.replay(sh, u.maxLateReplayAge(sh)):
		u.waitingSince = 0
		return
	}
	u.wantKeyframe()
}

// maxLateReplayAge returns the age up to which a group is replayed for lack of a keyframe. On a
// congested path an old group takes longer to arrive than the keyframe.
func (u *Subscription) maxLateReplayAge(sh *shard) time.Duration {
	if u.congestedWithin(sh, recentCongestion) {
		return maxReplayAge
	}
	return lateReplayAge
}

// replay starts with the stored keyframe group of the target layer, if it is short enough and
// not older than maxAge.
func (u *Subscription) replay(sh *shard, maxAge time.Duration) bool {
	ring := u.ring(u.forwarder.target)
	from, ok := ring.keyframeGroup()
	if !ok || ring.last-from > maxReplayPackets {
		return false
	}
	newest := ring.get(ring.last)
	if newest == nil || sh.now-ring.get(from).Arrived > maxAge {
		return false
	}
	u.forwarder.Replay(ring.get(from), newest)
	u.catchUp(sh, from)
	u.subscriber.sendPaced(sh)
	return true
}

// A switch between layers waits until the new one has caught up with the old one, at most
// for maxSwitchWait after its keyframe began to arrive.
const (
	maxSwitchAge  = time.Second // of a keyframe with which a switch may begin
	maxSwitchWait = 500 * time.Millisecond
)

// switchLayer switches to the target layer after p, of that layer, arrived, if its newest
// keyframe is complete and not older than what flows. A large keyframe takes its time to
// arrive; until then the current layer flows, so that the viewer's picture does not stop.
func (u *Subscription) switchLayer(sh *shard, p *media.Packet) {
	ring := u.ring(p.Layer)
	from, ok := ring.keyframeGroup()
	if !ok || !ring.hasPicture(from) {
		return
	}
	age := sh.now - ring.get(from).Arrived
	if age > maxSwitchAge || age < maxSwitchWait && u.forwarder.isBehind(p) {
		return
	}
	u.replay(sh, maxSwitchAge)
}

// pacedChunk is the number of packets of a replay or a large burst in one pace interval.
const pacedChunk = 32

// catchUp makes the subscription send the packets from a sequence number on as fast as the
// pacer allows.
func (u *Subscription) catchUp(sh *shard, from uint64) {
	u.catchUpState = catchUpState{true, from, u.forwarder.current}
	u.subscriber.schedulePaced(sh)
}

// continueCatchUp sends the next packets.
func (u *Subscription) continueCatchUp(sh *shard) {
	for n := 0; u.catchingUp && n < pacedChunk; u.catchUpNext++ {
		ring := u.ring(u.catchUpLayer)
		if u.catchUpNext > ring.last {
			u.catchingUp = false
			break
		}
		if p := ring.get(u.catchUpNext); p != nil {
			if !u.paceAllows(sh, p) {
				break
			}
			u.forwardPacket(sh, p)
			n++
		}
	}
}

// reordered reports whether packets behind p, with which a layer was started, arrived before p
// and were therefore skipped. rest is what arrived after p.
func (u *Subscription) reordered(p *media.Packet, rest []media.Packet) bool {
	if u.track.kind == media.Audio {
		return false
	}
	last := p.Sequence
	for i := range rest {
		if rest[i].Codec == p.Codec && rest[i].Layer == p.Layer {
			last = max(last, rest[i].Sequence)
		}
	}
	return u.ring(p.Layer).last > last
}

// paceAllows asks the pacer, if transport-wide reports say what the path carries. Audio is not
// paced.
func (u *Subscription) paceAllows(sh *shard, p *media.Packet) bool {
	if u.twccExtension == 0 || u.track.kind == media.Audio {
		return true
	}
	d := &u.subscriber.sender
	return d.pacer.Allow(sh.now, d.pacingBitrate, len(p.Payload))
}
