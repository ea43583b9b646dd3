package media

// H.264 NAL unit types that matter to forwarding (ITU-T H.264 table 7-1, RFC 6184 §5.2).
const (
	nalIDR    = 5
	nalSPS    = 7
	nalPPS    = 8
	nalAUD    = 9
	nalFiller = 12
	nalSTAPA  = 24
	nalFUA    = 28
)

// inspectH264 reads an RTP payload (RFC 6184, packetization mode 0 or 1).
func inspectH264(payload []byte) (c Content) {
	first := true
	forEachUnit(payload, func(kind byte, unit []byte) {
		switch kind {
		case nalIDR:
			// first_mb_in_slice is 0: other slices of the picture follow this one.
			c.Keyframe = c.Keyframe || len(unit) > 1 && unit[1]&0x80 != 0
		case nalSPS:
			c.Sequence = true
		case nalPPS:
			c.Picture = true
		}
		c.Begins = c.Begins || first && (kind == nalAUD || kind == nalSPS)
		first = false
	})
	return c
}

// forEachUnit calls f with the NAL units of an RTP payload. Of a fragmented unit it is the
// first fragment, from the FU header on: the byte in place of the unit's header is another.
// After a wrong length, f is not called again.
func forEachUnit(payload []byte, f func(kind byte, unit []byte)) {
	if len(payload) < 2 {
		return
	}
	switch kind := payload[0] & 0x1f; kind {
	case nalFUA:
		if payload[1]&0x80 != 0 {
			f(payload[1]&0x1f, payload[1:])
		}
	case nalSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			n := int(rest[0])<<8 | int(rest[1])
			if n == 0 || n > len(rest)-2 {
				return
			}
			f(rest[2]&0x1f, rest[2:2+n])
			rest = rest[2+n:]
		}
	default:
		f(kind, payload)
	}
}

// spsSize reads the picture size from a sequence parameter set (ITU-T H.264 §7.3.2.1.1).
// ok is false when the set is damaged or its size out of range.
func spsSize(nal []byte) (width, height int, ok bool) {
	if len(nal) < 5 {
		return 0, 0, false
	}
	r := bitReader{data: unescape(nal[1:])}
	profile := r.bits(8)
	r.bits(16) // constraint flags, level
	r.golomb() // seq_parameter_set_id
	chroma := uint32(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma = r.chromaFormat()
	}
	r.golomb() // log2_max_frame_num
	r.skipOrderCount()
	r.golomb() // max_num_ref_frames
	r.bits(1)
	w, h := r.golomb()+1, r.golomb()+1
	frameOnly := r.bits(1)
	if frameOnly == 0 {
		r.bits(1)
	}
	r.bits(1)
	width, height = int(w)*16, int(h)*16*int(2-frameOnly)
	if r.bits(1) == 1 {
		cropX, cropY := 2, 2*int(2-frameOnly)
		switch chroma {
		case 0, 3:
			cropX, cropY = 1, int(2-frameOnly)
		case 2:
			cropY = int(2 - frameOnly)
		}
		left, right, top, bottom := int(r.golomb()), int(r.golomb()), int(r.golomb()), int(r.golomb())
		width -= cropX * (left + right)
		height -= cropY * (top + bottom)
	}
	ok = !r.failed && w <= 1024 && h <= 1024 && width > 0 && height > 0
	return width, height, ok
}

// chromaFormat reads what high profiles have before log2_max_frame_num.
func (r *bitReader) chromaFormat() (format uint32) {
	if format = r.golomb(); format == 3 {
		r.bits(1)
	}
	r.golomb()
	r.golomb()
	r.bits(1)
	if r.bits(1) == 1 {
		r.skipScaling(format)
	}
	return format
}

// skipOrderCount skips the picture order count.
func (r *bitReader) skipOrderCount() {
	switch r.golomb() {
	case 0:
		r.golomb()
	case 1:
		r.bits(1)
		r.golomb()
		r.golomb()
		n := r.golomb()
		for i := uint32(0); i < n && !r.failed; i++ {
			r.golomb()
		}
	}
}

// unescape removes emulation prevention bytes (ITU-T H.264 §7.4.1).
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, v := range b {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, v)
	}
	return out
}

// bitReader reads most significant bits first. Past the end it returns zeros and fails.
type bitReader struct {
	data   []byte
	at     int // in bits
	failed bool
}

func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for ; n > 0; n-- {
		if r.at >= len(r.data)*8 {
			r.failed = true
			return 0
		}
		v = v<<1 | uint32(r.data[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

// golomb reads an unsigned Exp-Golomb code (ITU-T H.264 §9.1).
func (r *bitReader) golomb() uint32 {
	zeros := 0
	for r.bits(1) == 0 {
		if zeros++; zeros > 31 || r.failed {
			r.failed = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// skipScaling skips the scaling matrices (ITU-T H.264 §7.3.2.1.1.1).
func (r *bitReader) skipScaling(chroma uint32) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.bits(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for j := 0; j < size && !r.failed; j++ {
			if next != 0 {
				code := r.golomb()
				delta := int32(code+1) / 2
				if code%2 == 0 {
					delta = -delta
				}
				next = (last + delta + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
}
