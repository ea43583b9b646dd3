package sfu

import (
	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const (
	feedbackEvery = 50e6  // transport-cc, ns
	surveyEvery   = 250e6 // layers measured anew
	reportEvery   = 1e9   // receiver reports
	overTurns     = 12    // surveys above the bitrate bound before it is told: three seconds
)

// rhythm is when a publisher's periodic work is next due, and what it needs to remember.
type rhythm struct {
	feedback, survey, report int64
	nacks                    []uint64
	over                     int
	overTold                 bool
	started                  [2]bool
	toldWidth, toldHeight    int
	last                     []lastReport
}

// lastReport remembers a sender report, for the next receiver report (RFC 3550 §6.4.1).
type lastReport struct {
	ssrc, middle uint32
	arrived      int64
}

func (r *rhythm) reported(ssrc, middle uint32, now int64) {
	for i := range r.last {
		if r.last[i].ssrc == ssrc {
			r.last[i] = lastReport{ssrc, middle, now}
			return
		}
	}
	if len(r.last) < maxSources {
		r.last = append(r.last, lastReport{ssrc, middle, now})
	}
}

// connected is called on the home shard when the keys are there.
func (p *Publisher) connected(s *shard) { s.publishers = append(s.publishers, p) }

// tick does the periodic work, a hundred times a second.
func (p *Publisher) tick(s *shard) {
	packets, fell := p.repair(s, nil), false
	if s.now >= p.rhythm.feedback {
		p.rhythm.feedback = s.now + feedbackEvery
		fell = p.follow(s)
		if b := p.arrivals.feedback(s.scratch[:0], p.anySSRC()); len(b) > 0 {
			p.transport.sendRTCP(s, b)
		}
	}
	if video := p.track(media.Video); video != nil && video.simulcast() {
		fell = video.listen(s.now, p.uplink.bound != 0) || fell
	}
	if fell || s.now >= p.rhythm.survey {
		p.rhythm.survey = s.now + surveyEvery
		p.survey(s)
	}
	if fell {
		p.hurryViewers()
	}
	if s.now >= p.rhythm.report {
		p.rhythm.report = s.now + reportEvery
		packets = append(packets, &rtcp.ExtendedReport{SenderSSRC: p.transport.ownSSRC(), Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntpTime(s.engine.wall(s.now))},
		}})
		p.send(s, append(p.report(s), packets...))
		return
	}
	if len(packets) > 0 {
		p.send(s, p.transport.compound(s, packets...))
	}
}

func (p *Publisher) send(s *shard, packets []rtcp.Packet) {
	if b, err := rtcp.Marshal(packets); err == nil {
		p.transport.sendRTCP(s, b)
	}
}

func (p *Publisher) anySSRC() uint32 {
	for i := range p.sources {
		if p.sources[i].heard {
			return p.sources[i].ssrc
		}
	}
	return 0
}

// repair asks for missing packets and, where subscribers wait for one, for a keyframe.
func (p *Publisher) repair(s *shard, packets []rtcp.Packet) []rtcp.Packet {
	for i := range p.sources {
		from := &p.sources[i]
		if !from.heard || from.repair {
			continue
		}
		l := from.layer
		if l.hush.at != 0 {
			l.losses.missing = l.losses.missing[:0] // what is still to come of it is no picture
			continue
		}
		if l.track.payload.Supports("nack") && len(l.losses.missing) > 0 {
			asked, gaveUp := l.losses.due(p.rhythm.nacks[:0], s.now, p.roundTrip())
			p.rhythm.nacks = asked
			if gaveUp > 0 && l.track.kind == media.Video {
				l.wanted.Store(true) // a hole that stays: only a keyframe heals it
			}
			l.counts.gaveUp += uint64(gaveUp)
			if len(asked) > 0 {
				l.counts.nacks += uint64(len(asked))
				packets = append(packets, &rtcp.TransportLayerNack{
					SenderSSRC: p.transport.ownSSRC(), MediaSSRC: from.ssrc, Nacks: nackPairs(asked, l.shift),
				})
			}
		}
		if l.track.kind == media.Video && l.wantsKeyframe(s.now) {
			packets = append(packets, l.keyframeRequest(p.transport.ownSSRC(), from.ssrc))
		}
	}
	return packets
}

// roundTrip is the measured one or a careful guess.
func (p *Publisher) roundTrip() int64 {
	if p.transport.roundTrip > 0 {
		return p.transport.roundTrip
	}
	return 80e6
}

func (l *Layer) keyframeRequest(own, ssrc uint32) rtcp.Packet {
	if !l.track.payload.Supports("nack pli") && l.track.payload.Supports("ccm fir") {
		l.firs++
		return &rtcp.FullIntraRequest{SenderSSRC: own, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: l.firs}}}
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
func (p *Publisher) report(s *shard) []rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	for i := range p.sources {
		from := &p.sources[i]
		if !from.heard || from.repair || len(blocks) == 31 {
			continue
		}
		l, c := from.layer, &from.layer.counts
		expected := l.last - c.first + 1
		received := c.packets
		lost := int64(expected) - int64(received)
		newExpected, newReceived := expected-c.expectedBefore, received-c.receivedBefore
		var fraction uint8
		if newExpected > newReceived && newExpected > 0 {
			fraction = uint8(min((newExpected-newReceived)*256/newExpected, 255))
		}
		c.expectedBefore, c.receivedBefore = expected, received
		block := rtcp.ReceptionReport{
			SSRC: from.ssrc, FractionLost: fraction, TotalLost: uint32(min(max(lost, 0), 0x7fffff)),
			LastSequenceNumber: uint32(l.last - uint64(l.shift)), Jitter: uint32(c.jitter),
		}
		for _, r := range p.rhythm.last {
			if r.ssrc == from.ssrc {
				block.LastSenderReport, block.Delay = r.middle, uint32((s.now-r.arrived)*65536/1e9)
			}
		}
		blocks = append(blocks, block)
	}
	head := p.transport.compound(s)
	head[0] = &rtcp.ReceiverReport{SSRC: p.transport.ownSSRC(), Reports: blocks}
	return head
}

// survey measures the layers, and tells what began, ended, changed or is too much.
func (p *Publisher) survey(s *shard) {
	timeout := int64(s.engine.cfg.MediaTimeout)
	for _, t := range p.tracks {
		var seen int64
		for _, l := range t.layers {
			seen = max(seen, l.lastSeen)
		}
		changed := t.survey(s.now)
		started := &p.rhythm.started[t.kind]
		switch {
		case seen == 0:
		case !*started && s.now-seen < timeout:
			*started = true
			p.transport.tell(MediaStarted{t.kind})
		case *started && s.now-seen >= timeout && !p.muted[t.kind].Load():
			*started = false
			p.transport.tell(MediaStopped{t.kind})
		}
		if t.kind == media.Video {
			if changed {
				p.transport.tell(LayersChanged{t.view.Load().infos()})
			}
			p.limit(t.view.Load())
		}
	}
	p.router.speakers.decide(p.router, s.now)
}

// limit holds the video against the PublishConfig.
func (p *Publisher) limit(v *trackView) {
	total := 0
	for _, l := range v.layers {
		total += l.bitrate
		big := p.cfg.MaxPixels > 0 && l.width*l.height > p.cfg.MaxPixels
		if big && (l.width != p.rhythm.toldWidth || l.height != p.rhythm.toldHeight) {
			p.rhythm.toldWidth, p.rhythm.toldHeight = l.width, l.height
			p.transport.tell(LimitExceeded{Limit: LimitPixels, Width: l.width, Height: l.height})
		}
	}
	if p.cfg.MaxBitrate == 0 || total <= p.cfg.MaxBitrate {
		p.rhythm.over, p.rhythm.overTold = 0, false
		return
	}
	if p.rhythm.over++; p.rhythm.over >= overTurns && !p.rhythm.overTold {
		p.rhythm.overTold = true
		p.transport.tell(LimitExceeded{Limit: LimitBitrate, Bitrate: total})
	}
}
