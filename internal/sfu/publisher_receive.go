package sfu

import (
	"encoding/binary"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

// receiveMedia decrypts one packet and adds it to the open burst.
func (p *Publisher) receiveMedia(s *shard, b []byte) {
	ssrc := binary.BigEndian.Uint32(b[8:])
	from := p.source(ssrc)
	if from == nil && !p.mayBind(ssrc) {
		s.drops[TooManySources]++
		return
	}
	t := p.transport
	plain, err := t.decrypter.DecryptRTP(p.slab.reserve(len(b))[:0], b, &t.rtpScratch)
	if err != nil {
		s.drops[decryptDrop(err)]++
		return
	}
	t.recordAuthenticated(s, len(b))
	h, ok := parseRTP(plain)
	if !ok {
		s.drops[Malformed]++
		return
	}
	if from == nil || !from.active {
		if from = p.bind(p.tracks, &h, plain, s.now); from == nil {
			s.drops[UnknownSource]++
			return
		}
		from.active = true
	}
	ids := &from.layer.track.ids
	p.twcc.record(h.extension(plain, ids.transportCC), s.now)
	p.receiveEstimate.record(h.extension(plain, ids.absSendTime), len(b)+28, s.now)
	s.drops[p.process(s, from, &h, plain)]++
}

// process makes a media.Packet of a decrypted packet and stores it.
func (p *Publisher) process(s *shard, from *source, h *rtpHeader, plain []byte) Drop {
	payload := plain[h.payloadRange[0]:h.payloadRange[1]:h.payloadRange[1]]
	number, l := h.sequence, from.layer
	if from.repair {
		if len(payload) <= 2 {
			return Padding // a probe
		}
		if !l.started {
			return UnknownSource
		}
		number, payload = binary.BigEndian.Uint16(payload), payload[2:] // RFC 4588 §4
	}
	level := uint8(127)
	if l.track.kind == media.Audio {
		if value := h.extension(plain, l.track.ids.audioLevel); len(value) > 0 {
			level = value[0] & 0x7f
		}
	}
	committed := false
	if l.track.payload.RED == h.payloadType && h.payloadType != 0 && len(payload) > 0 {
		p.slab.commit(len(plain))
		committed = true
		var ok bool
		if payload, ok = p.decodeRED(s, l, h, payload, level); !ok {
			return Malformed
		}
	}
	packet := media.Packet{Payload: payload, Marker: h.marker, Level: level}
	drop := l.accept(&packet, number, h.timestamp, s.now, from.repair)
	if drop == TooOld && !from.repair {
		if from.tooOldInRow++; from.tooOldInRow >= restartAfterOld {
			from.tooOldInRow = 0
			l.restart(number, h.timestamp, s.now)
		}
		return drop
	}
	from.tooOldInRow = 0
	if drop != None {
		return drop
	}
	if !committed {
		p.slab.commit(len(plain))
	}
	p.addToBurst(s, l, &packet)
	if first := l.takeCompleted(); first != nil {
		p.addToBurst(s, l, first)
	}
	return None
}

// decodeRED splits a redundant payload and recovers the packets that are missing. It returns
// the newest block, false if the payload is malformed.
func (p *Publisher) decodeRED(s *shard, l *Layer, h *rtpHeader, payload []byte, level uint8) ([]byte, bool) {
	var scratch [8]media.REDBlock
	blocks, ok := media.DecodeRED(payload, scratch[:0])
	if !ok {
		return nil, false
	}
	newest := len(blocks) - 1
	for i, b := range blocks[:newest] {
		if !l.started || len(b.Data) == 0 || b.PayloadType != l.track.payload.Type {
			continue
		}
		gap := l.findGap(h, uint64(newest-i), b)
		packet := media.Packet{Payload: b.Data, Level: level}
		if gap != 0 && l.accept(&packet, uint16(gap)-l.sequenceOffset, h.timestamp-b.TimestampOffset, s.now, true) == None {
			p.addToBurst(s, l, &packet)
		}
	}
	return blocks[newest].Data, true
}

// addToBurst adds a stored packet to the open burst.
func (p *Publisher) addToBurst(s *shard, l *Layer, packet *media.Packet) {
	if packet.Codec.Kind() == media.Video {
		p.slab.addPacket(*packet)
	} else {
		l.addRedundancy(packet, &p.slab)
		p.audioBurst = append(p.audioBurst, *packet)
		if !p.muted[media.Audio].Load() {
			p.loudness.record(packet.Level, s.now)
		}
	}
	if !p.burstOpen {
		p.burstOpen = true
		s.openBursts = append(s.openBursts, p)
	}
}

// takeBurst closes the open burst and returns it, video before audio.
func (p *Publisher) takeBurst() []media.Packet {
	p.burstOpen = false
	for i := range p.audioBurst {
		p.slab.addPacket(p.audioBurst[i])
		p.audioBurst[i] = media.Packet{}
	}
	p.audioBurst = p.audioBurst[:0]
	return p.slab.takePackets()
}

// receiveRTCP handles a publisher's reports about what it sends.
func (p *Publisher) receiveRTCP(s *shard, packet rtcp.Packet) {
	switch r := packet.(type) {
	case *rtcp.SenderReport:
		from := p.source(r.SSRC)
		if from == nil || from.repair {
			return
		}
		l, unixNano := from.layer, unixTime(r.NTPTime)
		l.timeline.Store(&timeline{
			unixNano: unixNano, timestamp: r.RTPTime + l.timestampOffset, arrivedAt: s.now, clockRate: l.clockRate(),
		})
		p.clockOffset.Store(unixNano - s.core.unixNano(s.now))
		p.schedule.recordSenderReport(from.ssrc, ntpMiddle(r.NTPTime), s.now)
	case *rtcp.Goodbye:
		// A BYE only says that an SSRC is no longer used. It has no effect on SSRCs of others.
		for _, ssrc := range r.Sources {
			if from := p.source(ssrc); from != nil && !from.repair {
				from.layer.rate.active = false
			}
		}
	}
}
