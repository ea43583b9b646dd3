package sfu

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	sentWindow   = 1024 // packets whose report may still come
	probePackets = 40   // of 291 bytes
	probeEvery   = 2e9  // ns; a train every so often while more is wished than allotted
	// probeAfterLess is how long after a smaller estimate the path is not loaded with a train.
	probeAfterLess = 4e9
)

// A sender is the sending half of congestion control for one subscriber: it numbers packets,
// remembers when they left, and feeds the estimator from the reports. The home shard's own,
// but for what is atomic.
type sender struct {
	estimator bandwidth.Estimator
	log       []sentPacket // nil until a packet is numbered
	number    uint64
	probing   bool  // packets sent now belong to a train
	probeAt   int64 // when the next train may go
	unheard   int   // trains since one was last reported

	estimate atomic.Int64 // bits a second, 0 while unknown; for the allotter
	wishes   atomic.Bool  // the allotter would give more if there were more
	pardon   atomic.Bool  // the allotter tries again: what was held against the path is forgotten
}

type sentPacket struct {
	at    int64
	size  int32
	probe bool
}

// next numbers a packet that leaves now.
func (s *sender) next(now int64, size int) uint16 {
	if s.log == nil {
		s.log = make([]sentPacket, sentWindow)
	}
	s.number++
	s.log[s.number%sentWindow] = sentPacket{now, int32(size), s.probing}
	return uint16(s.number)
}

// feedback takes a transport-wide report.
func (s *sender) feedback(now int64, r *rtcp.TransportLayerCC) {
	if s.log == nil || r.PacketStatusCount > sentWindow {
		return
	}
	number := media.Extend(s.number, r.BaseSequenceNumber)
	arrived := int64(r.ReferenceTime) * referenceUnit
	acks := make([]bandwidth.Ack, 0, r.PacketStatusCount)
	deltas := r.RecvDeltas
	each(r, func(symbol uint16) {
		p := s.log[number%sentWindow]
		known := number <= s.number && s.number-number < sentWindow && p.at != 0
		number++
		ack := bandwidth.Ack{Sent: p.at, Size: int(p.size), Probe: p.probe, Lost: true}
		if symbol != rtcp.TypeTCCPacketNotReceived && len(deltas) > 0 {
			arrived += deltas[0].Delta * 1000 // microseconds
			deltas = deltas[1:]
			ack.Lost, ack.Arrived = false, arrived
		}
		if known && ack.Probe && !ack.Lost {
			s.unheard = 0
		}
		if known {
			acks = append(acks, ack)
		}
	})
	before, _ := s.estimator.Rate()
	s.estimator.Feedback(now, acks)
	if after, _ := s.estimator.Rate(); after < before {
		s.probeAt = max(s.probeAt, now+probeAfterLess) // a full path needs no more load
	}
	s.publish()
}

// each calls f with the status of each packet of a report.
func each(r *rtcp.TransportLayerCC, f func(symbol uint16)) {
	left := int(r.PacketStatusCount)
	for _, chunk := range r.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range min(int(c.RunLength), left) {
				f(c.PacketStatusSymbol)
			}
			left -= min(int(c.RunLength), left)
		case *rtcp.StatusVectorChunk:
			for _, symbol := range c.SymbolList[:min(len(c.SymbolList), left)] {
				f(symbol)
			}
			left -= min(len(c.SymbolList), left)
		}
	}
}

// remb takes the receiver's own estimate.
func (s *sender) remb(now int64, bps float32) {
	s.estimator.Remb(now, float64(bps))
	s.publish()
}

// lost takes the share of lost packets from a receiver report, where that is all there is.
func (s *sender) lost(now int64, share float64, sent int) {
	if s.log == nil {
		s.estimator.Loss(now, share, sent)
		s.publish()
	}
}

func (s *sender) publish() {
	bps, known := s.estimator.Rate()
	if !known {
		bps = 0
	}
	s.estimate.Store(int64(bps))
}

// tick does what is periodic: ten times a second.
func (s *sender) tick() {
	if s.pardon.Swap(false) {
		s.estimator = bandwidth.Estimator{}
		s.publish()
	}
}

// probe sends a train of padding as retransmissions, which receivers take for nothing: how
// it spreads teaches the estimator what the path carries beyond what flows.
func (s *Subscriber) probe(sh *shard) {
	video := s.subscription(media.Video)
	d := &s.sender
	if video == nil || !video.hasRTX || d.log == nil || !d.wishes.Load() || sh.now < d.probeAt {
		return
	}
	route := s.transport.sendable(sh)
	if route == nil {
		return
	}
	d.probeAt = sh.now + probeEvery
	d.estimator.Blind(d.unheard >= 2)
	d.unheard++
	d.probing = true
	sh.out.address(route)
	for range probePackets {
		video.sealPadding(sh)
	}
	sh.out.flush()
	d.probing = false
}

// sealPadding writes one packet of the most padding that fits one.
func (u *Subscription) sealPadding(sh *shard) {
	t := u.subscriber.transport
	room := sh.out.room()
	u.rtxNumber++
	b := room[:20+255]
	clear(b)
	b[0], b[1] = 0xb0, u.rtxPT
	binary.BigEndian.PutUint16(b[2:], u.rtxNumber)
	binary.BigEndian.PutUint32(b[4:], u.forwarder.edge.timestamp)
	binary.BigEndian.PutUint32(b[8:], u.track.rtx)
	binary.BigEndian.PutUint32(b[12:], oneByteProfile<<16|1)
	b[16] = u.extension<<4 | 1
	binary.BigEndian.PutUint16(b[17:], u.subscriber.sender.next(sh.now, len(b)+40))
	b[len(b)-1] = 255
	sealed, err := t.seal.EncryptRTP(room, b, &t.header)
	if err != nil {
		return
	}
	sh.out.add(len(sealed))
	t.bytesOut += uint64(len(sealed))
}
