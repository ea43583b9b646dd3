package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"rostrum/internal/media"
)

const (
	videoRingSize = 1024 // packets: two seconds at 4 Mbps
	audioRingSize = 128
)

// Layer is one encoding of a Track, as the publisher sends it. It gives its packets sequence
// numbers that never wrap, finds duplicates and gaps, and requests retransmissions and
// keyframes.
type Layer struct {
	track *Track
	index int8
	label string // the RID, "" without simulcast

	// Read or written by other shards.
	keyframeWanted  atomic.Bool              // a subscriber waits for a keyframe
	timeline        atomic.Pointer[timeline] // from the publisher's sender reports
	arrivalTimeline atomic.Pointer[timeline] // from the arrival of the first packet, where there are no reports

	// Owned by the publisher's shard.
	ring   *Ring
	losses lossDetector
	layerNumbers
	layerKeyframes
	layerActivity
	counts layerCounts
}

// layerNumbers continue when the publisher changes its SSRC.
type layerNumbers struct {
	started         bool
	firstSequence   uint64 // under the current SSRC
	lastSequence    uint64 // greatest so far
	lastTimestamp   uint32
	sequenceOffset  uint16 // added to the publisher's sequence numbers
	timestampOffset uint32 // added to its timestamps
}

type layerActivity struct {
	lastSeen time.Duration
	frames   frameIntervals
	stopped  stoppedState
	unused   unusedState
	offered  bool // to viewers, as last measured
	rate     rateMeter
}

// layerCounts are for statistics and receiver reports.
type layerCounts struct {
	packets, bytes       uint64
	repaired, unrepaired uint64
	nacks, plis          uint64
	firstSequence        uint64 // of the first packet
	expectedPrior        uint64 // as in RFC 3550 appendix A.3
	receivedPrior        uint64
	jitter               float64 // timestamp units (RFC 3550 §6.4.1)
	transit              int64
}

func newLayer(t *Track, index int8, label string) *Layer {
	size := videoRingSize
	if t.kind == media.Audio {
		size = audioRingSize
	}
	l := &Layer{track: t, index: index, label: label, ring: newRing(size)}
	l.sets = media.NewParameterSets(t.codec())
	return l
}

// accept completes and stores a packet that the publisher sent. number and timestamp are the
// publisher's; retransmitted says that it came with the SSRC for retransmissions.
func (l *Layer) accept(p *media.Packet, number uint16, timestamp uint32, now time.Duration, retransmitted bool) Drop {
	number += l.sequenceOffset
	sequence := uint64(number) | 1<<16 // packets that were sent before this one may still arrive: a full ring of numbers is left for them
	if l.started {
		sequence = media.Extend(l.lastSequence, number)
	}
	return l.acceptAs(p, sequence, timestamp+l.timestampOffset, now, retransmitted)
}

// acceptAs is accept for a packet whose number and timestamp among the layer's are known.
func (l *Layer) acceptAs(p *media.Packet, sequence uint64, timestamp uint32, now time.Duration, retransmitted bool) Drop {
	if !l.started {
		l.started, l.lastSequence = true, sequence
		l.counts.firstSequence, l.firstSequence = sequence, sequence
	}
	p.Sequence, p.Timestamp, p.Layer, p.Codec, p.Arrived = sequence, timestamp, l.index, l.track.codec(), now
	p.Keyframe = l.track.kind == media.Audio
	if t := l.timeline.Load(); t != nil {
		p.Captured = t.captureTime(p.Timestamp)
	}
	if drop := l.ring.put(p); drop != None {
		return drop
	}
	if l.track.kind == media.Video && len(p.Payload) > 0 {
		l.detectKeyframe(p)
	}
	if l.losses.record(p.Sequence, now, retransmitted) {
		l.keyframeWanted.Store(true)
	}
	if p.Sequence > l.lastSequence {
		if len(p.Payload) > 0 && p.Timestamp != l.lastTimestamp {
			l.frames.record(now)
		}
		l.lastSequence, l.lastTimestamp = p.Sequence, p.Timestamp
	}
	if l.arrivalTimeline.Load() == nil {
		l.arrivalTimeline.Store(&timeline{timestamp: p.Timestamp, arrivedAt: now, clockRate: l.clockRate()})
	}
	l.lastSeen = now
	l.count(p, now, retransmitted)
	return None
}

func (l *Layer) clockRate() int64 { return int64(l.track.codec().ClockRate()) }

func (l *Layer) count(p *media.Packet, now time.Duration, retransmitted bool) {
	c := &l.counts
	c.packets++
	c.bytes += uint64(len(p.Payload))
	l.rate.add(len(p.Payload), p.Marker)
	if retransmitted {
		c.repaired++
		return
	}
	transit := int64(now)*l.clockRate()/1e9 - int64(p.Timestamp)
	if d := int64(int32(transit - c.transit)); c.packets > 1 {
		c.jitter += (max(float64(d), -float64(d)) - c.jitter) / 16
	}
	c.transit = transit
}

// restart continues after the publisher changed its SSRC: the next packet gets the next
// sequence number, and a timestamp that follows from its arrival time.
func (l *Layer) restart(number uint16, timestamp uint32, now time.Duration) {
	if !l.started {
		return
	}
	l.sequenceOffset, l.firstSequence = uint16(l.lastSequence+1)-number, l.lastSequence+1
	elapsed := int64(now-l.lastSeen) * l.clockRate() / 1e9
	l.timestampOffset = l.lastTimestamp + uint32(max(elapsed, 1)) - timestamp
	l.losses = lossDetector{reordering: l.losses.reordering}
	l.candidate = keyframeCandidate{}
	l.timeline.Store(nil)
	l.arrivalTimeline.Store(nil)
	l.keyframeWanted.Store(l.track.kind == media.Video)
}

// isActive reports whether the layer is sent now, if only with a frame now and then.
func (l *Layer) isActive(now time.Duration) bool {
	slow := now-l.frames.latest() < stoppedIntervals*min(l.frames.mean(), maxFrameInterval)
	return l.stopped.since == 0 && (l.rate.active || slow)
}

// stop marks the layer as stopped by the publisher.
func (l *Layer) stop(now, interval time.Duration) { l.stopped = stoppedState{now, interval} }

// receptionReport reports on what was received since the last call (RFC 3550 appendix A.3).
func (l *Layer) receptionReport(ssrc uint32) rtcp.ReceptionReport {
	c := &l.counts
	expected, received := l.lastSequence-c.firstSequence+1, c.packets
	newExpected, newReceived := expected-c.expectedPrior, received-c.receivedPrior
	c.expectedPrior, c.receivedPrior = expected, received
	var fraction uint8
	if newExpected > newReceived && newExpected > 0 {
		fraction = uint8(min((newExpected-newReceived)*256/newExpected, 255))
	}
	lost := int64(expected) - int64(received)
	return rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: fraction, TotalLost: uint32(min(max(lost, 0), 0x7fffff)),
		LastSequenceNumber: uint32(l.lastSequence - uint64(l.sequenceOffset)), Jitter: uint32(c.jitter),
	}
}

// clockNow returns the timestamp of the layer now, and the time of the publisher's clock.
// Without sender reports it takes arrival for capture, and the clock of the publisher's other
// media.
func (l *Layer) clockNow(now time.Duration) (unixNano int64, timestamp uint32, ok bool) {
	if t := l.timeline.Load(); t != nil {
		return t.unixNano + int64(now-t.arrivedAt), t.at(now), true
	}
	first := l.arrivalTimeline.Load()
	if first == nil {
		return 0, 0, false
	}
	p := l.track.publisher
	return p.router.core.unixNano(now) + p.clockOffset.Load(), first.at(now), true
}

func (l *Layer) stats(now time.Duration) LayerStats {
	c := &l.counts
	v := LayerStats{
		LayerInfo: LayerInfo{l.label, l.width, l.height, l.rate.bitrate, l.rate.fps, l.isActive(now)},
		Offered:   l.offered,
		Packets:   c.packets, Bytes: c.bytes, Repaired: c.repaired, Nacks: c.nacks, Plis: c.plis,
		Jitter: time.Duration(c.jitter * 1e9 / float64(l.clockRate())),
	}
	if l.started {
		v.Lost = max(int64(l.lastSequence-c.firstSequence+1)-int64(c.packets), 0)
	}
	return v
}
