package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A FrameKind is what a Frame contains.
type FrameKind int

// The kinds of frames.
const (
	VideoConfig FrameKind = iota // Units are the parameter sets, SPS first
	Video
	AudioConfig // Units is the AudioSpecificConfig (ISO 14496-3)
	Audio
)

// A Frame is a picture of H.264, a frame of AAC, or the configuration of either codec.
type Frame struct {
	Kind     FrameKind
	Decode   time.Duration // decoding time, since the stream began
	Present  time.Duration // presentation time
	Keyframe bool
	Units    [][]byte // NAL units of a picture; one for other kinds
}

var errCodec = errors.New("rtmp: only H.264 and AAC are supported")

const maxUnits = 1024 // of a picture

// parseVideo parses the body of a video message (FLV: VIDEODATA). ok is false for one
// without a frame.
func parseVideo(body []byte) (f Frame, shift time.Duration, ok bool, err error) {
	if len(body) < 5 {
		return f, 0, false, nil
	}
	kind, rest := body[1], body[2:]
	if body[0]&0x80 != 0 { // a FourCC (Enhanced RTMP: ExVideoTagHeader)
		kind, rest = body[0]&0x0f, body[5:]
		if kind == metadata {
			return f, 0, false, nil
		}
		if string(body[1:5]) != "avc1" {
			return f, 0, false, errCodec
		}
	} else if body[0]&0x0f != 7 {
		return f, 0, false, errCodec
	}
	f.Keyframe = body[0]>>4&7 == 1
	return f.parseVideoPacket(kind, body[0]&0x80 != 0, rest)
}

// Packet types of FLV and Enhanced RTMP; FLV has 0 and 1 alone.
const (
	sequenceStart = 0
	codedFrames   = 1
	codedFramesX  = 3 // without a composition time
	metadata      = 4
)

const compositionSize = 3 // bytes of a composition time

func (f Frame) parseVideoPacket(kind byte, enhanced bool, rest []byte) (_ Frame, shift time.Duration, ok bool, err error) {
	// FLV has the composition time in every message, Enhanced RTMP in those that need
	// it.
	if !enhanced || kind == codedFrames {
		if len(rest) < compositionSize {
			return f, 0, false, nil
		}
		shift = time.Duration(int32(uint32(rest[0])<<24|uint32(rest[1])<<16|uint32(rest[2])<<8)>>8) * time.Millisecond
		rest = rest[compositionSize:]
	}
	switch {
	case kind == sequenceStart:
		f.Kind, f.Keyframe, shift = VideoConfig, false, 0
		f.Units, err = parameterSets(rest)
	case kind == codedFrames, kind == codedFramesX && enhanced:
		f.Kind = Video
		f.Units, err = units(rest)
	default:
		return f, 0, false, nil
	}
	return f, shift, err == nil && len(f.Units) > 0, err
}

// parameterSets returns the first SPS and PPS of an AVCDecoderConfigurationRecord (ISO
// 14496-15 §5.3.3.1).
func parameterSets(b []byte) ([][]byte, error) {
	damaged := errors.New("rtmp: invalid configuration of H.264")
	if len(b) < 6 {
		return nil, damaged
	}
	if b[4]&3 != 3 {
		return nil, fmt.Errorf("rtmp: NAL unit lengths have %d bytes, must have 4", b[4]&3+1)
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
			return nil, errors.New("rtmp: invalid NAL unit length in a picture")
		}
		n := int(binary.BigEndian.Uint32(b))
		if n > 0 {
			all = append(all, b[4:4+n])
		}
		b = b[4+n:]
	}
	return all, nil
}

// parseAudio parses the body of an audio message (FLV: AUDIODATA).
func parseAudio(body []byte) (f Frame, ok bool, err error) {
	if len(body) < 3 {
		return f, false, nil
	}
	kind, rest := body[1], body[2:]
	switch body[0] >> 4 {
	case 10: // AAC
	case 9: // a FourCC (Enhanced RTMP: ExAudioTagHeader)
		if len(body) < 5 {
			return f, false, nil
		}
		kind, rest = body[0]&0x0f, body[5:]
		if string(body[1:5]) != "mp4a" {
			return f, false, errCodec
		}
	default:
		return f, false, errCodec
	}
	switch {
	case kind == sequenceStart:
		f.Kind = AudioConfig
	case kind == codedFrames:
		f.Kind = Audio
	default:
		return f, false, nil
	}
	f.Units = [][]byte{rest}
	return f, len(rest) > 0, nil
}
