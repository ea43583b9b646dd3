package sfu

import (
	"encoding/binary"

	"rostrum/internal/media"
)

// arrivals notes when transport-wide numbered packets came and writes the feedback with
// which the sender estimates its path (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//
// What was overtaken on the way may come after a report that it was missing. The next
// report then begins with it, and tells once more of those behind it: else a path that only
// mixes packets up would look like one that loses them.
type arrivals struct {
	times [arrivalWindow]int64 // arrival + 1 of the last numbers, 0 for none
	first uint64               // where the next report begins
	last  uint64
	any   bool
	count uint8
}

const arrivalWindow = 512 // packets in one feedback at most

// note takes the extension of one packet, nil if it had none.
func (a *arrivals) note(extension []byte, now int64) {
	if len(extension) < 2 {
		return
	}
	number := binary.BigEndian.Uint16(extension)
	if !a.any {
		a.any, a.first, a.last = true, uint64(number)|1<<16, uint64(number)|1<<16-1
	}
	n := media.Extend(a.last, number)
	switch {
	case n+arrivalWindow <= a.last:
		return // too old to be of use
	case n >= a.last+arrivalWindow: // a jump
		a.times, a.first, a.last = [arrivalWindow]int64{}, n, n
	default:
		for ; a.last < n; a.last++ {
			a.times[(a.last+1)%arrivalWindow] = 0 // of a number one window ago
		}
		a.first = max(min(a.first, n), a.last-min(a.last, arrivalWindow-1)) // we may be late with reports
	}
	a.times[n%arrivalWindow] = now + 1
}

const (
	deltaUnit     = 250e3 // ns
	referenceUnit = 64e6  // ns
)

// feedback appends one report of all that came since the last one, nothing if nothing came.
func (a *arrivals) feedback(b []byte, ssrc uint32) []byte {
	first := a.first
	for first <= a.last && a.times[first%arrivalWindow] == 0 {
		first++
	}
	if !a.any || first > a.last {
		return b[:0]
	}
	reference := (a.times[first%arrivalWindow] - 1) / referenceUnit
	b = append(b, 0x8f, 205, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint16(b, uint16(a.first))
	b = binary.BigEndian.AppendUint16(b, uint16(a.last-a.first+1))
	b = binary.BigEndian.AppendUint32(b, uint32(reference&0xffffff)<<8|uint32(a.count))
	a.count++

	var room [2 * arrivalWindow]byte
	deltas, before := room[:0], reference*referenceUnit
	for n := a.first; n <= a.last; n += perChunk {
		var chunk uint16
		chunk, deltas, before = a.chunk(n, deltas, before)
		b = binary.BigEndian.AppendUint16(b, chunk)
	}
	b = append(b, deltas...)
	if padding := -len(b) & 3; padding > 0 {
		b = append(b, 0, 0, 0)[:len(b)+padding]
		b[len(b)-1] = byte(padding)
		b[0] |= 0x20
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	a.first = a.last + 1
	return b
}

const perChunk = 7 // packets

// chunk tells of the packets from n on in a status vector of two-bit symbols, and appends when
// they came to deltas. before is when the last one before them came, as the receiver reckons
// it.
func (a *arrivals) chunk(n uint64, deltas []byte, before int64) (uint16, []byte, int64) {
	chunk := uint16(3) << 14
	for i := range uint64(perChunk) {
		if n+i > a.last {
			break
		}
		at := a.times[(n+i)%arrivalWindow]
		if at == 0 {
			continue
		}
		delta := (at - 1 - before) / deltaUnit
		before += delta * deltaUnit
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
