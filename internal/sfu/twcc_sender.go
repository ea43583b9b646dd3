package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	sentHistory = 1024 // packets whose report may still come
	// reorderGrace is how much later than others a packet may be reported before it counts as
	// lost: where packets overtake each other, reports at first have holes.
	reorderGrace = 100e6 // ns
)

// A sender is the sending half of congestion control for one subscriber: it numbers packets,
// remembers when they left, and tells the viewer's path what was reported. The home shard's
// own, but for what is atomic.
type twccSender struct {
	delays          bandwidth.DelayTracker
	history         []sentPacket // nil until a packet is numbered
	lastNumber      uint64
	lastReported    uint64        // the latest that a report spoke of
	lastReportCount uint8         // number of the latest report
	settled         uint64        // up to here each was reported or given up
	lastAckedSent   time.Duration // when the latest packet left that was received
	pacer           bandwidth.Pacer
	pacingBitrate   int           // bits a second at which bursts leave
	congestedAt     time.Duration // when a queue last stood on the path
	probe           probeCluster

	lossLimit   bandwidth.LossLimit // for receivers without transport-wide reports
	lossBitrate atomic.Int64        // what it says, 0 for none; for the allotter
	// pardon is set when the allotter tries again: what was held against the path is forgotten.
	resetLossLimit atomic.Bool
}

type sentPacket struct {
	at      time.Duration
	size    int32
	cluster uint32
	acked   bool
	// again tells that it was repeated under its number: of what arrives it isn't known when it left.
	repeated bool
}

// probeTrain is a time in which so much padding is sent along that the packets together
// have a given rate.
type probeCluster struct {
	id                uint32
	startedAt, endsAt time.Duration
	bitrate           int
	sent              int64 // bytes
}

// next numbers a packet that leaves now.
func (s *twccSender) next(now time.Duration, size int) uint16 {
	if s.history == nil {
		s.history = make([]sentPacket, sentHistory)
	}
	s.lastNumber++
	p := sentPacket{at: now, size: int32(size)}
	if now < s.probe.endsAt {
		p.cluster = s.probe.id
		s.probe.sent += int64(size)
	}
	s.history[s.lastNumber%sentHistory] = p
	return uint16(s.lastNumber)
}

// repeated notes that a packet leaves once more under the number it had.
func (s *twccSender) markRepeated(number uint16) {
	if n := media.Extend(s.lastNumber, number); n <= s.lastNumber && s.lastNumber-n < sentHistory {
		s.history[n%sentHistory].repeated = true
	}
}

// feedback takes a transport-wide report. scratch is used for what it says and returned.
func (s *twccSender) addFeedback(now time.Duration, r *rtcp.TransportLayerCC, p *path, flow int, scratch []bandwidth.Ack) []bandwidth.Ack {
	acks := scratch[:0]
	if s.history == nil || r.PacketStatusCount > sentHistory {
		return acks
	}
	number := media.Extend(s.lastNumber, r.BaseSequenceNumber)
	missed := s.reportsLost(r.FbPktCount, number)
	arrived := time.Duration(r.ReferenceTime) * twccReferenceUnit
	deltas := r.RecvDeltas
	forEachStatus(r, func(symbol uint16) {
		sent := &s.history[number%sentHistory]
		known := number <= s.lastNumber && s.lastNumber-number < sentHistory && sent.at != 0
		if known {
			s.lastReported = max(s.lastReported, number)
		}
		number++
		if symbol == rtcp.TypeTCCPacketNotReceived || len(deltas) == 0 {
			return
		}
		arrived += time.Duration(deltas[0].Delta) * time.Microsecond // microseconds
		deltas = deltas[1:]
		if known && !sent.acked && !sent.repeated {
			sent.acked, s.lastAckedSent = true, max(s.lastAckedSent, sent.at)
			acks = append(acks, bandwidth.Ack{Sent: sent.at, Arrived: arrived, Size: int(sent.size), Cluster: sent.cluster})
		}
	})
	acks = s.appendLost(acks)
	full := false
	if s.pacingBitrate, full = p.addFeedback(now, &s.delays, acks, missed, flow); full {
		s.congestedAt = now
	}
	return acks
}

// missed tells whether reports were lost before the one of a number, which begins with a
// packet. What they spoke of isn't known, and won't be.
func (s *twccSender) reportsLost(report uint8, first uint64) bool {
	ahead := int8(report - s.lastReportCount)
	if ahead > 0 || s.lastReported == 0 {
		s.lastReportCount = report
	}
	if s.lastReported == 0 || ahead <= 1 || first > s.lastNumber {
		return false
	}
	for n := max(s.lastReported+1, first-min(first, sentHistory-1)); n < first; n++ {
		s.history[n%sentHistory].acked = true
	}
	return true
}

// judge appends the packets that no report will speak of any more.
func (s *twccSender) appendLost(acks []bandwidth.Ack) []bandwidth.Ack {
	if s.lastNumber-s.settled > sentHistory {
		s.settled = s.lastNumber - sentHistory
	}
	for ; s.settled < s.lastReported; s.settled++ {
		sent := &s.history[(s.settled+1)%sentHistory]
		if s.lastAckedSent-sent.at < reorderGrace {
			break
		}
		if !sent.acked {
			acks = append(acks, bandwidth.Ack{Sent: sent.at, Size: int(sent.size), Lost: true, Cluster: sent.cluster})
		}
	}
	return acks
}

// each calls f with the status of each packet of a report.
func forEachStatus(r *rtcp.TransportLayerCC, f func(symbol uint16)) {
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
func (s *twccSender) addREMB(bps float32) {
	s.lossLimit.AddREMB(float64(bps))
	s.publishLossLimit()
}

// lost takes the share of lost packets from a receiver report, where that is all there is.
func (s *twccSender) addLossReport(now time.Duration, share float64, packets, sent int, all bool) {
	if s.history == nil {
		s.lossLimit.AddReport(now, share, packets, sent, all)
		s.publishLossLimit()
	}
}

func (s *twccSender) publishLossLimit() {
	bps, known := s.lossLimit.Bitrate()
	if !known {
		bps = 0
	}
	s.lossBitrate.Store(int64(bps))
}

// tick does what is periodic: ten times a second.
func (s *twccSender) tick(p *path, flow int) {
	if s.resetLossLimit.Swap(false) {
		s.lossLimit = bandwidth.LossLimit{}
		s.publishLossLimit()
	}
	if s.lastAckedSent == 0 {
		s.pacingBitrate = p.pacingBitrate(flow)
	}
}

// probe begins a train if one is due: padding sent as retransmissions, which receivers take
// for nothing. How it spreads teaches what the path carries beyond what flows.
func (s *Subscriber) startProbe(sh *shard) {
	video, d := s.subscription(media.Video), &s.sender
	if video == nil || !video.hasRTX || d.history == nil || sh.now < d.probe.endsAt {
		return
	}
	if bps, ok := s.viewer.path.nextProbe(sh.now); ok {
		d.probe = probeCluster{id: d.probe.id + 1, startedAt: sh.now, endsAt: sh.now + bandwidth.ProbeDuration, bitrate: bps}
		s.schedulePaced(sh)
	}
}

// pull sends what the train lacks by now; false when it has ended.
func (s *Subscriber) sendProbe(sh *shard) bool {
	t := &s.sender.probe
	if sh.now >= t.endsAt {
		return false
	}
	video := s.subscription(media.Video)
	for due := (sh.now - t.startedAt).Microseconds() * int64(t.bitrate) / 8e6; t.sent < due; {
		before := t.sent
		if video.sendPadding(sh); t.sent == before {
			return false
		}
	}
	return true
}
