package realtime

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// redPayloadType is that of redundant audio (RFC 2198) in offers.
const redPayloadType = 63

// redCapability is the entry of redundant Opus in an offer to receive.
func redCapability() webrtc.RTPCodecParameters {
	opus := capabilities(media.Opus)[0].PayloadType
	return webrtc.RTPCodecParameters{PayloadType: redPayloadType, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: "audio/red", ClockRate: media.Opus.ClockRate(), Channels: 2, SDPFmtpLine: fmt.Sprintf("%d/%d", opus, opus),
	}}
}

// decodeRED reduces a packet of redundant audio to its newest block, and inserts earlier
// blocks where packets are missing. It reports whether the payload is valid.
func (t *RemoteTrack) decodeRED(p *rtp.Packet, now time.Time) bool {
	var storage [8]media.REDBlock
	blocks, ok := media.DecodeRED(p.Payload, storage[:0])
	if !ok {
		return false
	}
	newest := len(blocks) - 1
	p.Payload = blocks[newest].Data
	for i, b := range blocks[:newest] {
		earlier := &rtp.Packet{Header: p.Header, Payload: b.Data}
		earlier.SequenceNumber -= uint16(newest - i)
		earlier.Timestamp -= b.TimestampOffset
		if len(b.Data) > 0 && t.order.recover(earlier, now) {
			t.stats.Recovered++
		}
	}
	return true
}
