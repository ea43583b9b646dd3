package realtime

import (
	"bytes"
	"errors"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"rostrum/internal/container"
	"rostrum/internal/media"
)

const (
	// maxKeptFrame is the largest frame whose memory is kept for the next.
	maxKeptFrame = 1 << 20

	// maxFrame is the size of the packets of one frame. A longer one is as lost.
	maxFrame = 8 << 20
)

var errFrameTooLong = errors.New("a frame is too long")

// An assembler makes frames from packets that are in order. It is for one goroutine.
type assembler struct {
	codec        media.Codec
	unpack       rtp.Depacketizer // nil for H.264
	units        h264Units
	open         bool // a frame is incomplete
	frame        Received
	data         []byte // of the frame; reused by the next
	size         int    // of its packets
	layers       []int  // where those of VP9 begin in data
	vp9          media.VP9Stream
	damaged      bool // a part of the frame is missing
	needKeyframe bool // a frame was lost: nothing can be decoded before a keyframe

	started bool
	elapsed int64 // of the frame, in ticks since the first
	last    uint32
}

func newAssembler(c media.Codec) *assembler {
	a := &assembler{codec: c, needKeyframe: c.Kind() == media.Video}
	a.reset()
	return a
}

// reset discards what the depacketizer has of a damaged frame.
func (a *assembler) reset() {
	switch a.codec {
	case media.H264:
		a.units = h264Units{}
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

// add takes the next packet. It returns the frame that it completes, and whether the
// decoder now needs a keyframe.
func (a *assembler) add(p arrival) (f Received, complete, needKeyframe bool) {
	if len(p.packet.Payload) == 0 {
		if p.lost > 0 {
			a.damage()
		}
		return f, false, a.needKeyframe // only padding, as sent to probe the path
	}
	if a.open && (p.lost > 0 || p.packet.Timestamp != a.frame.Timestamp) {
		a.damage() // its end is missing
	}
	if p.packet.Timestamp != a.frame.Timestamp {
		a.open = false
	}
	if !a.open {
		a.begin(p)
	}
	if media.Inspect(a.codec, p.packet.Payload).Keyframe {
		a.frame.Keyframe = true
	}
	if !a.damaged {
		if err := a.append(p.packet.Payload); err != nil {
			a.damage()
		}
	}
	if a.codec.Kind() == media.Video && !p.packet.Marker {
		return f, false, a.needKeyframe
	}
	return a.end(p)
}

// append appends what a packet has of the frame.
func (a *assembler) append(payload []byte) (err error) {
	if a.size += len(payload); a.size > maxFrame {
		return errFrameTooLong
	}
	if a.codec == media.H264 {
		a.data, err = a.units.appendTo(a.data, payload)
		return err
	}
	if a.codec == media.VP9 {
		a.reset() // Pion's appends to the lists of the packet before
	}
	if a.codec == media.AV1 {
		payload = media.CountNoIgnoredOBU(payload)
	}
	data, err := a.unpack.Unmarshal(payload)
	if v, ok := a.unpack.(*codecs.VP9Packet); ok && v.B {
		a.layers = append(a.layers, len(a.data))
	}
	a.data = append(a.data, data...)
	return err
}

func (a *assembler) begin(p arrival) {
	first := !a.started
	if first {
		a.started, a.last = true, p.packet.Timestamp
	}
	a.elapsed += int64(int32(p.packet.Timestamp - a.last))
	a.last = p.packet.Timestamp
	a.open, a.damaged, a.layers, a.size = true, false, a.layers[:0], 0
	a.frame = Received{Timestamp: p.packet.Timestamp}
	if a.data = a.data[:0]; cap(a.data) > maxKeptFrame {
		a.data = nil
	}
	rate := int64(a.codec.ClockRate())
	a.frame.Time = time.Duration(a.elapsed/rate)*time.Second + time.Duration(a.elapsed%rate)*time.Second/time.Duration(rate)
	if a.codec == media.AV1 {
		a.reset()                           // no OBU continues in the next frame
		a.data = append(a.data, 0x12, 0x00) // temporal delimiter, which RTP omits
	}
	if first || p.lost > 0 {
		// Frames may be missing that later ones refer to.
		a.damaged = !a.isHead(p.packet.Payload)
		a.needKeyframe = a.codec.Kind() == media.Video
	}
}

// isHead reports whether a packet is the first one of its frame. In H.264 only what begins a
// keyframe shows that.
func (a *assembler) isHead(payload []byte) bool {
	if a.codec == media.H264 {
		return media.Inspect(a.codec, payload).Begins
	}
	return a.unpack.IsPartitionHead(payload)
}

func (a *assembler) damage() {
	a.damaged = true
	a.needKeyframe = a.codec.Kind() == media.Video
	a.reset()
}

func (a *assembler) end(p arrival) (f Received, complete, needKeyframe bool) {
	a.open = false
	a.frame.Arrived = p.at
	if a.codec.Kind() == media.Audio {
		a.frame.Keyframe = true
	}
	if a.units.incomplete {
		a.damage()
	}
	if a.codec == media.VP9 && !a.damaged {
		a.joinLayers()
	}
	if a.damaged || len(a.data) == 0 {
		return f, false, a.needKeyframe
	}
	a.frame.Data = bytes.Clone(a.data)
	if a.frame.Keyframe {
		a.needKeyframe = false
		a.frame.Width, a.frame.Height = container.Size(a.codec, a.frame.Data)
	}
	return a.frame, !a.needKeyframe, a.needKeyframe
}

// joinLayers makes one frame of the spatial layers of VP9, which shows the last.
func (a *assembler) joinLayers() {
	layers := make([][]byte, 0, len(a.layers))
	for i, begin := range a.layers {
		end := len(a.data)
		if i+1 < len(a.layers) {
			end = a.layers[i+1]
		}
		layers = append(layers, a.data[begin:end:end])
	}
	joined, err := a.vp9.Join(layers)
	if err != nil {
		a.damage()
		return
	}
	a.data = joined
	a.frame.Width, a.frame.Height = a.vp9.Width, a.vp9.Height
}
