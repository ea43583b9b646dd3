package container

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"rostrum/internal/media"
)

// Size is the size of the picture in a keyframe; 0, 0 where it has none.
func Size(c media.Codec, keyframe []byte) (width, height int) {
	switch c {
	case media.H264:
		if sps, _ := parameterSets(keyframe); sps != nil {
			width, height, _ = h264Size(sps)
		}
	case media.VP8:
		if b := keyframe; len(b) >= 10 && b[0]&1 == 0 { // RFC 6386 §9.1
			width, height = int(b[6])|int(b[7]&0x3F)<<8, int(b[8])|int(b[9]&0x3F)<<8
		}
	case media.VP9:
		width, height = media.VP9Size(keyframe)
	case media.AV1:
		var units av1.Bitstream
		var h av1.SequenceHeader
		if units.Unmarshal(keyframe) != nil {
			return 0, 0
		}
		for _, u := range units {
			if len(u) > 0 && u[0]>>3&15 == 1 && h.Unmarshal(u) == nil {
				width, height = h.Width(), h.Height()
			}
		}
	}
	return width, height
}
