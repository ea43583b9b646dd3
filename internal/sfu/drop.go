package sfu

// Drop says why a packet went no further. The list is closed; each is a metric label.
type Drop uint8

const (
	None           Drop = iota
	UnknownAddress      // not STUN, and no transport has proved that it is there
	Malformed           // not STUN, DTLS, RTP or RTCP, or one of these damaged
	StunRefused         // a check without valid user name, integrity or fingerprint
	TooEarly            // media before the keys, or DTLS beyond the handshake's small buffer
	Forged              // authentication failed
	Replayed            // seen before
	UnknownSource       // an SSRC that belongs to no layer and may not claim one
	TooManySources      // more SSRCs than a transport may use
	Duplicate           // the layer has it already
	TooOld              // older than the layer's ring
	Padding             // nothing but padding
	Paused              // the subscription takes nothing now
	OtherLayer          // of a layer the subscription doesn't take
	BeforeKeyframe      // the layer is wanted but no picture has begun
	BeforeSwitch        // its number belongs to the layer left behind
	NoConsent           // the peer hasn't confirmed its address recently
	SlowReader          // the peer's TCP connection doesn't keep up
	SendRefused         // the socket took no more
	ShardBehind         // another shard's ring was full
	NackUnanswered      // asked for too late, too often, or never sent
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
