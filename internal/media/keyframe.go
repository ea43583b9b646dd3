package media

// Content says what an RTP payload has of a keyframe.
type Content struct {
	// Keyframe: the first slice or tile of a keyframe begins in the payload.
	Keyframe bool
	// Begins: the payload is certainly the first of its frame. Without it, it may be.
	Begins bool
	// Sequence and Picture: the payload has a parameter set of that kind. A keyframe of a
	// codec without separate parameter sets has both.
	Sequence, Picture bool
	// Width and Height of the picture, where a keyframe itself has them; 0 otherwise.
	Width, Height int
}

// HasSets reports whether a decoder finds all parameter sets in the payload.
func (c Content) HasSets() bool { return c.Sequence && c.Picture }

// Inspect reads an RTP payload. It allocates nothing.
func Inspect(c Codec, payload []byte) Content {
	switch c {
	case H264:
		return inspectH264(payload)
	case AV1:
		return inspectAV1(payload)
	case VP8:
		keyframe, width, height := vp8Keyframe(payload)
		return selfContained(keyframe, width, height)
	case VP9:
		return selfContained(vp9Keyframe(payload), 0, 0)
	}
	return Content{}
}

// selfContained is the Content of a codec whose keyframes need nothing before them.
func selfContained(keyframe bool, width, height int) Content {
	return Content{keyframe, keyframe, keyframe, keyframe, width, height}
}

// vp9Keyframe reads the payload descriptor (RFC 9628 §4.2): not inter-predicted, beginning
// of a frame, and of the base spatial layer.
func vp9Keyframe(p []byte) bool {
	if len(p) < 2 || p[0]&0x40 != 0 || p[0]&0x08 == 0 {
		return false
	}
	at := 1
	if p[0]&0x80 != 0 { // I: picture id
		if p[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if p[0]&0x20 != 0 { // L: layer indices
		return at < len(p) && p[at]>>1&7 == 0
	}
	return true
}
