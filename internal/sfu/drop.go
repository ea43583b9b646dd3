package sfu

// Drop says why a packet went no further. The list is closed; each reason is a metric label.
type Drop uint8

const (
	None           Drop = iota
	UnknownAddress      // not STUN, and from an address at which no transport was verified
	Malformed           // not STUN, DTLS, RTP or RTCP, or one of these damaged
	StunRefused         // a check without valid user name, integrity or fingerprint
	TooEarly            // media before the keys, or DTLS beyond the handshake's small buffer
	Forged              // authentication failed
	Replayed            // received before
	UnknownSource       // an SSRC that belongs to no layer and cannot be bound to one
	TooManySources      // more SSRCs than a transport may use
	Duplicate           // the layer has the packet already
	TooOld              // older than the layer's ring
	Padding             // only padding
	Paused              // the subscription takes nothing now
	OtherLayer          // of a layer that the subscription does not take
	BeforeKeyframe      // of the target layer, before its first keyframe
	BeforeSwitch        // its outgoing number belongs to the layer before the switch
	NoConsent           // the peer has not confirmed its address recently
	SlowReader          // the peer's TCP connection is too slow
	SendRefused         // the socket refused the packet
	ShardBehind         // the queue of another shard was full
	NackUnanswered      // requested too late or too often, or never sent
	dropCount
)

var dropNames = [dropCount]string{
	"none", "unknown_address", "malformed", "stun_refused", "too_early", "forged", "replayed",
	"unknown_source", "too_many_sources", "duplicate", "too_old", "padding", "paused",
	"other_layer", "before_keyframe", "before_switch", "no_consent", "slow_reader",
	"send_refused", "shard_behind", "nack_unanswered",
}

// String is the metric label.
func (d Drop) String() string {
	if d < dropCount {
		return dropNames[d]
	}
	return "unknown"
}

// Drops lists every reason but None, in order.
func Drops() []Drop {
	all := make([]Drop, 0, dropCount-1)
	for d := None + 1; d < dropCount; d++ {
		all = append(all, d)
	}
	return all
}

// dropCounts counts dropped packets by reason.
type dropCounts [dropCount]uint64
