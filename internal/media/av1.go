package media

// AV1 OBU types (AV1 specification §6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuFrame             = 6
	obuTileList          = 8
)

// Bits of the aggregation header (RTP payload format for AV1 §4.4).
const (
	av1Continues   = 0x80 // Z: the first element continues one of the packet before
	av1Continued   = 0x40 // Y: the last element continues in the next packet
	av1NewSequence = 0x08 // N: a coded video sequence begins
)

// inspectAV1 reads an RTP payload. A packet with N begins with the sequence header, and a
// keyframe follows it in the same frame.
func inspectAV1(payload []byte) (c Content) {
	if len(payload) == 0 {
		return c
	}
	newSequence := payload[0]&av1NewSequence != 0
	forEachOBU(payload, func(kind byte, obu []byte, _ bool) {
		switch kind {
		case obuSequenceHeader:
			c.Width, c.Height = av1Size(obuPayload(obu))
			c.Sequence, c.Picture = c.Width > 0, c.Width > 0
		case obuFrame, obuFrameHeader:
			// show_existing_frame and frame_type are 0: a keyframe is coded here (§5.9.2).
			c.Keyframe = c.Keyframe || obuSpatialID(obu) == 0 && len(obuPayload(obu)) > 0 && obuPayload(obu)[0]&0xe0 == 0
		}
	})
	if newSequence && c.Width > 0 {
		return selfContained(true, c.Width, c.Height)
	}
	return c
}

// av1Size reads the largest size of a picture from a sequence header (AV1 §5.5.1); 0, 0 if it
// is damaged.
func av1Size(header []byte) (width, height int) {
	r := bitReader{data: header}
	r.bits(4) // seq_profile, still_picture
	if r.bits(1) == 1 {
		r.bits(5) // of a still picture: seq_level_idx
	} else {
		r.skipOperatingPoints()
	}
	widthBits, heightBits := int(r.bits(4))+1, int(r.bits(4))+1
	width, height = int(r.bits(widthBits))+1, int(r.bits(heightBits))+1
	if r.failed {
		return 0, 0
	}
	return width, height
}

// skipOperatingPoints skips timing_info and the operating points of a sequence header.
func (r *bitReader) skipOperatingPoints() {
	delayBits := 0      // none without a decoder model
	if r.bits(1) == 1 { // timing_info_present_flag
		r.bits(32)
		r.bits(32)
		if r.bits(1) == 1 {
			r.golomb()
		}
		if r.bits(1) == 1 { // decoder_model_info_present_flag
			delayBits = int(r.bits(5)) + 1
			r.bits(32)
			r.bits(10)
		}
	}
	hasDelay := r.bits(1) == 1
	for n := r.bits(5) + 1; n > 0 && !r.failed; n-- {
		r.bits(12)
		if r.bits(5) > 7 {
			r.bits(1) // seq_tier
		}
		if delayBits > 0 && r.bits(1) == 1 {
			r.bits(delayBits)
			r.bits(delayBits)
			r.bits(1)
		}
		if hasDelay && r.bits(1) == 1 {
			r.bits(4)
		}
	}
}

// forEachOBU calls f with the OBUs that begin in an RTP payload, and whether each ends there.
// After a wrong length, f is not called again.
func forEachOBU(payload []byte, f func(kind byte, obu []byte, whole bool)) {
	count, rest := int(payload[0]>>4&3), payload[1:]
	for i := 1; len(rest) > 0; i++ {
		element, last := rest, i == count
		if !last {
			n, size := leb128(rest)
			if size == 0 || n > len(rest)-size {
				return
			}
			element = rest[size : size+n]
			rest = rest[size:]
		}
		rest = rest[len(element):]
		if len(element) == 0 || i == 1 && payload[0]&av1Continues != 0 {
			continue
		}
		f(element[0]>>3&15, element, len(rest) > 0 || payload[0]&av1Continued == 0)
	}
}

// CountNoIgnoredOBU returns an RTP payload whose last element, if receivers must ignore it (§5), is
// not one of those that the header counts (W) but has a length, as all of an uncounted payload:
// Pion's depacketizer refuses the packet otherwise. Other payloads are returned as they are.
func CountNoIgnoredOBU(payload []byte) []byte {
	if len(payload) == 0 || payload[0]>>4&3 == 0 || payload[0]&av1Continued != 0 {
		return payload
	}
	at := 1
	for range payload[0]>>4&3 - 1 {
		n, size := leb128(payload[at:])
		if size == 0 || n > len(payload)-at-size {
			return payload
		}
		at += size + n
	}
	last := payload[at:]
	if len(last) == 0 || at == 1 && payload[0]&av1Continues != 0 {
		return payload
	}
	if kind := last[0] >> 3 & 15; kind != obuTemporalDelimiter && kind != obuTileList {
		return payload
	}
	uncounted := append([]byte{payload[0] &^ 0x30}, payload[1:at]...)
	n := len(last)
	for ; n >= 0x80; n >>= 7 {
		uncounted = append(uncounted, byte(n)|0x80)
	}
	return append(append(uncounted, byte(n)), last...)
}

// leb128 reads a length and the number of bytes that it takes, 0 if it is malformed.
func leb128(b []byte) (n, size int) {
	for i := 0; i < len(b) && i < 4; i++ {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, i + 1
		}
	}
	return 0, 0
}

// CountOBUs counts the OBUs of a temporal unit in which each has its size (AV1 §5.3.1); ok is
// false if it is damaged.
func CountOBUs(unit []byte) (count int, ok bool) {
	for ; len(unit) > 0; count++ {
		at := 1
		if unit[0]&4 != 0 {
			at++
		}
		if unit[0]&2 == 0 || at > len(unit) {
			return count, false
		}
		n, size := leb128(unit[at:])
		if size == 0 || n > len(unit)-at-size {
			return count, false
		}
		unit = unit[at+size+n:]
	}
	return count, true
}

// obuSpatialID is that of the OBU's extension header, 0 without one.
func obuSpatialID(obu []byte) byte {
	if obu[0]&4 == 0 || len(obu) < 2 {
		return 0
	}
	return obu[1] >> 3 & 3
}

// obuPayload is what follows the OBU's header and size.
func obuPayload(obu []byte) []byte {
	at := 1
	if obu[0]&4 != 0 {
		at++
	}
	if at < len(obu) && obu[0]&2 != 0 {
		_, size := leb128(obu[at:])
		at += size
	}
	return obu[min(at, len(obu)):]
}
