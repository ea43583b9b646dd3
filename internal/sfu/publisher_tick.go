package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const (
	feedbackInterval    = 50e6  // transport-cc, ns
	surveyInterval      = 250e6 // layers measured anew
	reportInterval      = 1e9   // receiver reports
	maxOverLimitSurveys = 12    // surveys above the bitrate bound before it is told: three seconds
)

// rhythm is when a publisher's periodic work is next due, and what it needs to remember.
type publisherSchedule struct {
	feedback, survey, report      time.Duration
	nacks                         []uint64
	overLimitSurveys              int
	overLimitReported             bool
	started                       [2]bool
	reportedWidth, reportedHeight int
	senderReports                 []receivedReport
}

// lastReport remembers a sender report, for the next receiver report (RFC 3550 §6.4.1).
type receivedReport struct {
	ssrc, ntpMiddle uint32
	arrivedAt       time.Duration
}

func (r *publisherSchedule) recordSenderReport(ssrc, middle uint32, now time.Duration) {
	for i := range r.senderReports {
		if r.senderReports[i].ssrc == ssrc {
			r.senderReports[i] = receivedReport{ssrc, middle, now}
			return
		}
	}
	if len(r.senderReports) < maxSources {
		r.senderReports = append(r.senderReports, receivedReport{ssrc, middle, now})
	}
}

// connected is called on the home shard when the keys are there.
func (p *Publisher) connected(s *shard) { s.publishers = append(s.publishers, p) }

// tick does the periodic work, a hundred times a second.
func (p *Publisher) tick(s *shard) {
	packets, fell := p.repairRequests(s, nil), false
	if s.now >= p.schedule.feedback {
		p.schedule.feedback = s.now + feedbackInterval
		fell = p.updateReceiveEstimate(s)
		if b := p.twcc.appendFeedback(s.scratch[:0], p.activeSSRC()); len(b) > 0 {
			p.transport.sendRTCP(s, b)
		}
	}
	if video := p.track(media.Video); video != nil && video.simulcast() {
		fell = video.detectStopped(s.now, p.receiveEstimate.limit != 0) || fell
	}
	if fell || s.now >= p.schedule.survey {
		p.schedule.survey = s.now + surveyInterval
		p.survey(s)
	}
	if fell {
		p.reallocateViewers()
	}
	if s.now >= p.schedule.report {
		p.schedule.report = s.now + reportInterval
		packets = append(packets, &rtcp.ExtendedReport{SenderSSRC: p.transport.localSSRC(), Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntpTime(s.engine.unixNano(s.now))},
		}})
		p.sendRTCP(s, append(p.receiverReport(s), packets...))
		return
	}
	if len(packets) > 0 {
		p.sendRTCP(s, p.transport.compound(s, packets...))
	}
}

func (p *Publisher) sendRTCP(s *shard, packets []rtcp.Packet) {
	if b, err := rtcp.Marshal(packets); err == nil {
		p.transport.sendRTCP(s, b)
	}
}

func (p *Publisher) activeSSRC() uint32 {
	for i := range p.sources {
		if p.sources[i].active {
			return p.sources[i].ssrc
		}
	}
	return 0
}

// repair asks for missing packets and, where subscribers wait for one, for a keyframe.
func (p *Publisher) repairRequests(s *shard, packets []rtcp.Packet) []rtcp.Packet {
	for i := range p.sources {
		from := &p.sources[i]
		if !from.active || from.repair {
			continue
		}
		l := from.layer
		if l.stopped.since != 0 {
			l.losses.missing = l.losses.missing[:0] // what is still to come of it is no picture
			continue
		}
		if l.track.payload.Supports("nack") && len(l.losses.missing) > 0 {
			asked, gaveUp := l.losses.takeDue(p.schedule.nacks[:0], s.now, p.roundTrip())
			p.schedule.nacks = asked
			if gaveUp > 0 && l.track.kind == media.Video {
				l.keyframeWanted.Store(true) // a hole that stays: only a keyframe heals it
			}
			l.counts.unrepaired += uint64(gaveUp)
			if len(asked) > 0 {
				l.counts.nacks += uint64(len(asked))
				packets = append(packets, &rtcp.TransportLayerNack{
					SenderSSRC: p.transport.localSSRC(), MediaSSRC: from.ssrc, Nacks: nackPairs(asked, l.sequenceOffset),
				})
			}
		}
		if l.track.kind == media.Video && l.takeKeyframeRequest(s.now) {
			packets = append(packets, l.keyframeRequest(p.transport.localSSRC(), from.ssrc))
		}
	}
	return packets
}

// roundTrip is the measured one or a careful guess.
func (p *Publisher) roundTrip() time.Duration {
	if p.transport.roundTrip > 0 {
		return p.transport.roundTrip
	}
	return 80e6
}

func (l *Layer) keyframeRequest(own, ssrc uint32) rtcp.Packet {
	if !l.track.payload.Supports("nack pli") && l.track.payload.Supports("ccm fir") {
		l.firSequence++
		return &rtcp.FullIntraRequest{SenderSSRC: own, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: l.firSequence}}}
	}
	return &rtcp.PictureLossIndication{SenderSSRC: own, MediaSSRC: ssrc}
}

// nackPairs packs ascending numbers, in the publisher's own counting (RFC 4585 §6.2.1).
func nackPairs(numbers []uint64, shift uint16) []rtcp.NackPair {
	var pairs []rtcp.NackPair
	for _, n := range numbers {
		id := uint16(n) - shift
		if k := len(pairs) - 1; k >= 0 {
			if d := id - pairs[k].PacketID; d >= 1 && d <= 16 {
				pairs[k].LostPackets |= 1 << (d - 1)
				continue
			}
		}
		pairs = append(pairs, rtcp.NackPair{PacketID: id})
	}
	return pairs
}

// report makes the receiver report on all layers (RFC 3550 §6.4.2).
func (p *Publisher) receiverReport(s *shard) []rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	for i := range p.sources {
		from := &p.sources[i]
		if !from.active || from.repair || len(blocks) == 31 {
			continue
		}
		l, c := from.layer, &from.layer.counts
		expected := l.lastSequence - c.firstSequence + 1
		received := c.packets
		lost := int64(expected) - int64(received)
		newExpected, newReceived := expected-c.expectedPrior, received-c.receivedPrior
		var fraction uint8
		if newExpected > newReceived && newExpected > 0 {
			fraction = uint8(min((newExpected-newReceived)*256/newExpected, 255))
		}
		c.expectedPrior, c.receivedPrior = expected, received
		block := rtcp.ReceptionReport{
			SSRC: from.ssrc, FractionLost: fraction, TotalLost: uint32(min(max(lost, 0), 0x7fffff)),
			LastSequenceNumber: uint32(l.lastSequence - uint64(l.sequenceOffset)), Jitter: uint32(c.jitter),
		}
		for _, r := range p.schedule.senderReports {
			if r.ssrc == from.ssrc {
				block.LastSenderReport, block.Delay = r.ntpMiddle, uint32((s.now-r.arrivedAt)*65536/time.Second)
			}
		}
		blocks = append(blocks, block)
	}
	head := p.transport.compound(s)
	head[0] = &rtcp.ReceiverReport{SSRC: p.transport.localSSRC(), Reports: blocks}
	return head
}

// survey measures the layers, and tells what began, ended, changed or is too much.
func (p *Publisher) survey(s *shard) {
	timeout := s.engine.cfg.MediaTimeout
	for _, t := range p.tracks {
		var seen time.Duration
		for _, l := range t.layers {
			seen = max(seen, l.lastSeen)
		}
		changed := t.measure(s.now)
		started := &p.schedule.started[t.kind]
		switch {
		case seen == 0:
		case !*started && s.now-seen < timeout:
			*started = true
			p.transport.emit(MediaStarted{t.kind})
		case *started && s.now-seen >= timeout && !p.muted[t.kind].Load():
			*started = false
			p.transport.emit(MediaStopped{t.kind})
		}
		if t.kind == media.Video {
			if changed {
				p.transport.emit(LayersChanged{t.view.Load().layerInfos()})
			}
			p.checkLimits(t.view.Load())
		}
	}
	p.router.speakers.update(p.router, s.now)
}

// limit holds the video against the PublishConfig.
func (p *Publisher) checkLimits(v *trackView) {
	total := 0
	for _, l := range v.layers {
		total += l.bitrate
		big := p.cfg.MaxPixels > 0 && l.width*l.height > p.cfg.MaxPixels
		if big && (l.width != p.schedule.reportedWidth || l.height != p.schedule.reportedHeight) {
			p.schedule.reportedWidth, p.schedule.reportedHeight = l.width, l.height
			p.transport.emit(LimitExceeded{Limit: LimitPixels, Width: l.width, Height: l.height})
		}
	}
	if p.cfg.MaxBitrate == 0 || total <= p.cfg.MaxBitrate {
		p.schedule.overLimitSurveys, p.schedule.overLimitReported = 0, false
		return
	}
	if p.schedule.overLimitSurveys++; p.schedule.overLimitSurveys >= maxOverLimitSurveys && !p.schedule.overLimitReported {
		p.schedule.overLimitReported = true
		p.transport.emit(LimitExceeded{Limit: LimitBitrate, Bitrate: total})
	}
}
