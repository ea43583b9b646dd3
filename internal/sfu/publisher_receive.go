package sfu

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

// A source is one SSRC of the publisher and the layer it sends or repairs.
type source struct {
	ssrc        uint32
	layer       *Layer
	repair      bool
	active      bool
	tooOldInRow uint8 // packets in a row that were too old
}

const (
	maxSources          = 16  // SSRCs bound to layers
	maxUnknownSSRCs     = 16  // further SSRCs that we try to bind
	sourceTakeoverAfter = 2e9 // ns of silence after which another SSRC may take a layer over
	restartAfterOld     = 32  // so many old packets in a row are a new beginning
)

// receive opens one packet and adds it to the open burst.
func (p *Publisher) receive(s *shard, b []byte) {
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
		if from = p.bind(s, &h, plain); from == nil {
			s.drops[UnknownSource]++
			return
		}
		from.active = true
	}
	p.twcc.record(h.extension(plain, from.layer.track.ids.transport), s.now)
	p.receiveEstimate.record(h.extension(plain, from.layer.track.ids.sent), len(b)+28, s.now)
	s.drops[p.process(s, from, &h, plain)]++
}

// pass makes a packet for the house out of an opened one.
func (p *Publisher) process(s *shard, from *source, h *rtpHeader, plain []byte) Drop {
	body := plain[h.payloadRange[0]:h.payloadRange[1]:h.payloadRange[1]]
	number, l := h.sequence, from.layer
	if from.repair {
		if len(body) <= 2 {
			return Padding // a probe
		}
		if !l.started {
			return UnknownSource
		}
		number, body = binary.BigEndian.Uint16(body), body[2:] // RFC 4588 §4
	}
	level := uint8(127)
	if l.track.kind == media.Audio {
		if told := h.extension(plain, l.track.ids.level); len(told) > 0 {
			level = told[0] & 0x7f
		}
	}
	kept := false
	if l.track.payload.RED == h.payloadType && h.payloadType != 0 && len(body) > 0 {
		p.slab.commit(len(plain))
		kept = true
		var ok bool
		if body, ok = p.decodeRED(s, l, h, body, level); !ok {
			return Malformed
		}
	}
	packet := media.Packet{Payload: body, Marker: h.marker, Level: level}
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
	if !kept {
		p.slab.commit(len(plain))
	}
	p.addToBurst(s, l, &packet)
	return None
}

// take adds a packet that was accepted to the open burst.
func (p *Publisher) addToBurst(s *shard, l *Layer, packet *media.Packet) {
	if packet.Codec.Kind() == media.Video {
		p.slab.addPacket(*packet)
	} else {
		p.encodeRED(l, packet)
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

func (p *Publisher) source(ssrc uint32) *source {
	for i := range p.sources {
		if p.sources[i].ssrc == ssrc {
			return &p.sources[i]
		}
	}
	return nil
}

// mayClaim bounds the SSRCs whose packets we open to see where they belong: each costs
// state for good.
func (p *Publisher) mayBind(ssrc uint32) bool {
	if slices.Contains(p.unknownSSRCs, ssrc) {
		return true
	}
	if len(p.unknownSSRCs) >= maxUnknownSSRCs {
		return false
	}
	p.unknownSSRCs = append(p.unknownSSRCs, ssrc)
	return true
}

// bind finds the layer that a new SSRC belongs to: by RID (RFC 8852), by announcement, or as
// the only one of its payload type (RFC 8843 §9.2).
func (p *Publisher) bind(s *shard, h *rtpHeader, plain []byte) *source {
	for _, t := range p.tracks {
		if l := t.layerByRID(h.extension(plain, t.ids.rid)); l != nil && t.hasPayloadType(h.payloadType) {
			return p.assignSource(s, h, l, false)
		}
		if l := t.layerByRID(h.extension(plain, t.ids.repaired)); l != nil && h.payloadType == t.payload.RTX {
			return p.assignSource(s, h, l, true)
		}
	}
	if from := p.source(h.ssrc); from != nil {
		if !from.repair {
			from.layer.restart(h.sequence, h.timestamp, s.now)
		}
		return from
	}
	for _, t := range p.tracks {
		if t.simulcast() {
			continue
		}
		if t.hasPayloadType(h.payloadType) {
			return p.assignSource(s, h, t.layers[0], false)
		}
		if t.payload.RTX != 0 && h.payloadType == t.payload.RTX {
			return p.assignSource(s, h, t.layers[0], true)
		}
	}
	return nil
}

func (t *Track) layerByRID(label []byte) *Layer {
	if len(label) == 0 {
		return nil
	}
	for _, l := range t.layers {
		if l.label == string(label) {
			return l
		}
	}
	return nil
}

// assign gives a layer to an SSRC, unless one that still speaks has it.
func (p *Publisher) assignSource(s *shard, h *rtpHeader, l *Layer, repair bool) *source {
	for i := range p.sources {
		have := &p.sources[i]
		if have.layer != l || have.repair != repair {
			continue
		}
		if have.ssrc != h.ssrc && have.active && !repair && s.now-l.lastSeen < sourceTakeoverAfter {
			return nil
		}
		if !repair {
			l.restart(h.sequence, h.timestamp, s.now)
		}
		have.ssrc = h.ssrc
		return have
	}
	if len(p.sources) >= maxSources {
		return nil
	}
	p.sources = append(p.sources, source{ssrc: h.ssrc, layer: l, repair: repair})
	return &p.sources[len(p.sources)-1]
}

// closeBursts sends every open burst on its way.
func (s *shard) flushBursts() {
	for i, p := range s.openBursts {
		s.openBursts[i] = nil
		p.burstOpen = false
		for j := range p.audioBurst {
			p.slab.addPacket(p.audioBurst[j])
			p.audioBurst[j] = media.Packet{}
		}
		p.audioBurst = p.audioBurst[:0]
		p.distribute(s, p.slab.takePackets())
	}
	s.openBursts = s.openBursts[:0]
}

// spread gives a burst to every shard with subscribers, and to the sinks.
func (p *Publisher) distribute(s *shard, packets []media.Packet) {
	for _, outlet := range p.outlets {
		if outlet == s {
			s.fanOuts[p].forward(s, packets)
			continue
		}
		if !outlet.burstQueues[s.index].push(burst{publisher: p, packets: packets}) {
			s.drops[ShardBehind] += uint64(len(packets))
		}
		outlet.wake()
	}
	for _, tap := range p.taps {
		tap.write(packets)
	}
}

// receiveRTCP takes what a publisher reports about what it sends.
func (p *Publisher) receiveRTCP(s *shard, packet rtcp.Packet) {
	switch r := packet.(type) {
	case *rtcp.SenderReport:
		from := p.source(r.SSRC)
		if from == nil || from.repair {
			return
		}
		l := from.layer
		l.timeline.Store(&timeline{
			unixNano: unixTime(r.NTPTime), timestamp: r.RTPTime + l.timestampOffset, arrivedAt: s.now,
			clockRate: int64(l.track.codec.ClockRate()),
		})
		p.clockOffset.Store(unixTime(r.NTPTime) - s.engine.unixNano(s.now))
		p.schedule.recordSenderReport(from.ssrc, uint32(r.NTPTime>>16), s.now)
	case *rtcp.Goodbye:
		// It only says that an SSRC is no longer used; other people's are none of its business.
		for _, ssrc := range r.Sources {
			if from := p.source(ssrc); from != nil && !from.repair {
				from.layer.rate.active = false
			}
		}
	}
}
