package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"

	"rostrum/internal/hls"
	"rostrum/internal/media"
)

var errNoFormat = errors.New("a keyframe that does not say how to decode it")

// videoTrack describes the video that begins with a keyframe.
func videoTrack(c media.Codec, keyframe []byte) (hls.Track, error) {
	switch c {
	case media.H264:
		sps, pps := hls.ParameterSets(media.SplitAnnexB(keyframe))
		if sps == nil || pps == nil {
			return hls.Track{}, errNoFormat
		}
		return hls.H264(sps, pps...)
	case media.VP9:
		return hls.VP9(keyframe)
	case media.AV1:
		return hls.AV1(keyframe)
	}
	return hls.Track{}, errNoFormat
}

// temporalDelimiter begins each temporal unit of AV1, except in MP4 (AV1 in ISOBMFF §2.4).
var temporalDelimiter = []byte{0x12, 0x00}

// videoSample is the form that a picture has in a segment. It may use the picture's memory.
func videoSample(c media.Codec, picture []byte) []byte {
	switch c {
	case media.H264:
		units := media.SplitAnnexB(picture)
		if writeSizes(picture, units) {
			return picture
		}
		return hls.AVC(units)
	case media.AV1:
		return bytes.TrimPrefix(picture, temporalDelimiter)
	}
	return picture
}

// writeSizes replaces each start code by the size of its unit, if all start codes have as many
// bytes as a size, and nothing else is between units.
func writeSizes(picture []byte, units [][]byte) bool {
	at := 0
	for _, u := range units {
		if !bytes.HasPrefix(picture[at:], startCode) || at+4+len(u) > len(picture) {
			return false
		}
		at += 4 + len(u)
	}
	if at != len(picture) {
		return false
	}
	for _, u := range units {
		binary.BigEndian.PutUint32(picture, uint32(len(u)))
		picture = picture[4+len(u):]
	}
	return true
}

var startCode = []byte{0, 0, 0, 1}
