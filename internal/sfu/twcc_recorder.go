package sfu

import (
	"encoding/binary"
	"time"

	"rostrum/internal/media"
)

// arrivals notes when transport-wide numbered packets came and writes the feedback with
// which the sender estimates its path (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//
// What was overtaken on the way may come after a report that it was missing. The next
// report then begins with it, and tells once more of those behind it: else a path that only
// mixes packets up would look like one that loses them.
type twccRecorder struct {
	times       [twccWindow]time.Duration // arrival + 1 of the last numbers, 0 for none
	nextReport  uint64                    // where the next report begins
	last        uint64
	started     bool
	reportCount uint8
}

const twccWindow = 512 // packets in one feedback at most

// note takes the extension of one packet, nil if it had none.
func (a *twccRecorder) record(extension []byte, now time.Duration) {
	if len(extension) < 2 {
		return
	}
	number := binary.BigEndian.Uint16(extension)
	if !a.started {
		a.started, a.nextReport, a.last = true, uint64(number)|1<<16, uint64(number)|1<<16-1
	}
	n := media.Extend(a.last, number)
	switch {
	case n+twccWindow <= a.last:
		return // too old to be of use
	case n >= a.last+twccWindow: // a jump
		a.times, a.nextReport, a.last = [twccWindow]time.Duration{}, n, n
	default:
		for ; a.last < n; a.last++ {
			a.times[(a.last+1)%twccWindow] = 0 // of a number one window ago
		}
		a.nextReport = max(min(a.nextReport, n), a.last-min(a.last, twccWindow-1)) // we may be late with reports
	}
	a.times[n%twccWindow] = now + 1
}

const (
	twccDeltaUnit     = 250 * time.Microsecond // ns
	twccReferenceUnit = 64 * time.Millisecond  // ns
)

// feedback appends one report of all that came since the last one, nothing if nothing came.
func (a *twccRecorder) appendFeedback(b []byte, ssrc uint32) []byte {
	first := a.nextReport
	for first <= a.last && a.times[first%twccWindow] == 0 {
		first++
	}
	if !a.started || first > a.last {
		return b[:0]
	}
	reference := (a.times[first%twccWindow] - 1) / twccReferenceUnit
	b = append(b, 0x8f, 205, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint16(b, uint16(a.nextReport))
	b = binary.BigEndian.AppendUint16(b, uint16(a.last-a.nextReport+1))
	b = binary.BigEndian.AppendUint32(b, uint32(reference&0xffffff)<<8|uint32(a.reportCount))
	a.reportCount++

	var scratch [2 * twccWindow]byte
	deltas, before := scratch[:0], reference*twccReferenceUnit
	for n := a.nextReport; n <= a.last; n += twccChunkPackets {
		var chunk uint16
		chunk, deltas, before = a.encodeChunk(n, deltas, before)
		b = binary.BigEndian.AppendUint16(b, chunk)
	}
	b = append(b, deltas...)
	if padding := -len(b) & 3; padding > 0 {
		b = append(b, 0, 0, 0)[:len(b)+padding]
		b[len(b)-1] = byte(padding)
		b[0] |= 0x20
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	a.nextReport = a.last + 1
	return b
}

const twccChunkPackets = 7 // packets

// chunk tells of the packets from n on in a status vector of two-bit symbols, and appends when
// they came to deltas. before is when the last one before them came, as the receiver reckons
// it.
func (a *twccRecorder) encodeChunk(n uint64, deltas []byte, before time.Duration) (uint16, []byte, time.Duration) {
	chunk := uint16(3) << 14
	for i := range uint64(twccChunkPackets) {
		if n+i > a.last {
			break
		}
		at := a.times[(n+i)%twccWindow]
		if at == 0 {
			continue
		}
		delta := (at - 1 - before) / twccDeltaUnit
		before += delta * twccDeltaUnit
		if delta >= 0 && delta < 256 {
			chunk |= 1 << (12 - 2*i)
			deltas = append(deltas, byte(delta))
		} else {
			chunk |= 2 << (12 - 2*i)
			deltas = binary.BigEndian.AppendUint16(deltas, uint16(int16(min(max(delta, -32768), 32767))))
		}
	}
	return chunk, deltas, before
}
