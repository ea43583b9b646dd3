package sfu

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// Subscription forwards one Track to one receiver. Its layer is preferred by the Subscriber's
// Choice, its target is set by the allocator, and its current layer is in the Forwarder.
type Subscription struct {
	subscriber *Subscriber
	track      *Track
	outgoingFormat

	allocationState
	sendState
	catchUpState
	keyframeWait
	repairState
	reportState
}

// outgoingFormat is negotiated, and constant.
type outgoingFormat struct {
	codec                       media.Codec
	payloadType, rtxPayloadType uint8
	hasRTX                      bool
	twccExtension               uint8 // id of the header extension, 0 for none
}

// allocationState is shared with the allocator.
type allocationState struct {
	target      atomic.Int32                // layer, set by the allocator
	reason      atomic.Pointer[PauseReason] // of the target NoLayer
	sentBitrate atomic.Int64                // set by the shard

	// Owned by the allocator.
	outage      outage
	backoff     bandwidth.UpgradeBackoff
	allocated   int8 // the layer that target is, or will be once it flows
	substituted bool // a smaller layer flows until the allocated one does
}

// sendState is owned by the shard, as is all that follows.
type sendState struct {
	forwarder Forwarder
	red       redSwitch
	rtxIndex  uint64 // SRTP index of the latest RTX packet
	counts    subscriptionCounts
	rate      rateMeter
}

type subscriptionCounts struct {
	packets, bytes uint64
	nacks, resent  uint64
	plis           uint64
	senderPackets  uint32 // as in sender reports
	senderOctets   uint32
}

// keyframeWait is the wait for a keyframe of the target layer.
type keyframeWait struct {
	waitingSince   time.Duration    // 0 while not waiting
	viewerRequests keyframeRequests // those that the viewer sends
	nacksBefore    uint64           // when it sent the latest
	viewerWaits    bool             // for a keyframe that it requested
	layerBefore    int8             // that flowed when it did
	groupBefore    uint64           // start of that layer's keyframe group, then
	waited         time.Duration    // without a picture, in total
	countedAt      time.Duration    // when waited was last updated
}

// catchUpState says from where the subscription sends packets of the ring, because it is
// behind.
type catchUpState struct {
	catchingUp   bool
	catchUpNext  uint64 // sequence number
	catchUpLayer int8
}

func newSubscription(s *Subscriber, t *Track, a *sdp.AnswerSection) *Subscription {
	u := &Subscription{
		subscriber: s, track: t,
		outgoingFormat: outgoingFormat{
			codec: a.Payload.Codec, payloadType: a.Payload.Type, rtxPayloadType: a.Payload.RTX, hasRTX: a.RTX, twccExtension: a.Extensions[sdp.ExtTransportCC],
		},
	}
	u.forwarder = newForwarder(a.Payload.Codec, 1+uint16(rand.Uint32N(0x3000)))
	u.rtxIndex = rand.Uint64N(0x3000)
	u.red.payloadType, u.red.nacks = a.Payload.RED, a.Payload.Supports("nack")
	u.selected.layer, u.allocated = NoLayer, NoLayer
	if u.twccExtension != 0 && !u.hasRTX {
		u.twccNumbers = new(twccNumberLog)
	}
	u.setTarget(NoLayer, PausedNoLayer)
	return u
}

// setTarget sets the target layer, which the shard applies. The allocator calls it.
func (u *Subscription) setTarget(layer int8, reason PauseReason) {
	u.allocated = layer
	u.reason.Store(&reason)
	u.target.Store(int32(layer))
}

func (u *Subscription) ring(layer int8) *Ring { return u.subscriber.fanOut.ring(u.track.kind, layer) }

// congestedWithin reports whether the path was congested in the last d.
func (u *Subscription) congestedWithin(sh *shard, d time.Duration) bool {
	return u.subscriber.sender.congestedWithin(sh.now, d)
}

// stats is called on the shard.
func (u *Subscription) stats() SubscriptionStats {
	v := SubscriptionStats{
		Kind: u.track.kind, Codec: u.codec, Target: u.track.label(int8(u.target.Load())),
		Current: u.track.label(u.forwarder.current), Paused: u.forwarder.current == NoLayer,
		Bitrate: u.rate.bitrate, Packets: u.counts.packets, Bytes: u.counts.bytes,
		Nacks: u.counts.nacks, Resent: u.counts.resent, Plis: u.counts.plis,
		Loss: u.received.loss, Lost: u.received.lost, KeyframeWait: u.waited,
		Jitter: time.Duration(u.received.jitter) * time.Second / time.Duration(u.codec.ClockRate()),
	}
	if v.Paused {
		v.Reason = *u.reason.Load()
	}
	if u.track.kind == media.Video {
		v.Preferred = u.subscriber.Choice().Layer
	}
	return v
}
