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

// Errors of streams that are not supported.
var (
	ErrVideoCodec = errors.New("only H.264 and AAC are supported")
	ErrAudioCodec = errors.New("only H.264 and AAC are supported")
	errMultitrack = errors.New("streams of several video or audio tracks are not supported")
)

// FourCCs of Enhanced RTMP.
const (
	avc = "avc1"
	aac = "mp4a"
)

const maxUnits = 1024 // of a picture

// parseVideo parses the body of a video message (FLV: VIDEODATA). ok is false for one
// without a frame.
func parseVideo(body []byte) (f Frame, shift time.Duration, ok bool, err error) {
	if len(body) == 0 {
		return f, 0, false, nil
	}
	enhanced := body[0]&0x80 != 0
	var kind byte
	var rest []byte
	switch {
	case enhanced: // a FourCC (Enhanced RTMP: ExVideoTagHeader)
		kind, rest, ok, err = parseEnhanced(body, avc, multitrackVideo)
		if !ok || err != nil {
			return f, 0, false, err
		}
	case body[0]&0x0f != 7:
		return f, 0, false, fmt.Errorf("%w, not FLV's video codec %d", ErrVideoCodec, body[0]&0x0f)
	case len(body) < 5:
		return f, 0, false, nil
	default:
		kind, rest = body[1], body[2:]
	}
	f.Keyframe = body[0]>>4&7 == 1
	return f.parseVideoPacket(kind, enhanced, rest)
}

// Packet types of FLV and Enhanced RTMP; FLV has 0 and 1 alone.
const (
	sequenceStart = 0
	codedFrames   = 1
	codedFramesX  = 3 // without a composition time
	metadata      = 4 // of video, or the channels of audio
	modifiers     = 7

	multitrackVideo = 6
	multitrackAudio = 5
)

// parseEnhanced parses the header of a body of Enhanced RTMP: modifiers, the packet type,
// the codec and the track. ok is false for a packet without media.
func parseEnhanced(body []byte, codec string, multitrack byte) (kind byte, rest []byte, ok bool, err error) {
	kind, rest = body[0]&0x0f, body[1:]
	for kind == modifiers { // ModEx: its size, its data, its type with the next packet type
		if len(rest) < 1 {
			return 0, nil, false, nil
		}
		size := int(rest[0]) + 1
		if rest = rest[1:]; size == 256 && len(rest) >= 2 {
			size, rest = int(binary.BigEndian.Uint16(rest))+1, rest[2:]
		}
		if len(rest) < size+1 {
			return 0, nil, false, nil
		}
		kind, rest = rest[size]&0x0f, rest[size+1:]
	}
	tracks := kind == multitrack
	if tracks {
		if len(rest) < 1 || rest[0]>>4 != 0 { // one of several tracks, or none
			return 0, nil, false, errMultitrack
		}
		kind, rest = rest[0]&0x0f, rest[1:]
	}
	if kind == metadata || len(rest) < 4 {
		return 0, nil, false, nil
	}
	if name := string(rest[:4]); name != codec {
		err := ErrVideoCodec
		if codec == aac {
			err = ErrAudioCodec
		}
		return 0, nil, false, fmt.Errorf("%w, not %q", err, name)
	}
	if rest = rest[4:]; tracks {
		if len(rest) < 1 || rest[0] != 0 { // not the first track
			return 0, nil, false, errMultitrack
		}
		rest = rest[1:]
	}
	return kind, rest, true, nil
}

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

// parseAudio parses the body of an audio message (FLV: AUDIODATA). ok is false for one
// without a frame.
func parseAudio(body []byte) (f Frame, ok bool, err error) {
	if len(body) < 2 {
		return f, false, nil
	}
	kind, rest := body[1], body[2:]
	switch codec := body[0] >> 4; codec {
	case 10: // AAC
	case 9: // a FourCC (Enhanced RTMP: ExAudioTagHeader)
		if kind, rest, ok, err = parseEnhanced(body, aac, multitrackAudio); !ok || err != nil {
			return f, false, err
		}
	default:
		return f, false, fmt.Errorf("%w, not FLV's audio codec %d", ErrAudioCodec, codec)
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
