package sfu

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const senderReportInterval = 1e9 // ns

// receiveRTCP takes what a viewer reports about what it gets.
func (s *Subscriber) receiveRTCP(sh *shard, packet rtcp.Packet) {
	switch r := packet.(type) {
	case *rtcp.TransportLayerNack:
		if u := s.subscriptionBySSRC(r.MediaSSRC); u != nil {
			u.receiveNACK(sh, r.Nacks)
		}
	case *rtcp.PictureLossIndication:
		s.requestKeyframe(s.subscriptionBySSRC(r.MediaSSRC))
	case *rtcp.FullIntraRequest:
		for _, f := range r.FIR {
			s.requestKeyframe(s.subscriptionBySSRC(f.SSRC))
		}
	case *rtcp.ReceiverReport:
		s.receiveReceptionReports(sh, r.Reports)
	case *rtcp.SenderReport:
		s.receiveReceptionReports(sh, r.Reports)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		s.sender.addREMB(r.Bitrate)
	case *rtcp.TransportLayerCC:
		before := s.viewer.path.estimate.Load()
		sh.acks = s.sender.addFeedback(sh.now, r, &s.viewer.path, s.targetBitrate(), sh.acks)
		if s.viewer.path.estimate.Load() < before*3/4 {
			sh.engine.allocateSoon(s.viewer)
		}
	case *rtcp.Goodbye:
		// A viewer sends nothing that could end; its leaving is told by DTLS or DELETE.
	}
}

// flow is what the picture that should flow takes on average, in bits a second.
func (s *Subscriber) targetBitrate() int {
	if video := s.subscription(media.Video); video != nil {
		for _, l := range video.track.view.Load().layers {
			if l.index == video.forwarder.target {
				return l.smoothed
			}
		}
	}
	return 0
}

func (s *Subscriber) subscriptionBySSRC(ssrc uint32) *Subscription {
	for _, u := range s.subs {
		if u.track.ssrc == ssrc {
			return u
		}
	}
	return nil
}

// askKeyframe passes a viewer's wish on. The layer's owner asks the publisher at its own
// pace, so no viewer can drive the encoder.
func (s *Subscriber) requestKeyframe(u *Subscription) {
	if u == nil || u.track.kind != media.Video {
		return
	}
	u.counts.plis++
	if layer := u.forwarder.target; layer != NoLayer {
		u.track.layers[layer].keyframeWanted.Store(true)
	}
}

// answerNack sends again what the viewer misses, from the ring, under its old numbers.
func (u *Subscription) receiveNACK(sh *shard, pairs []rtcp.NackPair) {
	route := u.subscriber.transport.sendRoute(sh)
	if route == nil || u.subscriber.fanOut == nil {
		return
	}
	sh.out.setRoute(route)
	defer sh.out.flush()
	for _, pair := range pairs {
		u.retransmit(sh, pair.PacketID)
		for bit := range uint16(16) {
			if pair.LostPackets>>bit&1 == 1 {
				u.retransmit(sh, pair.PacketID+bit+1)
			}
		}
	}
}

func (u *Subscription) retransmit(sh *shard, number uint16) {
	u.counts.nacks++
	u.red.countNACK(number)
	layer, original, run, ok := u.forwarder.Lookup(number)
	var p *media.Packet
	if ok {
		p = u.ring(layer).get(original)
	}
	if p != nil && u.recentRepairs.sentWithin(number, sh.now, u.subscriber.transport.roundTrip/2) {
		sh.drops[NackUnanswered]++
		return // the answer is still under way
	}
	if p == nil || !u.worthRepairing(sh, p) || !u.repairBudget.spend(len(p.Payload)+40, sh.now) {
		sh.drops[NackUnanswered]++
		return
	}
	n := OutgoingHeader{original - run.sequenceOffset, run.timestamp(p.Timestamp), run.pictureOffset, run.tl0Offset}
	u.counts.resent++
	u.recentRepairs.record(number, sh.now)
	if u.hasRTX {
		u.sendRTX(sh, p, n)
	} else {
		u.resendSame(sh, p, n)
	}
}

// answers remembers which numbers were sent again last, and when: a viewer may ask twice
// before the first answer can have come.
type repairLog [64]struct {
	number uint16
	at     time.Duration
}

func (a *repairLog) sentWithin(number uint16, now, within time.Duration) bool {
	last := a[number%uint16(len(a))]
	return last.at != 0 && last.number == number && now-last.at < within
}

func (a *repairLog) record(number uint16, now time.Duration) {
	last := &a[number%uint16(len(a))]
	last.number, last.at = number, now
}

// repairsLeft is how long after the path was full no layer is repaired that was left: its
// packets were lost because there were too many.
const noRepairAfterCongestion = 3e9 // ns

// worth tells whether p should be sent again. Every repair displaces something: on a full
// path a layer that was left, or is about to be, gets none, and all keep to the pace.
func (u *Subscription) worthRepairing(sh *shard, p *media.Packet) bool {
	f := &u.forwarder
	if u.congestedWithin(sh, noRepairAfterCongestion) && (p.Layer != f.current || f.NeedsKeyframe()) {
		return false
	}
	return u.paceAllows(sh, p)
}

// receiveReports takes reception reports on what we send.
func (s *Subscriber) receiveReceptionReports(sh *shard, reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		u := s.subscriptionBySSRC(r.SSRC)
		if u == nil {
			continue
		}
		for _, sent := range u.sentReports {
			if sent.ntpMiddle == r.LastSenderReport && sent.sentAt != 0 {
				s.transport.updateRoundTrip(sh.now - sent.sentAt - time.Duration(r.Delay)*time.Second/65536)
			}
		}
		u.loss += (float64(r.FractionLost)/256 - u.loss) / 2
		packets := 0
		if u.counts.reportedLast != 0 {
			packets = int(int32(r.LastSequenceNumber - u.counts.reportedLast))
		}
		u.jitter = r.Jitter
		u.counts.reportedLast = r.LastSequenceNumber
		u.counts.reportedLost = r.TotalLost
		if u.track.kind == media.Video || len(s.subs) == 1 {
			s.sender.addLossReport(sh.now, float64(r.FractionLost)/256, packets, int(u.sentBitrate.Load()), !u.track.simulcast())
		}
	}
}

// tick does the periodic work of one viewer, ten times a second.
func (s *Subscriber) tick(sh *shard) {
	if s.fanOut == nil {
		return
	}
	s.applyTargets(sh)
	for _, u := range s.subs {
		u.rate.update(sh.now, false)
		u.sentBitrate.Store(int64(u.rate.bitrate))
		if u.congestedWithin(sh, redCongestionHold) {
			u.red.disable(u.forwarder.lastSent + 1)
		} else {
			u.red.update(u.forwarder.lastSent+1, u.loss, s.transport.roundTrip)
		}
		if sh.now >= u.nextReportAt {
			u.sendSenderReport(sh)
		}
	}
	s.sender.tick(&s.viewer.path, s.targetBitrate())
	s.startProbe(sh)
}

// retarget takes over what the allotter decided.
func (s *Subscriber) applyTargets(sh *shard) {
	if s.fanOut == nil {
		return
	}
	for _, u := range s.subs {
		u.applyTarget(sh)
	}
}

func (u *Subscription) applyTarget(sh *shard) {
	target := int8(u.target.Load())
	f := &u.forwarder
	if target != f.target {
		was := f.target
		f.SetTarget(target)
		switch {
		case target == NoLayer:
			u.catchingUp = false
		case u.track.kind == media.Audio:
		case was == NoLayer, u.currentStopped() && u.ring(target).isComplete():
			f.LeaveCurrent()
			u.replay(sh, maxReplayAge) // resuming is like joining
		case u.currentStopped():
			f.LeaveCurrent()
		case u.currentOverloads(sh):
			f.LeaveCurrent()
			u.catchingUp = false
			u.subscriber.sender.pacer.ClearCredit()
		}
	}
	u.awaitKeyframe(sh)
	why := NotPaused
	if f.current == NoLayer {
		why = *u.reason.Load()
		if f.target != NoLayer {
			return // about to begin
		}
	}
	if !u.reportedOnce || u.reportedLayer != f.current || u.reportedReason != why {
		u.reportedOnce, u.reportedLayer, u.reportedReason = true, f.current, why
		u.subscriber.transport.emit(LayerSelected{
			Kind: u.track.kind, Layer: u.track.label(f.current), Paused: f.current == NoLayer, Reason: why,
		})
	}
}

// leftOut tells that the layer that flows comes no longer, though others do.
func (u *Subscription) currentStopped() bool {
	layers := u.track.view.Load().layers
	return len(layers) > 0 && !slices.ContainsFunc(layers, func(l layerView) bool { return l.index == u.forwarder.current && l.active })
}

// hopeless tells that the layer that flows only fills the path: so much of it is lost that
// hardly a picture is whole, and the keyframe of the next would wait behind it, or be lost too.
func (u *Subscription) currentOverloads(sh *shard) bool {
	estimate := int(u.subscriber.viewer.path.estimate.Load())
	return u.congestedWithin(sh, recentCongestion) && slices.ContainsFunc(u.track.view.Load().layers, func(l layerView) bool {
		return l.index == u.forwarder.current && l.smoothed*2/3 > estimate
	})
}

const recentCongestion = 500e6 // ns

// pathIsFull tells that a queue stood on the path within the last nanoseconds.
func (u *Subscription) congestedWithin(sh *shard, within time.Duration) bool {
	full := u.subscriber.sender.congestedAt
	return full != 0 && sh.now-full < within
}

// wait asks for the keyframe that is waited for, and does without it in the end.
func (u *Subscription) awaitKeyframe(sh *shard) {
	f := &u.forwarder
	switch {
	case !f.NeedsKeyframe() || f.target == NoLayer || u.track.kind == media.Audio:
		u.waitingSince = 0
	case u.waitingSince == 0:
		u.waitingSince = sh.now
		u.track.layers[f.target].keyframeWanted.Store(true)
	case f.current == NoLayer && sh.now-u.waitingSince > maxKeyframeWait && u.replay(sh, u.maxWaitReplayAge(sh)):
		u.waitingSince = 0
	default:
		u.track.layers[f.target].keyframeWanted.Store(true)
	}
}

// bearable is the age up to which a keyframe group is replayed for want of a fresh keyframe: a
// full path takes longer for a long past than the keyframe does.
func (u *Subscription) maxWaitReplayAge(sh *shard) time.Duration {
	if u.congestedWithin(sh, recentCongestion) {
		return maxReplayAge
	}
	return maxKeyframeWait + 10e9
}

// sendReport tells the viewer how our timestamps relate to the publisher's clock, so that
// sound and picture stay together whichever layer flows (RFC 3550 §6.4.1).
func (u *Subscription) sendSenderReport(sh *shard) {
	f := &u.forwarder
	if !f.started || f.current == NoLayer {
		return
	}
	u.nextReportAt = sh.now + senderReportInterval
	l := u.track.layers[f.current]
	run := *f.mappings.current()
	run.compressed = false
	unix, timestamp, ok := l.clockNow(u.track.publisher, sh.now, sh.engine)
	if !ok {
		return
	}
	t := u.subscriber.transport
	u.sentReports[1], u.sentReports[0] = u.sentReports[0], sentReport{uint32(ntpTime(unix) >> 16), sh.now}
	b := sh.scratch[:0]
	b = append(b, 0x80, 200, 0, 6)
	b = binary.BigEndian.AppendUint32(b, u.track.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntpTime(unix))
	b = binary.BigEndian.AppendUint32(b, run.timestamp(timestamp))
	b = binary.BigEndian.AppendUint32(b, u.counts.packetsOut)
	b = binary.BigEndian.AppendUint32(b, u.counts.octets)
	name := u.track.publisher.stream // as in the answer: one CNAME for both media
	chunk := len(b)
	b = append(b, 0x81, 202, 0, 0)
	b = binary.BigEndian.AppendUint32(b, u.track.ssrc)
	b = append(b, 1, byte(len(name)))
	b = append(b, name...)
	b = append(b, 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[chunk+2:], uint16((len(b)-chunk)/4-1))
	t.sendRTCP(sh, b)
}

// at tells the layer's timestamp at this moment and what the publisher's clock then says.
// Without sender reports arrival stands for capture, on whichever clock the publisher's
// other media use.
func (l *Layer) clockNow(p *Publisher, now time.Duration, e *Engine) (unix int64, timestamp uint32, ok bool) {
	if t := l.timeline.Load(); t != nil {
		elapsed := now - t.arrivedAt
		return t.unixNano + int64(elapsed), t.timestamp + uint32(int64(elapsed)*t.clockRate/1e9), true
	}
	first := l.arrivalTimeline.Load()
	if first == nil {
		return 0, 0, false
	}
	elapsed := now - first.arrivedAt
	return e.unixNano(now) + p.clockOffset.Load(), first.timestamp + uint32(int64(elapsed)*first.clockRate/1e9), true
}
