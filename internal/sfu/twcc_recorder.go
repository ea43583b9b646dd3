package sfu

import (
	"encoding/binary"
	"time"

	"rostrum/internal/media"
)

// twccRecorder records when packets with transport-wide sequence numbers arrived, and writes
// the feedback from which the sender estimates its path
// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//
// A reordered packet may arrive after a report that it was missing. The next report then
// starts at that packet and repeats those after it. Otherwise a path that only reorders
// packets would look like one that loses them.
type twccRecorder struct {
	started     bool
	times       [twccWindow]time.Duration // arrival + 1 of the latest numbers, 0 for none
	nextReport  uint64                    // number at which the next report starts
	last        uint64
	reportCount uint8
}

const (
	twccWindow        = 512 // packets in one report at most
	twccChunkPackets  = 7
	twccDeltaUnit     = 250 * time.Microsecond
	twccReferenceUnit = 64 * time.Millisecond
)

// record takes the header extension of one packet, nil if it had none.
func (r *twccRecorder) record(extension []byte, now time.Duration) {
	if len(extension) < 2 {
		return
	}
	number := binary.BigEndian.Uint16(extension)
	if !r.started {
		r.started, r.nextReport, r.last = true, uint64(number)|1<<16, uint64(number)|1<<16-1
	}
	n := media.Extend(r.last, number)
	switch {
	case n+twccWindow <= r.last:
		return // too old to be of use
	case n >= r.last+twccWindow: // a jump
		r.times, r.nextReport, r.last = [twccWindow]time.Duration{}, n, n
	default:
		for ; r.last < n; r.last++ {
			r.times[(r.last+1)%twccWindow] = 0 // of a number one window ago
		}
		r.nextReport = max(min(r.nextReport, n), r.last-min(r.last, twccWindow-1)) // the last report may be long ago
	}
	r.times[n%twccWindow] = now + 1
}

// appendFeedback appends one report on all that arrived since the last one, nothing if
// nothing arrived.
func (r *twccRecorder) appendFeedback(b []byte, ssrc uint32) []byte {
	first := r.nextReport
	for first <= r.last && r.times[first%twccWindow] == 0 {
		first++
	}
	if !r.started || first > r.last {
		return b[:0]
	}
	reference := (r.times[first%twccWindow] - 1) / twccReferenceUnit
	b = append(b, 0x8f, 205, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint16(b, uint16(r.nextReport))
	b = binary.BigEndian.AppendUint16(b, uint16(r.last-r.nextReport+1))
	b = binary.BigEndian.AppendUint32(b, uint32(reference&0xffffff)<<8|uint32(r.reportCount))
	r.reportCount++

	var scratch [2 * twccWindow]byte
	deltas, previous := scratch[:0], reference*twccReferenceUnit
	for n := r.nextReport; n <= r.last; n += twccChunkPackets {
		var chunk uint16
		chunk, deltas, previous = r.encodeChunk(n, deltas, previous)
		b = binary.BigEndian.AppendUint16(b, chunk)
	}
	b = append(b, deltas...)
	if padding := -len(b) & 3; padding > 0 {
		b = append(b, 0, 0, 0)[:len(b)+padding]
		b[len(b)-1] = byte(padding)
		b[0] |= 0x20
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	r.nextReport = r.last + 1
	return b
}

// encodeChunk encodes the packets from n on as a status vector chunk of two-bit symbols, and
// appends their arrival times to deltas. previous is the arrival time of the packet before
// them, as the receiver of the report computes it.
func (r *twccRecorder) encodeChunk(n uint64, deltas []byte, previous time.Duration) (uint16, []byte, time.Duration) {
	chunk := uint16(3) << 14
	for i := range uint64(twccChunkPackets) {
		if n+i > r.last {
			break
		}
		at := r.times[(n+i)%twccWindow]
		if at == 0 {
			continue
		}
		delta := (at - 1 - previous) / twccDeltaUnit
		previous += delta * twccDeltaUnit
		if delta >= 0 && delta < 256 {
			chunk |= 1 << (12 - 2*i)
			deltas = append(deltas, byte(delta))
		} else {
			chunk |= 2 << (12 - 2*i)
			deltas = binary.BigEndian.AppendUint16(deltas, uint16(int16(min(max(delta, -32768), 32767))))
		}
	}
	return chunk, deltas, previous
}
