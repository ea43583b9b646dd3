package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const (
	feedbackInterval = 50 * time.Millisecond  // of transport-wide feedback
	surveyInterval   = 250 * time.Millisecond // of measuring the layers
	reportInterval   = time.Second            // of receiver reports

	// unknownRoundTrip is used while the round trip time is not measured.
	unknownRoundTrip = 80 * time.Millisecond
)

// tickSlow does nothing: the shard calls tick more often.
func (p *Publisher) tickSlow(*shard) {}

// tick does the periodic work, a hundred times per second.
func (p *Publisher) tick(s *shard) {
	if p.local != nil {
		p.tickLocal(s)
		return
	}
	if p.relayed != nil {
		p.tickRelayed(s)
		return
	}
	packets, stopped := p.repairRequests(s, nil), false
	if s.now >= p.schedule.feedback {
		p.schedule.feedback = s.now + feedbackInterval
		stopped = p.updateReceiveEstimate(s)
		if b := p.twcc.appendFeedback(s.scratch[:0], p.activeSSRC()); len(b) > 0 {
			p.transport.sendRTCP(s, b)
		}
	}
	if video := p.track(media.Video); video != nil && video.simulcast() {
		stopped = video.detectStopped(s.now, p.receiveEstimate.limited()) || stopped
	}
	if stopped || s.now >= p.schedule.survey {
		p.schedule.survey = s.now + surveyInterval
		p.survey(s)
	}
	if stopped {
		p.reallocateViewers()
	}
	if s.now >= p.schedule.report {
		p.schedule.report = s.now + reportInterval
		packets = append(packets, &rtcp.ExtendedReport{SenderSSRC: publisherSSRC, Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntpTime(s.core.unixNano(s.now))},
		}})
		p.transport.sendPackets(s, compoundRTCP(publisherSSRC, p.receptionReports(s.now), packets...))
	} else if len(packets) > 0 {
		p.transport.sendCompound(s, packets...)
	}
}

// repairRequests appends requests for missing packets and, where subscribers wait for one, for
// keyframes.
func (p *Publisher) repairRequests(s *shard, packets []rtcp.Packet) []rtcp.Packet {
	for i := range p.sources {
		from := &p.sources[i]
		if !from.active || from.repair {
			continue
		}
		l := from.layer
		if l.stopped.since != 0 {
			l.losses.missing = l.losses.missing[:0] // no complete frame will arrive
			continue
		}
		if l.track.payload.Supports("nack") {
			if due := p.takeMissing(s, l); len(due) > 0 {
				packets = append(packets, &rtcp.TransportLayerNack{
					SenderSSRC: publisherSSRC, MediaSSRC: from.ssrc, Nacks: nackPairs(due, l.sequenceOffset),
				})
			}
		}
		if l.track.kind == media.Video && l.takeKeyframeRequest(s.now) {
			packets = append(packets, l.keyframeRequest(publisherSSRC, from.ssrc))
		}
	}
	return packets
}

// takeMissing returns the numbers of a layer to request again now, until the next call.
func (p *Publisher) takeMissing(s *shard, l *Layer) []uint64 {
	if len(l.losses.missing) == 0 {
		return nil
	}
	due, abandoned := l.losses.takeDue(p.schedule.nacks[:0], s.now, p.roundTrip())
	p.schedule.nacks = due
	if abandoned > 0 && l.track.kind == media.Video {
		l.keyframeWanted.Store(true) // only a keyframe repairs the gap
	}
	l.counts.unrepaired += uint64(abandoned)
	l.counts.nacks += uint64(len(due))
	return due
}

func (p *Publisher) roundTrip() time.Duration {
	if p.transport.roundTrip > 0 {
		return p.transport.roundTrip
	}
	return unknownRoundTrip
}

// receptionReports reports on all layers (RFC 3550 §6.4.2).
func (p *Publisher) receptionReports(now time.Duration) (reports []rtcp.ReceptionReport) {
	for i := range p.sources {
		from := &p.sources[i]
		if !from.active || from.repair || len(reports) == 31 {
			continue
		}
		report := from.layer.receptionReport(from.ssrc)
		for _, r := range p.schedule.senderReports {
			if r.ssrc == from.ssrc {
				report.LastSenderReport, report.Delay = r.ntpMiddle, ntpUnits(now-r.arrivedAt)
			}
		}
		reports = append(reports, report)
	}
	return reports
}

// updateReceiveEstimate estimates the publisher's path, sends REMB to the publisher, and marks
// the layers as stopped that it will stop for it. It reports whether there are any.
func (p *Publisher) updateReceiveEstimate(s *shard) (stopped bool) {
	video := p.track(media.Video)
	if video == nil || !video.payload.Supports("goog-remb") {
		return false
	}
	e := &p.receiveEstimate
	if e.update(s.now) {
		stopped = video.stopUnaffordable(s.now, e.limit)
	}
	if bitrate, ok := e.nextREMB(s.now); ok {
		remb := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: publisherSSRC, Bitrate: bitrate}
		for i := range p.sources {
			if p.sources[i].active {
				remb.SSRCs = append(remb.SSRCs, p.sources[i].ssrc)
			}
		}
		p.transport.sendCompound(s, remb)
	}
	return stopped
}
