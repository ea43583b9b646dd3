package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
)

const (
	sentHistory = 1024 // packets on which a report may still arrive

	// reorderGrace is how much later than others a packet may be reported before it counts as
	// lost: on a path that reorders packets, reports have gaps at first.
	reorderGrace = 100 * time.Millisecond
)

// twccSender is the sender's side of congestion control for one subscriber. It numbers packets
// (transport-wide congestion control), records when they were sent, and passes reports to the
// viewer's path. For receivers without such reports it computes a limit from their loss. The
// shard owns what is not atomic.
type twccSender struct {
	packetHistory
	delays        *bandwidth.DelayTracker // nil until a packet is numbered
	pacer         bandwidth.Pacer
	pacingBitrate int
	congestedAt   time.Duration // when there last was a standing queue on the path
	probe         probeCluster

	lossLimit      bandwidth.LossLimit
	lossBitrate    atomic.Int64 // the limit, 0 for none; for the allocator
	resetLossLimit atomic.Bool  // set by the allocator when it starts a trial
}

// packetHistory records sent packets until they are reported or given up.
type packetHistory struct {
	history         []sentPacket // nil until a packet is numbered
	lastNumber      uint64
	lastReported    uint64        // greatest number in a report
	lastReportCount uint8         // of the latest report
	settled         uint64        // up to here each packet was reported or given up
	lastAckedSent   time.Duration // when the latest received packet was sent
}

type sentPacket struct {
	at      time.Duration
	size    int32
	cluster uint32
	acked   bool
	// repeated says that the packet was sent again under its number: if it arrives, it is
	// unknown when it was sent.
	repeated bool
}

// probeCluster is a time in which padding is sent along, so that all packets together have a
// given bitrate.
type probeCluster struct {
	id                uint32
	startedAt, endsAt time.Duration
	bitrate           int
	sent              int64 // bytes
}

// missing returns how many bytes are missing to the bitrate of the cluster by now.
func (c *probeCluster) missing(now time.Duration) int64 {
	return (now-c.startedAt).Microseconds()*int64(c.bitrate)/8e6 - c.sent
}

// next returns the number of a packet that is sent now.
func (s *twccSender) next(now time.Duration, size int) uint16 {
	if s.history == nil {
		s.history, s.delays = make([]sentPacket, sentHistory), new(bandwidth.DelayTracker)
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

// markRepeated records that a packet is sent again under its number.
func (s *twccSender) markRepeated(number uint16) {
	if n := media.Extend(s.lastNumber, number); n <= s.lastNumber && s.lastNumber-n < sentHistory {
		s.history[n%sentHistory].repeated = true
	}
}

// addFeedback adds a transport-wide report. It uses and returns scratch for the packets.
func (s *twccSender) addFeedback(now time.Duration, r *rtcp.TransportLayerCC, p *path, average int, scratch []bandwidth.Ack) []bandwidth.Ack {
	acks := scratch[:0]
	if s.history == nil || r.PacketStatusCount > sentHistory {
		return acks
	}
	number := media.Extend(s.lastNumber, r.BaseSequenceNumber)
	reportLost := s.reportsLost(r.FbPktCount, number)
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
		arrived += time.Duration(deltas[0].Delta) * time.Microsecond
		deltas = deltas[1:]
		if known && !sent.acked && !sent.repeated {
			sent.acked, s.lastAckedSent = true, max(s.lastAckedSent, sent.at)
			acks = append(acks, bandwidth.Ack{Sent: sent.at, Arrived: arrived, Size: int(sent.size), Cluster: sent.cluster})
		}
	})
	acks = s.appendLost(acks)
	congested := false
	if s.pacingBitrate, congested = p.addFeedback(now, s.delays, acks, reportLost, average); congested {
		s.congestedAt = now
	}
	return acks
}

// reportsLost reports whether reports were lost before the one with a count, which starts with
// packet first. What they said is unknown, and will stay so.
func (s *twccSender) reportsLost(count uint8, first uint64) bool {
	ahead := int8(count - s.lastReportCount)
	if ahead > 0 || s.lastReported == 0 {
		s.lastReportCount = count
	}
	if s.lastReported == 0 || ahead <= 1 || first > s.lastNumber {
		return false
	}
	for n := max(s.lastReported+1, first-min(first, sentHistory-1)); n < first; n++ {
		s.history[n%sentHistory].acked = true
	}
	return true
}

// appendLost appends the packets on which no report is expected any more.
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

// addREMB adds the receiver's own estimate.
func (s *twccSender) addREMB(bitrate float32) {
	s.lossLimit.AddREMB(float64(bitrate))
	s.publishLossLimit()
}

// addLossReport adds the share of lost packets of a receiver report, if the receiver sends
// nothing better.
func (s *twccSender) addLossReport(now time.Duration, share float64, packets, sent int, smallest bool) {
	if s.history == nil {
		s.lossLimit.AddReport(now, share, packets, sent, smallest)
		s.publishLossLimit()
	}
}

func (s *twccSender) publishLossLimit() {
	bitrate, known := s.lossLimit.Bitrate()
	if !known {
		bitrate = 0
	}
	s.lossBitrate.Store(int64(bitrate))
}

// tick does the periodic work, ten times per second.
func (s *twccSender) tick(p *path, average int) {
	if s.resetLossLimit.Swap(false) {
		s.lossLimit = bandwidth.LossLimit{}
		s.publishLossLimit()
	}
	if s.lastAckedSent == 0 {
		s.pacingBitrate = p.pacingBitrate(average)
	}
}

// congestedWithin reports whether there was a standing queue on the path in the last d.
func (s *twccSender) congestedWithin(now, d time.Duration) bool {
	return s.congestedAt != 0 && now-s.congestedAt < d
}

// startProbe starts a probe cluster, if one is due. It reports whether it did.
func (s *twccSender) startProbe(now time.Duration, p *path) bool {
	if s.history == nil || now < s.probe.endsAt {
		return false
	}
	bitrate, ok := p.nextProbe(now)
	if ok {
		s.probe = probeCluster{id: s.probe.id + 1, startedAt: now, endsAt: now + bandwidth.ProbeDuration, bitrate: bitrate}
	}
	return ok
}
