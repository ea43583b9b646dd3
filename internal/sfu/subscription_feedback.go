package sfu

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const senderReportEvery = 1e9 // ns

// receiveRTCP takes what a viewer reports about what it gets.
func (s *Subscriber) receiveRTCP(sh *shard, packet rtcp.Packet) {
	switch r := packet.(type) {
	case *rtcp.TransportLayerNack:
		if u := s.bySSRC(r.MediaSSRC); u != nil {
			u.answerNack(sh, r.Nacks)
		}
	case *rtcp.PictureLossIndication:
		s.askKeyframe(s.bySSRC(r.MediaSSRC))
	case *rtcp.FullIntraRequest:
		for _, f := range r.FIR {
			s.askKeyframe(s.bySSRC(f.SSRC))
		}
	case *rtcp.ReceiverReport:
		s.receiveReports(sh, r.Reports)
	case *rtcp.SenderReport:
		s.receiveReports(sh, r.Reports)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		s.sender.remb(r.Bitrate)
	case *rtcp.TransportLayerCC:
		before := s.viewer.path.estimate.Load()
		sh.acks = s.sender.feedback(sh.now, r, &s.viewer.path, s.flow(), sh.acks)
		if s.viewer.path.estimate.Load() < before*3/4 {
			sh.engine.hurry(s.viewer)
		}
	case *rtcp.Goodbye:
		// A viewer sends nothing that could end; its leaving is told by DTLS or DELETE.
	}
}

// flow is what the picture that should flow takes on average, in bits a second.
func (s *Subscriber) flow() int {
	if video := s.subscription(media.Video); video != nil {
		for _, l := range video.track.view.Load().layers {
			if l.index == video.forwarder.target {
				return l.steady
			}
		}
	}
	return 0
}

func (s *Subscriber) bySSRC(ssrc uint32) *Subscription {
	for _, u := range s.subs {
		if u.track.ssrc == ssrc {
			return u
		}
	}
	return nil
}

// askKeyframe passes a viewer's wish on. The layer's owner asks the publisher at its own
// pace, so no viewer can drive the encoder.
func (s *Subscriber) askKeyframe(u *Subscription) {
	if u == nil || u.track.kind != media.Video {
		return
	}
	u.counts.plis++
	if layer := u.forwarder.target; layer != NoLayer {
		u.track.layers[layer].wanted.Store(true)
	}
}

// answerNack sends again what the viewer misses, from the ring, under its old numbers.
func (u *Subscription) answerNack(sh *shard, pairs []rtcp.NackPair) {
	route := u.subscriber.transport.sendable(sh)
	if route == nil || u.subscriber.feed == nil {
		return
	}
	sh.out.address(route)
	defer sh.out.flush()
	for _, pair := range pairs {
		u.answerOne(sh, pair.PacketID)
		for bit := range uint16(16) {
			if pair.LostPackets>>bit&1 == 1 {
				u.answerOne(sh, pair.PacketID+bit+1)
			}
		}
	}
}

func (u *Subscription) answerOne(sh *shard, number uint16) {
	u.counts.nacks++
	u.cover.missed(number)
	layer, original, run, ok := u.forwarder.Find(number)
	var p *media.Packet
	if ok {
		p = u.ring(layer).at(original)
	}
	if p != nil && u.answers.recent(number, sh.now, u.subscriber.transport.roundTrip/2) {
		sh.drops[NackUnanswered]++
		return // the answer is still under way
	}
	if p == nil || !u.worth(sh, p) || !u.repairs.take(len(p.Payload)+40, sh.now) {
		sh.drops[NackUnanswered]++
		return
	}
	n := Numbers{original - run.shift, run.timestamp(p.Timestamp), run.picture, run.tl0}
	u.counts.resent++
	u.answers.note(number, sh.now)
	if u.hasRTX {
		u.resend(sh, p, n)
	} else {
		u.repeat(sh, p, n)
	}
}

// answers remembers which numbers were sent again last, and when: a viewer may ask twice
// before the first answer can have come.
type answers [64]struct {
	number uint16
	at     int64
}

func (a *answers) recent(number uint16, now, within int64) bool {
	last := a[number%uint16(len(a))]
	return last.at != 0 && last.number == number && now-last.at < within
}

func (a *answers) note(number uint16, now int64) {
	last := &a[number%uint16(len(a))]
	last.number, last.at = number, now
}

// repairsLeft is how long after the path was full no layer is repaired that was left: its
// packets were lost because there were too many.
const repairsLeft = 3e9 // ns

// worth tells whether p should be sent again. Every repair displaces something: on a full
// path a layer that was left, or is about to be, gets none, and all keep to the pace.
func (u *Subscription) worth(sh *shard, p *media.Packet) bool {
	f := &u.forwarder
	if u.pathIsFull(sh, repairsLeft) && (p.Layer != f.current || f.Waiting()) {
		return false
	}
	return u.may(sh, p)
}

// receiveReports takes reception reports on what we send.
func (s *Subscriber) receiveReports(sh *shard, reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		u := s.bySSRC(r.SSRC)
		if u == nil {
			continue
		}
		for _, sent := range u.reports {
			if sent.middle == r.LastSenderReport && sent.at != 0 {
				s.transport.measure(sh.now - sent.at - int64(r.Delay)*1e9/65536)
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
			s.sender.lost(sh.now, float64(r.FractionLost)/256, packets, int(u.flowing.Load()), !u.track.simulcast())
		}
	}
}

// tick does the periodic work of one viewer, ten times a second.
func (s *Subscriber) tick(sh *shard) {
	if s.feed == nil {
		return
	}
	s.retarget(sh)
	for _, u := range s.subs {
		u.rate.survey(sh.now, false)
		u.flowing.Store(int64(u.rate.bitrate))
		if u.pathIsFull(sh, coverAfterFull) {
			u.cover.lift(u.forwarder.last + 1)
		} else {
			u.cover.judge(u.forwarder.last+1, u.loss, s.transport.roundTrip)
		}
		if sh.now >= u.reportAt {
			u.sendReport(sh)
		}
	}
	s.sender.tick(&s.viewer.path, s.flow())
	s.probe(sh)
}

// retarget takes over what the allotter decided.
func (s *Subscriber) retarget(sh *shard) {
	if s.feed == nil {
		return
	}
	for _, u := range s.subs {
		u.retarget(sh)
	}
}

func (u *Subscription) retarget(sh *shard) {
	target := int8(u.target.Load())
	f := &u.forwarder
	if target != f.target {
		was := f.target
		f.Target(target)
		switch {
		case target == NoLayer:
			u.chasing = false
		case u.track.kind == media.Audio:
		case was == NoLayer, u.leftOut() && u.ring(target).whole():
			f.Leave()
			u.replay(sh, replayFresh) // resuming is like joining
		case u.leftOut():
			f.Leave()
		case u.hopeless(sh):
			f.Leave()
			u.chasing = false
			u.subscriber.sender.pacer.Forfeit()
		}
	}
	u.wait(sh)
	why := NotPaused
	if f.current == NoLayer {
		why = *u.reason.Load()
		if f.target != NoLayer {
			return // about to begin
		}
	}
	if !u.toldOnce || u.told != f.current || u.toldWhy != why {
		u.toldOnce, u.told, u.toldWhy = true, f.current, why
		u.subscriber.transport.tell(LayerSelected{
			Kind: u.track.kind, Layer: u.track.label(f.current), Paused: f.current == NoLayer, Reason: why,
		})
	}
}

// leftOut tells that the layer that flows comes no longer, though others do.
func (u *Subscription) leftOut() bool {
	layers := u.track.view.Load().layers
	return len(layers) > 0 && !slices.ContainsFunc(layers, func(l layerView) bool { return l.index == u.forwarder.current && l.active })
}

// hopeless tells that the layer that flows only fills the path: so much of it is lost that
// hardly a picture is whole, and the keyframe of the next would wait behind it, or be lost too.
func (u *Subscription) hopeless(sh *shard) bool {
	estimate := int(u.subscriber.viewer.path.estimate.Load())
	return u.pathIsFull(sh, fullLately) && slices.ContainsFunc(u.track.view.Load().layers, func(l layerView) bool {
		return l.index == u.forwarder.current && l.steady*2/3 > estimate
	})
}

const fullLately = 500e6 // ns

// pathIsFull tells that a queue stood on the path within the last nanoseconds.
func (u *Subscription) pathIsFull(sh *shard, within int64) bool {
	full := u.subscriber.sender.full
	return full != 0 && sh.now-full < within
}

// wait asks for the keyframe that is waited for, and does without it in the end.
func (u *Subscription) wait(sh *shard) {
	f := &u.forwarder
	switch {
	case !f.Waiting() || f.target == NoLayer || u.track.kind == media.Audio:
		u.waits = 0
	case u.waits == 0:
		u.waits = sh.now
		u.track.layers[f.target].wanted.Store(true)
	case f.current == NoLayer && sh.now-u.waits > replayAfter && u.replay(sh, u.bearable(sh)):
		u.waits = 0
	default:
		u.track.layers[f.target].wanted.Store(true)
	}
}

// bearable is the age up to which a keyframe group is replayed for want of a fresh keyframe: a
// full path takes longer for a long past than the keyframe does.
func (u *Subscription) bearable(sh *shard) int64 {
	if u.pathIsFull(sh, fullLately) {
		return replayFresh
	}
	return replayAfter + 10e9
}

// sendReport tells the viewer how our timestamps relate to the publisher's clock, so that
// sound and picture stay together whichever layer flows (RFC 3550 §6.4.1).
func (u *Subscription) sendReport(sh *shard) {
	f := &u.forwarder
	if !f.begun || f.current == NoLayer {
		return
	}
	u.reportAt = sh.now + senderReportEvery
	l := u.track.layers[f.current]
	run := *f.receipts.current()
	run.rush = false
	unix, timestamp, ok := l.at(u.track.publisher, sh.now, sh.engine)
	if !ok {
		return
	}
	t := u.subscriber.transport
	u.reports[1], u.reports[0] = u.reports[0], sentReport{uint32(ntpTime(unix) >> 16), sh.now}
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
func (l *Layer) at(p *Publisher, now int64, e *Engine) (unix int64, timestamp uint32, ok bool) {
	if t := l.timeline.Load(); t != nil {
		elapsed := now - t.arrived
		return t.unix + elapsed, t.timestamp + uint32(elapsed*t.clock/1e9), true
	}
	first := l.heard.Load()
	if first == nil {
		return 0, 0, false
	}
	elapsed := now - first.arrived
	return e.wall(now) + p.clockLead.Load(), first.timestamp + uint32(elapsed*first.clock/1e9), true
}
