package sfu

import (
	"sync/atomic"

	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	sentWindow = 1024 // packets whose report may still come
	// reorderGrace is how much later than others a packet may be reported before it counts as
	// lost: where packets overtake each other, reports at first have holes.
	reorderGrace = 100e6 // ns
)

// A sender is the sending half of congestion control for one subscriber: it numbers packets,
// remembers when they left, and tells the viewer's path what was reported. The home shard's
// own, but for what is atomic.
type sender struct {
	delays  bandwidth.Delays
	log     []sentPacket // nil until a packet is numbered
	number  uint64
	covered uint64 // the latest that a report spoke of
	reports uint8  // number of the latest report
	judged  uint64 // up to here each was reported or given up
	heard   int64  // when the latest packet left that was received
	pacer   bandwidth.Pacer
	pace    int   // bits a second at which bursts leave
	full    int64 // when a queue last stood on the path
	train   probeTrain

	limit bandwidth.LossLimit // for receivers without transport-wide reports
	bound atomic.Int64        // what it says, 0 for none; for the allotter
	// pardon is set when the allotter tries again: what was held against the path is forgotten.
	pardon atomic.Bool
}

type sentPacket struct {
	at    int64
	size  int32
	train uint32
	acked bool
	// again tells that it was repeated under its number: of what arrives it isn't known when it left.
	again bool
}

// probeTrain is a time in which so much padding is sent along that the packets together
// have a given rate.
type probeTrain struct {
	id          uint32
	began, ends int64
	bps         int
	sent        int64 // bytes
}

// next numbers a packet that leaves now.
func (s *sender) next(now int64, size int) uint16 {
	if s.log == nil {
		s.log = make([]sentPacket, sentWindow)
	}
	s.number++
	p := sentPacket{at: now, size: int32(size)}
	if now < s.train.ends {
		p.train = s.train.id
		s.train.sent += int64(size)
	}
	s.log[s.number%sentWindow] = p
	return uint16(s.number)
}

// repeated notes that a packet leaves once more under the number it had.
func (s *sender) repeated(number uint16) {
	if n := media.Extend(s.number, number); n <= s.number && s.number-n < sentWindow {
		s.log[n%sentWindow].again = true
	}
}

// feedback takes a transport-wide report. scratch is used for what it says and returned.
func (s *sender) feedback(now int64, r *rtcp.TransportLayerCC, p *path, flow int, scratch []bandwidth.Ack) []bandwidth.Ack {
	acks := scratch[:0]
	if s.log == nil || r.PacketStatusCount > sentWindow {
		return acks
	}
	number := media.Extend(s.number, r.BaseSequenceNumber)
	missed := s.missed(r.FbPktCount, number)
	arrived := int64(r.ReferenceTime) * referenceUnit
	deltas := r.RecvDeltas
	each(r, func(symbol uint16) {
		sent := &s.log[number%sentWindow]
		known := number <= s.number && s.number-number < sentWindow && sent.at != 0
		if known {
			s.covered = max(s.covered, number)
		}
		number++
		if symbol == rtcp.TypeTCCPacketNotReceived || len(deltas) == 0 {
			return
		}
		arrived += deltas[0].Delta * 1000 // microseconds
		deltas = deltas[1:]
		if known && !sent.acked && !sent.again {
			sent.acked, s.heard = true, max(s.heard, sent.at)
			acks = append(acks, bandwidth.Ack{Sent: sent.at, Arrived: arrived, Size: int(sent.size), Train: sent.train})
		}
	})
	acks = s.judge(acks)
	full := false
	if s.pace, full = p.feedback(now, &s.delays, acks, missed, flow); full {
		s.full = now
	}
	return acks
}

// missed tells whether reports were lost before the one of a number, which begins with a
// packet. What they spoke of isn't known, and won't be.
func (s *sender) missed(report uint8, first uint64) bool {
	ahead := int8(report - s.reports)
	if ahead > 0 || s.covered == 0 {
		s.reports = report
	}
	if s.covered == 0 || ahead <= 1 || first > s.number {
		return false
	}
	for n := max(s.covered+1, first-min(first, sentWindow-1)); n < first; n++ {
		s.log[n%sentWindow].acked = true
	}
	return true
}

// judge appends the packets that no report will speak of any more.
func (s *sender) judge(acks []bandwidth.Ack) []bandwidth.Ack {
	if s.number-s.judged > sentWindow {
		s.judged = s.number - sentWindow
	}
	for ; s.judged < s.covered; s.judged++ {
		sent := &s.log[(s.judged+1)%sentWindow]
		if s.heard-sent.at < reorderGrace {
			break
		}
		if !sent.acked {
			acks = append(acks, bandwidth.Ack{Sent: sent.at, Size: int(sent.size), Lost: true, Train: sent.train})
		}
	}
	return acks
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
func (s *sender) remb(bps float32) {
	s.limit.Remb(float64(bps))
	s.publish()
}

// lost takes the share of lost packets from a receiver report, where that is all there is.
func (s *sender) lost(now int64, share float64, packets, sent int, all bool) {
	if s.log == nil {
		s.limit.Report(now, share, packets, sent, all)
		s.publish()
	}
}

func (s *sender) publish() {
	bps, known := s.limit.Rate()
	if !known {
		bps = 0
	}
	s.bound.Store(int64(bps))
}

// tick does what is periodic: ten times a second.
func (s *sender) tick(p *path, flow int) {
	if s.pardon.Swap(false) {
		s.limit = bandwidth.LossLimit{}
		s.publish()
	}
	if s.heard == 0 {
		s.pace = p.pace(flow)
	}
}

// probe begins a train if one is due: padding sent as retransmissions, which receivers take
// for nothing. How it spreads teaches what the path carries beyond what flows.
func (s *Subscriber) probe(sh *shard) {
	video, d := s.subscription(media.Video), &s.sender
	if video == nil || !video.hasRTX || d.log == nil || sh.now < d.train.ends {
		return
	}
	if bps, ok := s.viewer.path.due(sh.now); ok {
		d.train = probeTrain{id: d.train.id + 1, began: sh.now, ends: sh.now + bandwidth.TrainSpan, bps: bps}
		s.paceOn(sh)
	}
}

// pull sends what the train lacks by now; false when it has ended.
func (s *Subscriber) pull(sh *shard) bool {
	t := &s.sender.train
	if sh.now >= t.ends {
		return false
	}
	video := s.subscription(media.Video)
	for due := (sh.now - t.began) / 1000 * int64(t.bps) / 8e6; t.sent < due; {
		before := t.sent
		if video.pad(sh); t.sent == before {
			return false
		}
	}
	return true
}
