package sfu

import (
	"sync/atomic"
	"time"

	"rostrum/internal/media"
)

const (
	videoRingSize = 1024 // packets: two seconds at 4 Mbps
	audioRingSize = 128

	// pliEvery is the least time between two keyframe requests: however many viewers ask,
	// the encoder is asked at this pace (RFC 5104 §4.3.1.2 warns of the cost).
	keyframeRequestInterval = 300 * time.Millisecond
)

// A Layer is one encoding of a Track, as the publisher sends it. It gives its packets
// numbers that never wrap, finds duplicates and gaps, and asks for repair and keyframes.
type Layer struct {
	track *Track
	index int8
	label string // the RID, "" without simulcast

	keyframeWanted  atomic.Bool              // a subscriber waits for a keyframe
	timeline        atomic.Pointer[timeline] // from the publisher's sender reports
	arrivalTimeline atomic.Pointer[timeline] // by arrival of the first packet, for want of reports

	ring            *Ring
	losses          lossDetector
	lastSequence    uint64 // greatest number seen
	started         bool
	firstSequence   uint64 // the first number under the publisher's present SSRC
	sequenceOffset  uint16 // added to the publisher's numbers: they go on when its SSRC changes
	timestampOffset uint32 // added to its timestamps, likewise
	lastTimestamp   uint32
	lastSeen        time.Duration
	frames          frameIntervals
	stopped         stoppedState

	keyframeTimestamp   uint32 // timestamp of the newest keyframe
	hasKeyframe         bool
	keyframeRequestedAt time.Duration // when a keyframe was last asked for
	firSequence         uint8

	width, height int
	unused        unusedState
	rate          rateMeter
	counts        layerCounts
}

// layerCounts are what statistics and receiver reports need.
type layerCounts struct {
	packets, bytes       uint64
	repaired, unrepaired uint64
	nacks, plis          uint64
	firstSequence        uint64 // first number, for expected packets
	expectedPrior        uint64
	receivedPrior        uint64
	jitter               float64 // ticks (RFC 3550 §6.4.1)
	transit              int64
}

func newLayer(t *Track, index int8, label string) *Layer {
	size := videoRingSize
	if t.kind == media.Audio {
		size = audioRingSize
	}
	return &Layer{track: t, index: index, label: label, ring: newRing(size)}
}

// accept makes a house packet of what the publisher sent. number and timestamp are the
// publisher's; repaired tells that it came as a retransmission.
func (l *Layer) accept(p *media.Packet, number uint16, timestamp uint32, now time.Duration, repaired bool) Drop {
	number += l.sequenceOffset
	if !l.started {
		// A full ring below the first number leaves room for what overtook it.
		l.started, l.lastSequence = true, uint64(number)|1<<16
		l.counts.firstSequence, l.firstSequence = l.lastSequence, l.lastSequence
		p.Sequence = l.lastSequence
	} else {
		p.Sequence = media.Extend(l.lastSequence, number)
	}
	p.Timestamp, p.Layer, p.Codec, p.Arrived = timestamp+l.timestampOffset, l.index, l.track.codec, now
	if l.track.kind == media.Audio {
		p.Keyframe = true
	} else if len(p.Payload) > 0 {
		l.detectKeyframe(p)
	}
	if t := l.timeline.Load(); t != nil {
		p.Captured = t.captureTime(p.Timestamp)
	}
	if drop := l.ring.put(p); drop != None {
		return drop
	}
	if l.losses.record(p.Sequence, now, repaired) {
		l.keyframeWanted.Store(true)
	}
	if p.Sequence > l.lastSequence {
		if len(p.Payload) > 0 && p.Timestamp != l.lastTimestamp {
			l.frames.record(now)
		}
		l.lastSequence, l.lastTimestamp = p.Sequence, p.Timestamp
	}
	if l.arrivalTimeline.Load() == nil {
		l.arrivalTimeline.Store(&timeline{timestamp: p.Timestamp, arrivedAt: now, clockRate: int64(l.track.codec.ClockRate())})
	}
	l.lastSeen = now
	l.count(p, now, repaired)
	return None
}

// recognise finds keyframes, and the picture's size where they tell it.
func (l *Layer) detectKeyframe(p *media.Packet) {
	begins, width, height := media.DetectKeyframe(p.Codec, p.Payload)
	if width > 0 {
		l.width, l.height = width, height
	}
	// Parameter sets and slices of one picture may each look like a beginning: the first counts.
	if begins && (!l.hasKeyframe || p.Timestamp != l.keyframeTimestamp) && (media.IsKeyframeStart(p.Codec, p.Payload) || l.followsFrame(p)) {
		p.Keyframe, l.keyframeTimestamp, l.hasKeyframe = true, p.Timestamp, true
	}
}

// follows tells that the packet before p is there, and of another picture. A slice that looks
// like a beginning may have overtaken its parameter sets: who entered with it would decode it
// by those of another layer.
func (l *Layer) followsFrame(p *media.Packet) bool {
	before := l.ring.get(p.Sequence - 1)
	return before != nil && p.Sequence > l.firstSequence && before.Timestamp != p.Timestamp
}

func (l *Layer) count(p *media.Packet, now time.Duration, repaired bool) {
	c := &l.counts
	c.packets++
	c.bytes += uint64(len(p.Payload))
	l.rate.add(len(p.Payload), p.Marker)
	if repaired {
		c.repaired++
		return
	}
	transit := int64(now)*int64(l.track.codec.ClockRate())/1e9 - int64(p.Timestamp)
	if d := int64(int32(transit - c.transit)); c.packets > 1 {
		c.jitter += (max(float64(d), -float64(d)) - c.jitter) / 16
	}
	c.transit = transit
}

// restart goes on after the publisher changed its SSRC: the next packet gets the next
// number, and a time that follows by arrival.
func (l *Layer) restart(number uint16, timestamp uint32, now time.Duration) {
	if !l.started {
		return
	}
	l.sequenceOffset, l.firstSequence = uint16(l.lastSequence+1)-number, l.lastSequence+1
	elapsed := int64(now-l.lastSeen) * int64(l.track.codec.ClockRate()) / 1e9
	l.timestampOffset = l.lastTimestamp + uint32(max(elapsed, 1)) - timestamp
	l.losses = lossDetector{reordering: l.losses.reordering}
	l.hasKeyframe = false
	l.timeline.Store(nil)
	l.arrivalTimeline.Store(nil)
	l.keyframeWanted.Store(l.track.kind == media.Video)
}

// wantsKeyframe decides whether to ask the publisher now.
func (l *Layer) takeKeyframeRequest(now time.Duration) bool {
	if !l.keyframeWanted.Load() || !l.started || l.keyframeRequestedAt != 0 && now-l.keyframeRequestedAt < keyframeRequestInterval {
		return false
	}
	l.keyframeWanted.Store(false)
	l.keyframeRequestedAt = now
	l.counts.plis++
	return true
}

// A timeline relates a layer's timestamps to the publisher's clock (RFC 3550 §6.4.1).
type timeline struct {
	unixNano  int64         // publisher's clock, ns
	timestamp uint32        // at that moment
	arrivedAt time.Duration // of the report, on our clock
	clockRate int64
}

func (t *timeline) captureTime(timestamp uint32) int64 {
	return t.unixNano + int64(int32(timestamp-t.timestamp))*1e9/t.clockRate
}

// rate measures a layer in steps of its survey.
type rateMeter struct {
	bytes, frames int
	since         time.Duration
	bitrate       int
	smoothed      int // bitrate, smoothed
	fps           float64
	active        bool
}

func (r *rateMeter) add(n int, marker bool) {
	r.bytes += n
	if marker {
		r.frames++
	}
	r.active = r.active || n > 0 // padding alone is no picture
}

// rateWindow smooths over browsers that pause between frames.
const rateMeterWindow = time.Second

// survey closes the window if it's long enough. A layer without a byte in it is inactive.
// frozen leaves the smoothed rate as it is.
func (r *rateMeter) update(now time.Duration, frozen bool) {
	if r.since == 0 {
		r.since = now
	}
	elapsed := now - r.since
	if elapsed < rateMeterWindow {
		if r.bitrate == 0 && elapsed > rateMeterWindow/5 { // a first guess soon
			r.bitrate = int(int64(r.bytes) * 8 * int64(time.Second) / int64(elapsed))
			if !frozen {
				r.smoothed = r.bitrate
			}
		}
		return
	}
	r.bitrate = int(int64(r.bytes) * 8 * int64(time.Second) / int64(elapsed))
	if !frozen {
		r.smoothed += (r.bitrate - r.smoothed) / 3
	}
	r.fps = float64(r.frames) / elapsed.Seconds()
	r.active = r.bytes > 0
	r.bytes, r.frames, r.since = 0, 0, now
}
