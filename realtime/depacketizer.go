package realtime

import (
	"time"

	"github.com/pion/rtp"
)

// A Depacketizer makes samples from the packets of one track. It reorders them, and omits what
// cannot be decoded. It is for one goroutine.
type Depacketizer struct {
	order    reorder
	assemble *assembler
}

// NewDepacketizer returns a Depacketizer of a codec.
func NewDepacketizer(c Codec) *Depacketizer {
	return &Depacketizer{assemble: newAssembler(c)}
}

// Push takes a packet that arrived at a time. It returns the samples that it completes, and
// whether nothing can be decoded before the next keyframe.
func (d *Depacketizer) Push(p *rtp.Packet, at time.Time) (samples []Received, needKeyframe bool) {
	needKeyframe = d.assemble.needKeyframe
	for _, a := range d.order.push(p, at) {
		f, complete, need := d.assemble.add(a)
		if needKeyframe = need; complete {
			samples = append(samples, f)
		}
	}
	return samples, needKeyframe
}
