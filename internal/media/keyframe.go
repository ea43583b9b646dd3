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
	// Width and Height that a keyframe states, or a frame of VP9 that is none; 0 otherwise.
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
		return inspectVP9(payload)
	}
	return Content{}
}

// selfContained is the Content of a codec whose keyframes need nothing before them.
func selfContained(keyframe bool, width, height int) Content {
	return Content{keyframe, keyframe, keyframe, keyframe, width, height}
}

// inspectVP9 reads a payload with the begin of a frame. The base layer of a picture that is not
// predicted from another one is a keyframe; frames of further layers may state larger sizes.
func inspectVP9(payload []byte) (c Content) {
	frame, spatial := vp9Frame(payload)
	if frame == nil {
		return c
	}
	keyframe, width, height := vp9CodedSize(frame)
	if keyframe && spatial == 0 && payload[0]&vp9Predicted == 0 {
		return selfContained(true, width, height)
	}
	return Content{Width: width, Height: height}
}

// vp9Frame returns the frame that begins in a payload, without the payload descriptor
// (RFC 9628 §4.2), and its spatial layer; nil if none begins.
func vp9Frame(p []byte) (frame []byte, spatial int) {
	if len(p) < 2 || p[0]&vp9Begins == 0 {
		return nil, 0
	}
	at := 1
	if p[0]&vp9HasPictureID != 0 {
		if p[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if p[0]&vp9HasLayers != 0 && at < len(p) {
		spatial = int(p[at] >> 1 & 7)
		at++
		if p[0]&vp9Flexible == 0 {
			at++ // TL0PICIDX
		}
	}
	if p[0]&vp9Flexible != 0 && p[0]&vp9Predicted != 0 {
		for more := true; more && at < len(p); at++ {
			more = p[at]&1 != 0
		}
	}
	if p[0]&vp9HasStructure != 0 {
		at += vp9StructureSize(p[min(at, len(p)):])
	}
	if at >= len(p) {
		return nil, 0
	}
	return p[at:], spatial
}

// vp9StructureSize is the length of the scalability structure (RFC 9628 §4.2.1).
func vp9StructureSize(p []byte) int {
	const hasSizes, hasGroup = 0x10, 0x08
	if len(p) == 0 {
		return 0
	}
	at := 1
	if p[0]&hasSizes != 0 {
		at += 4 * (int(p[0]>>5) + 1)
	}
	if p[0]&hasGroup != 0 && at < len(p) {
		pictures := int(p[at])
		for at++; pictures > 0 && at < len(p); pictures-- {
			at += 1 + int(p[at]>>2&3) // with the pictures that it refers to
		}
	}
	return at
}
