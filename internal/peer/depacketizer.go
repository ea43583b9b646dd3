package peer

import (
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
)

// A Depacketizer makes frames from the packets of one track. It reorders them, and omits what
// cannot be decoded. It is for one goroutine.
type Depacketizer struct {
	order    reorder
	assemble *assembler
}

// NewDepacketizer returns a Depacketizer of a codec.
func NewDepacketizer(c media.Codec) *Depacketizer {
	return &Depacketizer{assemble: newAssembler(c)}
}

// Push takes a packet that arrived at a time. It returns the frames that it completes, and
// whether nothing can be decoded before the next keyframe.
func (d *Depacketizer) Push(p media.Packet, at time.Time) (frames []Received, needKeyframe bool) {
	packet := &rtp.Packet{
		Header:  rtp.Header{SequenceNumber: uint16(p.Sequence), Timestamp: p.Timestamp, Marker: p.Marker},
		Payload: p.Payload,
	}
	needKeyframe = d.assemble.needKeyframe
	for _, a := range d.order.push(packet, at) {
		f, complete, need := d.assemble.add(a)
		if needKeyframe = need; complete {
			frames = append(frames, f)
		}
	}
	return frames, needKeyframe
}
