package sfu

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// A Subscription is one receiver's claim on one Track: wished by the Subscriber's Choice,
// target set by the allotter, current in the Forwarder.
type Subscription struct {
	subscriber *Subscriber
	track      *Track
	pt, rtxPT  uint8
	hasRTX     bool
	extension  uint8 // id of the transport-wide number, 0 for none

	target atomic.Int32 // set by the allotter, taken over in tick
	reason atomic.Pointer[PauseReason]

	sentBitrate atomic.Int64 // bits a second, for the allotter
	outage      outage       // the allotter's own, as the next
	backoff     bandwidth.UpgradeBackoff
	allocated   int8 // the layer that target is, or is to be after a detour
	substituted bool // a smaller one flows until the given one comes back

	// The home shard's own.
	forwarder      Forwarder
	catchUpNext    uint64 // next packet to take from the ring, while chasing
	catchingUp     bool
	catchUpLayer   int8           // the layer whose ring cursor is in
	rtxIndex       uint64         // of the latest packet of the stream for repair
	twccNumbers    *twccNumberLog // nil where there is such a stream, or no transport-wide number
	repairBudget   byteBudget
	recentRepairs  repairLog
	red            redSwitch
	waitingSince   time.Duration // since when it waits for a keyframe, 0 when it doesn't
	reportedLayer  int8          // layer last told by LayerSelected
	reportedReason PauseReason
	reportedOnce   bool
	counts         subscriptionCounts
	nextReportAt   time.Duration
	sentReports    [2]sentReport
	rate           rateMeter
	loss           float64 // share of packets, smoothed
	jitter         uint32
}

type subscriptionCounts struct {
	packets, bytes     uint64
	nacks, resent      uint64
	plis               uint64
	reportedLost       uint32
	reportedLast       uint32 // number
	octets, packetsOut uint32 // as sender reports count
}

// sentReport remembers a sender report, to know it again in the receiver's (RFC 3550 §6.4.1).
type sentReport struct {
	ntpMiddle uint32
	sentAt    time.Duration
}

// A keyframe group that is replayed to a joiner has bounds: decoding a long past takes a weak
// device longer than a fresh keyframe takes to come. If none comes, as encoders outside of
// browsers may not listen, the past is better than nothing.
const (
	maxReplayPackets = 700   // packets
	maxReplayAge     = 2.2e9 // ns of age up to which the group is replayed at once
	maxKeyframeWait  = 400e6 // ns of waiting for a keyframe after which it is replayed anyway
)

const (
	pacedChunk = 32 // of a replay or a large burst, in one pace
	largeBurst = 64 // packets for one subscriber, beyond which they are paced
)

// allowance bounds retransmissions: a storm of NACKs earns no more than its share.
type byteBudget struct {
	bytes     int
	updatedAt time.Duration
}

const (
	repairRate  = 250_000 // bytes a second
	repairBurst = 100_000
)

func (a *byteBudget) spend(n int, now time.Duration) bool {
	if a.updatedAt == 0 {
		a.bytes = repairBurst
	}
	a.bytes = min(a.bytes+int((now-a.updatedAt)*repairRate/time.Second), repairBurst)
	a.updatedAt = now
	if a.bytes < n {
		return false
	}
	a.bytes -= n
	return true
}

func newSubscription(s *Subscriber, t *Track, a *sdp.AnswerSection) *Subscription {
	sub := &Subscription{
		subscriber: s, track: t, pt: a.Payload.Type, rtxPT: a.Payload.RTX, hasRTX: a.RTX,
		extension: a.Extensions[sdp.ExtTransportCC],
		forwarder: newForwarder(t.codec, 1+uint16(rand.Uint32N(0x3000))),
		rtxIndex:  rand.Uint64N(0x3000), reportedLayer: NoLayer, allocated: NoLayer,
	}
	if sub.extension != 0 && !sub.hasRTX {
		sub.twccNumbers = new(twccNumberLog)
	}
	sub.red.payloadType, sub.red.nacks = a.Payload.RED, a.Payload.Supports("nack")
	sub.target.Store(int32(NoLayer))
	none := PausedNoLayer
	sub.reason.Store(&none)
	return sub
}

// begin is called when the subscriber is connected: the first picture shouldn't wait for
// the allotter.
func (u *Subscription) start(sh *shard) {
	choice := u.subscriber.Choice()
	layer := int8(0)
	switch {
	case u.track.kind == media.Audio && choice.NoAudio, u.track.kind == media.Video && choice.NoVideo:
		layer = NoLayer
	case u.track.kind == media.Video:
		layer = u.initialLayer(choice)
	}
	u.target.Store(int32(layer))
	u.forwarder.SetTarget(layer)
	u.nextReportAt = sh.now + 50e6
	if layer == NoLayer || u.track.kind == media.Audio {
		return
	}
	if !u.replay(sh, maxReplayAge) {
		u.track.layers[layer].keyframeWanted.Store(true)
	}
}

// opening is the layer to begin with: the chosen one if it flows, or the smallest.
func (u *Subscription) initialLayer(c Choice) int8 {
	unwatched := layerSet(u.track.unusedLayers.Load())
	if layer, ok := u.track.layerIndex(c.Layer); ok && c.Layer != "" && !unwatched.has(layer) {
		return layer
	}
	if v := u.track.view.Load(); len(v.layers) > 0 {
		return v.layers[0].index
	}
	return 0
}

// replay begins with the kept keyframe group, if there is one that is short enough and began
// at most age nanoseconds ago.
func (u *Subscription) replay(sh *shard, age time.Duration) bool {
	ring := u.ring(u.forwarder.target)
	from, ok := ring.keyframeGroup()
	if !ok || ring.last-from > maxReplayPackets {
		return false
	}
	newest := ring.get(ring.last)
	if newest == nil || sh.now-ring.get(from).Arrived > age {
		return false
	}
	u.forwarder.Replay(ring.get(from), newest.Timestamp)
	u.catchUp(sh, from)
	u.subscriber.sendPaced(sh)
	return true
}

func (u *Subscription) ring(layer int8) *Ring { return u.subscriber.fanOut.rings[u.track.kind][layer] }

// chase has the packets from a number on sent as the pace allows.
func (u *Subscription) catchUp(sh *shard, from uint64) {
	u.catchUpNext, u.catchingUp, u.catchUpLayer = from, true, u.forwarder.current
	u.subscriber.schedulePaced(sh)
}

// paceOn has the shard call chase until it's done.
func (s *Subscriber) schedulePaced(sh *shard) {
	if !s.onPacingList {
		s.onPacingList = true
		sh.paced = append(sh.paced, s)
	}
}

// chase sends the next chunk of what the subscriber is behind, and of a train; false when
// nothing is left to send.
func (s *Subscriber) sendPaced(sh *shard) bool {
	route := s.transport.sendRoute(sh)
	if s.fanOut == nil || route == nil || s.transport.ended.Load() {
		s.onPacingList = false
		return false
	}
	sh.out.setRoute(route)
	more := false
	for _, u := range s.subs {
		for n := 0; u.catchingUp && n < pacedChunk; u.catchUpNext++ {
			ring := u.ring(u.catchUpLayer)
			if u.catchUpNext > ring.last {
				u.catchingUp = false
				break
			}
			if p := ring.get(u.catchUpNext); p != nil {
				if !u.paceAllows(sh, p) {
					break
				}
				u.forwardPacket(sh, p)
				n++
			}
		}
		more = more || u.catchingUp
	}
	more = s.sendProbe(sh) || more
	sh.out.flush()
	s.onPacingList = more
	return more
}

// forward gives a burst to one subscriber: sealed packet by packet into the shard's outbox,
// sent in trains.
func (s *Subscriber) forward(sh *shard, packets []media.Packet) {
	route := s.transport.sendRoute(sh)
	if route == nil {
		return
	}
	sh.out.setRoute(route)
	for i := range packets {
		p := &packets[i]
		u := s.subs[0]
		if u.track.codec != p.Codec {
			if len(s.subs) == 1 {
				continue
			}
			u = s.subs[1]
		}
		if f := &u.forwarder; p.Layer == f.current && p.Sequence > f.newestReceived {
			switch {
			case u.catchingUp && p.Sequence >= u.catchUpNext:
				continue // the cursor will come by
			case !u.catchingUp && (i == 0 && len(packets) > largeBurst || !u.paceAllows(sh, p)):
				u.catchUp(sh, p.Sequence)
				continue
			}
		}
		before := u.forwarder.current
		u.forwardPacket(sh, p)
		if u.forwarder.current != before && u.reordered(p, packets[i+1:]) {
			u.catchUp(sh, p.Sequence+1)
		}
	}
	sh.out.flush()
}

// overtaken tells that packets behind p, with which a layer was entered, came earlier than p:
// they were passed over then. rest is what came after p.
func (u *Subscription) reordered(p *media.Packet, rest []media.Packet) bool {
	if u.track.kind == media.Audio {
		return false
	}
	last := p.Sequence
	for i := range rest {
		if rest[i].Codec == p.Codec && rest[i].Layer == p.Layer {
			last = max(last, rest[i].Sequence)
		}
	}
	return u.ring(p.Layer).last > last
}

// may asks the pacer, where there is one: where transport-wide reports tell what the path
// carries. Sound never waits.
func (u *Subscription) paceAllows(sh *shard, p *media.Packet) bool {
	if u.extension == 0 || u.track.kind == media.Audio {
		return true
	}
	d := &u.subscriber.sender
	return d.pacer.Allow(sh.now, d.pacingBitrate, len(p.Payload))
}
