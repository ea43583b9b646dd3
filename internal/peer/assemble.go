package peer

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"rostrum/internal/container"
	"rostrum/internal/media"
)

// Received is a frame that arrived whole.
type Received struct {
	container.Frame
	Width, Height int       // of a keyframe's picture, 0 if it doesn't say
	Arrived       time.Time // its last packet
	Timestamp     uint32    // of RTP
}

// assembler makes frames out of packets in order. It is for one goroutine.
type assembler struct {
	codec   media.Codec
	unpack  rtp.Depacketizer
	open    bool // a frame has begun
	frame   Received
	damaged bool // a part of the frame in hand is missing
	adrift  bool // a frame was lost: until a keyframe nothing can be decoded

	started bool
	elapsed int64 // of the frame in hand, in ticks since the first
	last    uint32
}

func newAssembler(c media.Codec) *assembler {
	a := &assembler{codec: c, adrift: c.Kind() == media.Video}
	a.reset()
	return a
}

// reset forgets what the depacketizer has of a broken frame.
func (a *assembler) reset() {
	switch a.codec {
	case media.H264:
		a.unpack = &codecs.H264Packet{}
	case media.VP8:
		a.unpack = &codecs.VP8Packet{}
	case media.VP9:
		a.unpack = &codecs.VP9Packet{}
	case media.AV1:
		a.unpack = &codecs.AV1Depacketizer{}
	default:
		a.unpack = &codecs.OpusPacket{}
	}
}

// add takes the next packet. It returns the frame that is complete with it, and
// whether the decoder now needs a keyframe to go on.
func (a *assembler) add(p arrival) (f Received, whole, adrift bool) {
	if len(p.packet.Payload) == 0 {
		if p.lost > 0 {
			a.damage()
		}
		return f, false, a.adrift // padding alone, as sent to probe the path
	}
	if a.open && (p.lost > 0 || p.packet.Timestamp != a.frame.Timestamp) {
		a.damage() // its end never came
	}
	if p.packet.Timestamp != a.frame.Timestamp {
		a.open = false
	}
	if !a.open {
		a.begin(p)
	}
	if keyframe, _, _ := media.DetectKeyframe(a.codec, p.packet.Payload); keyframe {
		a.frame.Keyframe = true
	}
	data, err := a.unpack.Unmarshal(p.packet.Payload)
	if err != nil {
		a.damage()
	}
	a.frame.Data = append(a.frame.Data, data...)
	if a.codec.Kind() == media.Video && !p.packet.Marker {
		return f, false, a.adrift
	}
	return a.end(p)
}

func (a *assembler) begin(p arrival) {
	first := !a.started
	if first {
		a.started, a.last = true, p.packet.Timestamp
	}
	a.elapsed += int64(int32(p.packet.Timestamp - a.last))
	a.last = p.packet.Timestamp
	a.open, a.damaged = true, false
	a.frame = Received{Timestamp: p.packet.Timestamp}
	rate := int64(a.codec.ClockRate())
	a.frame.Time = time.Duration(a.elapsed/rate)*time.Second + time.Duration(a.elapsed%rate)*time.Second/time.Duration(rate)
	if a.codec == media.AV1 {
		a.frame.Data = []byte{0x12, 0x00} // temporal delimiter, which RTP leaves out
	}
	if first || p.lost > 0 {
		// Whole frames may be missing, too, which those to come build on.
		a.damaged = !a.isHead(p.packet.Payload)
		a.adrift = a.codec.Kind() == media.Video
	}
}

// isHead tells whether nothing of a frame came before its packet. In H.264 that
// shows only in a parameter set, with which a keyframe begins: before it no other
// frame helps.
func (a *assembler) isHead(payload []byte) bool {
	if a.codec == media.H264 {
		_, width, _ := media.DetectKeyframe(a.codec, payload)
		return width > 0
	}
	return a.unpack.IsPartitionHead(payload)
}

func (a *assembler) damage() {
	a.damaged = true
	a.adrift = a.codec.Kind() == media.Video
	a.reset()
}

func (a *assembler) end(p arrival) (f Received, whole, adrift bool) {
	a.open = false
	a.frame.Arrived = p.at
	if a.codec.Kind() == media.Audio {
		a.frame.Keyframe = true
	}
	if a.damaged || len(a.frame.Data) == 0 {
		return f, false, a.adrift
	}
	if a.frame.Keyframe {
		a.adrift = false
		a.frame.Width, a.frame.Height = container.Size(a.codec, a.frame.Data)
	}
	return a.frame, !a.adrift, a.adrift
}
