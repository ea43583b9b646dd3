package media

// DetectKeyframe reports whether an RTP payload has the start of a keyframe, and the size
// of the picture where the payload has it (0, 0 where not). It allocates only for an H.264
// parameter set.
func DetectKeyframe(c Codec, payload []byte) (keyframe bool, width, height int) {
	switch c {
	case H264:
		begins, sps := h264Keyframe(payload)
		if sps != nil {
			if w, h, ok := spsSize(sps); ok {
				return begins, w, h
			}
		}
		return begins, 0, 0
	case VP8:
		return vp8Keyframe(payload)
	case VP9:
		return vp9Keyframe(payload), 0, 0
	case AV1:
		// AV1 RTP §4.4: N, a new coded video sequence starts with this packet.
		return len(payload) > 0 && payload[0]&0x08 != 0, 0, 0
	}
	return false, 0, 0
}

// IsKeyframeStart reports whether a payload that DetectKeyframe accepts is the first one of
// its keyframe. An H.264 slice may not be: parameter sets may come before it.
func IsKeyframeStart(c Codec, payload []byte) bool { return c != H264 || h264HasSPS(payload) }

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
