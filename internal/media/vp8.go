package media

// VP8Descriptor is the part of a VP8 payload descriptor (RFC 7741 §4.2) that is rewritten
// when a stream switches between layers of different encoders.
type VP8Descriptor struct {
	Start      bool   // first packet of the picture's first partition
	Picture    uint16 // picture id, 7 or 15 bits
	LongID     bool   // the picture id has 15 bits
	TL0        uint8
	HasPicture bool
	HasTL0     bool
	PictureAt  int // offset of the picture id in the payload
	TL0At      int // offset of TL0PICIDX
	Length     int // of the descriptor
}

// ParseVP8 reads the payload descriptor; ok is false when the payload is too short.
func ParseVP8(p []byte) (d VP8Descriptor, ok bool) {
	if len(p) < 2 {
		return d, false
	}
	d.Start = p[0]&0x10 != 0 && p[0]&0x07 == 0
	d.Length = 1
	if p[0]&0x80 == 0 {
		return d, true
	}
	flags := p[1]
	d.Length = 2
	if flags&0x80 != 0 {
		if len(p) < d.Length+2 {
			return d, false
		}
		d.HasPicture, d.PictureAt = true, d.Length
		if d.LongID = p[d.Length]&0x80 != 0; d.LongID {
			d.Picture = uint16(p[d.Length]&0x7f)<<8 | uint16(p[d.Length+1])
			d.Length++
		} else {
			d.Picture = uint16(p[d.Length])
		}
		d.Length++
	}
	if flags&0x40 != 0 {
		if len(p) <= d.Length {
			return d, false
		}
		d.HasTL0, d.TL0At, d.TL0 = true, d.Length, p[d.Length]
		d.Length++
	}
	if flags&0x30 != 0 {
		d.Length++ // TID, Y, KEYIDX
	}
	return d, d.Length < len(p)
}

// Renumber adds to picture id and TL0PICIDX in place. p must be a private copy of the
// payload that d was read from.
func (d VP8Descriptor) Renumber(p []byte, picture uint16, tl0 uint8) {
	if d.HasPicture {
		id := d.Picture + picture
		if d.LongID {
			p[d.PictureAt], p[d.PictureAt+1] = 0x80|byte(id>>8)&0x7f, byte(id)
		} else {
			p[d.PictureAt] = byte(id) & 0x7f
		}
	}
	if d.HasTL0 {
		p[d.TL0At] = d.TL0 + tl0
	}
}

// vp8Keyframe reports whether p begins a key frame, and its size (RFC 6386 §9.1).
func vp8Keyframe(p []byte) (begins bool, width, height int) {
	d, ok := ParseVP8(p)
	if !ok || !d.Start || p[d.Length]&1 != 0 {
		return false, 0, 0
	}
	if f := p[d.Length:]; len(f) >= 10 && f[3] == 0x9d && f[4] == 0x01 && f[5] == 0x2a {
		width = int(f[6]) | int(f[7]&0x3f)<<8
		height = int(f[8]) | int(f[9]&0x3f)<<8
	}
	return true, width, height
}
