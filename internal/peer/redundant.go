package peer

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// redundantPT is the number of redundant sound (RFC 2198) in our offers.
const redundantPT = 63

// redundantSound is its entry in an offer to receive: of Opus alone.
func redundantSound() webrtc.RTPCodecParameters {
	opus := capabilities(media.Opus)[0].PayloadType
	return webrtc.RTPCodecParameters{PayloadType: redundantPT, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: "audio/red", ClockRate: media.Opus.ClockRate(), Channels: 2, SDPFmtpLine: fmt.Sprintf("%d/%d", opus, opus),
	}}
}

// unfold leaves a packet of redundant sound its newest block alone, and puts the earlier
// ones where they are missing. It reports whether there was a newest block.
func (in *Inlet) unfold(p *rtp.Packet, now time.Time) bool {
	var room [8]media.REDBlock
	blocks, ok := media.DecodeRED(p.Payload, room[:0])
	if !ok {
		return false
	}
	newest := len(blocks) - 1
	p.Payload = blocks[newest].Data
	for i, b := range blocks[:newest] {
		earlier := &rtp.Packet{Header: p.Header, Payload: b.Data}
		earlier.SequenceNumber -= uint16(newest - i)
		earlier.Timestamp -= b.TimestampOffset
		if len(b.Data) > 0 && in.order.fill(earlier, now) {
			in.stats.Covered++
		}
	}
	return true
}

// fill puts a packet that was repeated where it is missing, and reports whether it was. What
// is repeated tells its time alone: its number is the given one or, as padding has numbers
// too, one before that.
func (r *reorder) fill(p *rtp.Packet, now time.Time) bool {
	if !r.started || int32(p.Timestamp-r.reached) <= 0 {
		return false
	}
	for _, a := range r.held {
		if a.packet.Timestamp == p.Timestamp && len(a.packet.Payload) > 0 {
			return false
		}
	}
	for ; int16(p.SequenceNumber-r.next) >= 0; p.SequenceNumber-- {
		switch have, here := r.held[p.SequenceNumber]; {
		case !here:
			r.held[p.SequenceNumber] = arrival{packet: p, at: now}
			return true
		case len(have.packet.Payload) > 0:
			return false
		}
	}
	return false
}
