package testpattern

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter writes an H.264 raw byte sequence payload, most significant bit first.
type bitWriter struct {
	buf  []byte
	acc  uint64 // the bits that are not in buf yet, lowest first
	held uint   // their number, below 8 between calls
}

// put writes the n lowest bits of v; n is at most 32.
func (w *bitWriter) put(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	for w.held += n; w.held >= 8; w.held -= 8 {
		w.buf = append(w.buf, byte(w.acc>>(w.held-8)))
	}
}

func (w *bitWriter) flag(v bool) {
	if v {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
}

// ue writes an unsigned Exp-Golomb code (H.264 §9.1).
func (w *bitWriter) ue(v uint32) {
	n := uint(bits.Len32(v + 1))
	w.put(0, n-1)
	w.put(v+1, n)
}

// se writes a signed Exp-Golomb code (H.264 §9.1.1).
func (w *bitWriter) se(v int) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
	} else {
		w.ue(uint32(-2 * v))
	}
}

// align fills the current byte with zeros.
func (w *bitWriter) align() {
	if w.held > 0 {
		w.put(0, 8-w.held)
	}
}

// length is how many bits were written.
func (w *bitWriter) length() uint { return 8*uint(len(w.buf)) + w.held }

// bits writes the first n bits of data.
func (w *bitWriter) bits(data []byte, n uint) {
	for ; n >= 32; n -= 32 {
		w.put(binary.BigEndian.Uint32(data), 32)
		data = data[4:]
	}
	for ; n >= 8; n -= 8 {
		w.put(uint32(data[0]), 8)
		data = data[1:]
	}
	if n > 0 {
		w.put(uint32(data[0]>>(8-n)), n)
	}
}

// trailing ends the payload: a one, then zeros to the end of the byte (H.264 §7.3.2.11).
func (w *bitWriter) trailing() {
	w.put(1, 1)
	w.align()
}

func (w *bitWriter) reset() { w.buf, w.acc, w.held = w.buf[:0], 0, 0 }

// appendNAL appends a NAL unit in Annex B form: start code, header, and rbsp with
// emulation prevention (H.264 §7.4.1).
func appendNAL(dst []byte, header byte, rbsp []byte) []byte {
	dst = append(dst, 0, 0, 0, 1, header)
	zeros := 0
	for _, b := range rbsp {
		if zeros == 2 && b <= 3 {
			dst = append(dst, 3)
			zeros = 0
		}
		dst = append(dst, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return dst
}
