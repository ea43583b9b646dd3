package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A FrameKind tells what a Frame is.
type FrameKind int

// The kinds of frames.
const (
	VideoConfig FrameKind = iota // Units are the parameter sets, SPS first
	Video
	AudioConfig // Units is the AudioSpecificConfig (ISO 14496-3)
	Audio
)

// A Frame is what a publisher sends: a picture of H.264, a frame of AAC, or how
// they are coded.
type Frame struct {
	Kind     FrameKind
	Decode   time.Duration // when it is decoded, since the stream began
	Present  time.Duration // when it is shown
	Keyframe bool
	Units    [][]byte // NAL units of a picture; else one
}

var errCodec = errors.New("rtmp: channels take H.264 and AAC, and no other codecs")

const maxUnits = 1024 // of a picture

// parseVideo reads the body of a video message (FLV: VIDEODATA); false for one
// that carries nothing.
func parseVideo(body []byte) (f Frame, shift time.Duration, ok bool, err error) {
	if len(body) < 5 {
		return f, 0, false, nil
	}
	if body[0]&0x80 != 0 || body[0]&0x0f != 7 {
		return f, 0, false, errCodec
	}
	rest := body[5:]
	switch body[1] {
	case 0:
		f.Kind = VideoConfig
		f.Units, err = parameterSets(rest)
	case 1:
		f.Kind, f.Keyframe = Video, body[0]>>4 == 1
		composition := int32(uint32(body[2])<<24|uint32(body[3])<<16|uint32(body[4])<<8) >> 8
		shift = time.Duration(composition) * time.Millisecond
		f.Units, err = units(rest)
	default:
		return f, 0, false, nil
	}
	return f, shift, err == nil && len(f.Units) > 0, err
}

// parameterSets reads an AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1):
// the first SPS and the first PPS.
func parameterSets(b []byte) ([][]byte, error) {
	damaged := errors.New("rtmp: the configuration of H.264 is damaged")
	if len(b) < 6 {
		return nil, damaged
	}
	if b[4]&3 != 3 {
		return nil, fmt.Errorf("rtmp: the lengths of NAL units have %d bytes, want 4", b[4]&3+1)
	}
	b = b[5:]
	var sets [][]byte
	for _, mask := range []byte{0x1f, 0xff} {
		if len(b) < 1 || b[0]&mask == 0 {
			return nil, damaged
		}
		count := int(b[0] & mask)
		b = b[1:]
		for i := range count {
			if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
				return nil, damaged
			}
			n := int(binary.BigEndian.Uint16(b))
			if i == 0 {
				if n < 4 {
					return nil, damaged
				}
				sets = append(sets, b[2:2+n])
			}
			b = b[2+n:]
		}
	}
	return sets, nil
}

// units splits a picture into its NAL units.
func units(b []byte) (all [][]byte, err error) {
	for len(b) > 0 {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.BigEndian.Uint32(b)) || len(all) == maxUnits {
			return nil, errors.New("rtmp: a picture is damaged")
		}
		n := int(binary.BigEndian.Uint32(b))
		if n > 0 {
			all = append(all, b[4:4+n])
		}
		b = b[4+n:]
	}
	return all, nil
}

// parseAudio reads the body of an audio message (FLV: AUDIODATA).
func parseAudio(body []byte) (f Frame, ok bool, err error) {
	if len(body) < 3 {
		return f, false, nil
	}
	if body[0]>>4 != 10 {
		return f, false, errCodec
	}
	f.Kind, f.Units = Audio, [][]byte{body[2:]}
	if body[1] == 0 {
		f.Kind = AudioConfig
	}
	return f, true, nil
}
