package sfu

import (
	"math/rand/v2"
	"sync/atomic"

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

	flowing  atomic.Int64 // bits a second, for the allotter
	outage   outage       // the allotter's own, as the next
	patience bandwidth.Patience
	given    int8 // the layer that target is, or is to be after a detour
	detour   bool // a smaller one flows until the given one comes back

	// The home shard's own.
	forwarder   Forwarder
	cursor      uint64 // next packet to take from the ring, while chasing
	chasing     bool
	chased      int8   // the layer whose ring cursor is in
	repairIndex uint64 // of the latest packet of the stream for repair
	marks       *marks // nil where there is such a stream, or no transport-wide number
	repairs     allowance
	answers     answers
	cover       cover
	waits       int64 // since when it waits for a keyframe, 0 when it doesn't
	told        int8  // layer last told by LayerSelected
	toldWhy     PauseReason
	toldOnce    bool
	counts      subscriptionCounts
	reportAt    int64
	reports     [2]sentReport
	rate        rate
	loss        float64 // share of packets, smoothed
	jitter      uint32
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
	middle uint32
	at     int64
}

// A keyframe group that is replayed to a joiner has bounds: decoding a long past takes a weak
// device longer than a fresh keyframe takes to come. If none comes, as encoders outside of
// browsers may not listen, the past is better than nothing.
const (
	replayMost  = 700   // packets
	replayFresh = 2.2e9 // ns of age up to which the group is replayed at once
	replayAfter = 400e6 // ns of waiting for a keyframe after which it is replayed anyway
)

const (
	chunkPackets = 32 // of a replay or a large burst, in one pace
	largeBurst   = 64 // packets for one subscriber, beyond which they are paced
)

// allowance bounds retransmissions: a storm of NACKs earns no more than its share.
type allowance struct {
	bytes int
	at    int64
}

const (
	repairRate  = 250_000 // bytes a second
	repairBurst = 100_000
)

func (a *allowance) take(n int, now int64) bool {
	if a.at == 0 {
		a.bytes = repairBurst
	}
	a.bytes = min(a.bytes+int((now-a.at)*repairRate/1e9), repairBurst)
	a.at = now
	if a.bytes < n {
		return false
	}
	a.bytes -= n
	return true
}

func newSubscription(s *Subscriber, t *Track, a *sdp.AnswerSection) *Subscription {
	sub := &Subscription{
		subscriber: s, track: t, pt: a.Payload.Type, rtxPT: a.Payload.RTX, hasRTX: a.RTX,
		extension:   a.Extensions[sdp.ExtTransportCC],
		forwarder:   newForwarder(t.codec, 1+uint16(rand.Uint32N(0x3000))),
		repairIndex: rand.Uint64N(0x3000), told: NoLayer, given: NoLayer,
	}
	if sub.extension != 0 && !sub.hasRTX {
		sub.marks = new(marks)
	}
	sub.cover.format, sub.cover.repairs = a.Payload.RED, a.Payload.Supports("nack")
	sub.target.Store(int32(NoLayer))
	none := PausedNoLayer
	sub.reason.Store(&none)
	return sub
}

// begin is called when the subscriber is connected: the first picture shouldn't wait for
// the allotter.
func (u *Subscription) begin(sh *shard) {
	choice := u.subscriber.Choice()
	layer := int8(0)
	switch {
	case u.track.kind == media.Audio && choice.NoAudio, u.track.kind == media.Video && choice.NoVideo:
		layer = NoLayer
	case u.track.kind == media.Video:
		layer = u.opening(choice)
	}
	u.target.Store(int32(layer))
	u.forwarder.Target(layer)
	u.reportAt = sh.now + 50e6
	if layer == NoLayer || u.track.kind == media.Audio {
		return
	}
	if !u.replay(sh, replayFresh) {
		u.track.layers[layer].wanted.Store(true)
	}
}

// opening is the layer to begin with: the chosen one if it flows, or the smallest.
func (u *Subscription) opening(c Choice) int8 {
	unwatched := layerSet(u.track.unwatched.Load())
	if layer, ok := u.track.labelled(c.Layer); ok && c.Layer != "" && !unwatched.has(layer) {
		return layer
	}
	if v := u.track.view.Load(); len(v.layers) > 0 {
		return v.layers[0].index
	}
	return 0
}

// replay begins with the kept keyframe group, if there is one that is short enough and began
// at most age nanoseconds ago.
func (u *Subscription) replay(sh *shard, age int64) bool {
	ring := u.ring(u.forwarder.target)
	from, ok := ring.group()
	if !ok || ring.last-from > replayMost {
		return false
	}
	newest := ring.at(ring.last)
	if newest == nil || sh.now-ring.at(from).Arrived > age {
		return false
	}
	u.forwarder.Replay(ring.at(from), newest.Timestamp)
	u.chase(sh, from)
	u.subscriber.chase(sh)
	return true
}

func (u *Subscription) ring(layer int8) *Ring { return u.subscriber.feed.rings[u.track.kind][layer] }

// chase has the packets from a number on sent as the pace allows.
func (u *Subscription) chase(sh *shard, from uint64) {
	u.cursor, u.chasing, u.chased = from, true, u.forwarder.current
	u.subscriber.paceOn(sh)
}

// paceOn has the shard call chase until it's done.
func (s *Subscriber) paceOn(sh *shard) {
	if !s.paced {
		s.paced = true
		sh.pacing = append(sh.pacing, s)
	}
}

// chase sends the next chunk of what the subscriber is behind, and of a train; false when
// nothing is left to send.
func (s *Subscriber) chase(sh *shard) bool {
	route := s.transport.sendable(sh)
	if s.feed == nil || route == nil || s.transport.over.Load() {
		s.paced = false
		return false
	}
	sh.out.address(route)
	more := false
	for _, u := range s.subs {
		for n := 0; u.chasing && n < chunkPackets; u.cursor++ {
			ring := u.ring(u.chased)
			if u.cursor > ring.last {
				u.chasing = false
				break
			}
			if p := ring.at(u.cursor); p != nil {
				if !u.may(sh, p) {
					break
				}
				u.pass(sh, p)
				n++
			}
		}
		more = more || u.chasing
	}
	more = s.pull(sh) || more
	sh.out.flush()
	s.paced = more
	return more
}

// forward gives a burst to one subscriber: sealed packet by packet into the shard's outbox,
// sent in trains.
func (s *Subscriber) forward(sh *shard, packets []media.Packet) {
	route := s.transport.sendable(sh)
	if route == nil {
		return
	}
	sh.out.address(route)
	for i := range packets {
		p := &packets[i]
		u := s.subs[0]
		if u.track.codec != p.Codec {
			if len(s.subs) == 1 {
				continue
			}
			u = s.subs[1]
		}
		if f := &u.forwarder; p.Layer == f.current && p.Sequence > f.newest {
			switch {
			case u.chasing && p.Sequence >= u.cursor:
				continue // the cursor will come by
			case !u.chasing && (i == 0 && len(packets) > largeBurst || !u.may(sh, p)):
				u.chase(sh, p.Sequence)
				continue
			}
		}
		before := u.forwarder.current
		u.pass(sh, p)
		if u.forwarder.current != before && u.overtaken(p, packets[i+1:]) {
			u.chase(sh, p.Sequence+1)
		}
	}
	sh.out.flush()
}

// overtaken tells that packets behind p, with which a layer was entered, came earlier than p:
// they were passed over then. rest is what came after p.
func (u *Subscription) overtaken(p *media.Packet, rest []media.Packet) bool {
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
func (u *Subscription) may(sh *shard, p *media.Packet) bool {
	if u.extension == 0 || u.track.kind == media.Audio {
		return true
	}
	d := &u.subscriber.sender
	return d.pacer.Take(sh.now, d.pace, len(p.Payload))
}
