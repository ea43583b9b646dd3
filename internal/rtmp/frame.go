package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"rostrum/internal/media"
)

// A FrameKind is what a Frame contains.
type FrameKind int

// The kinds of frames.
const (
	VideoConfig FrameKind = iota // Units are an SPS, and one PPS or more; or a configuration record (of AV1: AV1 in ISOBMFF §2.3)
	Video
	AudioConfig // Units is the AudioSpecificConfig of AAC (ISO 14496-3)
	Audio       // of AAC
	OpusConfig  // Units is the identification header (RFC 7845 §5.1)
	Opus        // Units is one packet
)

// A Frame is a picture of video, a frame of AAC, a packet of Opus, or the configuration of a
// codec.
type Frame struct {
	Kind     FrameKind
	Codec    media.Codec   // of video that is not H.264
	Track    int           // its id in Enhanced RTMP, 0 without
	Decode   time.Duration // decoding time, since the stream began
	Present  time.Duration // presentation time
	Keyframe bool
	Units    [][]byte // NAL units of a picture; one for other kinds and codecs
}

// Errors of streams that are not supported.
var (
	ErrVideoCodec = errors.New("only H.264 video is supported")
	ErrAudioCodec = errors.New("only AAC and Opus audio are supported")
)

// A packet is a frame in a message, or the error in its place.
type packet struct {
	Frame
	shift time.Duration // from decoding to presentation
	err   error
}

const maxUnits = 1024 // of a picture

// parseVideo parses the body of a video message (FLV: VIDEODATA).
func parseVideo(body []byte) []packet {
	const commandFrame = 5 // such as the begin of a seek
	if len(body) == 0 || body[0]>>4&7 == commandFrame {
		return nil
	}
	if body[0]&0x80 != 0 { // a FourCC (Enhanced RTMP: ExVideoTagHeader)
		return parseEnhanced(body, multitrackVideo, func(t enhancedTrack) (packet, bool) {
			switch codec, known := videoCodecs[t.codec]; {
			case !known:
				return packet{err: fmt.Errorf("%w, not %q", ErrVideoCodec, t.codec)}, true
			case codec == media.H264:
				return parsePicture(body[0], t.kind, t.body, true)
			default:
				return parseOther(codec, body[0], t)
			}
		})
	}
	if codec := body[0] & 0x0f; codec != 7 {
		return []packet{{err: fmt.Errorf("%w, not FLV's video codec %d", ErrVideoCodec, codec)}}
	}
	if len(body) < 5 {
		return nil
	}
	if p, ok := parsePicture(body[0], body[1], body[2:], false); ok {
		return []packet{p}
	}
	return nil
}

const compositionSize = 3 // bytes of a composition time

// parsePicture parses what follows the header of a video message: FLV has the composition time
// in every message, Enhanced RTMP in those that need it. ok is false for what has no frame.
func parsePicture(first, kind byte, rest []byte, enhanced bool) (p packet, ok bool) {
	if !enhanced || kind == codedFrames {
		if len(rest) < compositionSize {
			return p, false
		}
		p.shift = time.Duration(int32(uint32(rest[0])<<24|uint32(rest[1])<<16|uint32(rest[2])<<8)>>8) * time.Millisecond
		rest = rest[compositionSize:]
	}
	switch {
	case kind == sequenceStart:
		p.Kind, p.shift = VideoConfig, 0
		p.Units, p.err = parameterSets(rest)
	case kind == codedFrames, kind == codedFramesX && enhanced:
		p.Kind, p.Keyframe = Video, first>>4&7 == 1
		p.Units, p.err = units(rest)
	}
	return p, p.err != nil || len(p.Units) > 0
}

// parseOther parses a picture or configuration of a codec whose pictures are never reordered, so
// that its messages have no composition time.
func parseOther(codec media.Codec, first byte, t enhancedTrack) (p packet, ok bool) {
	p.Codec, p.Units = codec, [][]byte{t.body}
	switch t.kind {
	case sequenceStart:
		p.Kind = VideoConfig
	case codedFrames, codedFramesX:
		p.Kind, p.Keyframe = Video, first>>4&7 == 1
		if codec == media.AV1 {
			if n, ok := media.CountOBUs(t.body); !ok || n > maxUnits {
				p.err = errors.New("rtmp: invalid picture of AV1") // each may become a packet
			}
		}
	default:
		return p, false
	}
	return p, len(t.body) > 0
}

const (
	// maxSetsSize bounds a configuration, for its parameter sets are repeated at keyframes.
	maxSetsSize = 4096
	minSetSize  = 4
)

// parameterSets returns the first SPS and all PPS of an AVCDecoderConfigurationRecord (ISO
// 14496-15 §5.3.3.1). Pictures may refer to any of these.
func parameterSets(b []byte) ([][]byte, error) {
	damaged := errors.New("rtmp: invalid configuration of H.264")
	if len(b) < 6 {
		return nil, damaged
	}
	if b[4]&3 != 3 {
		return nil, fmt.Errorf("rtmp: NAL unit lengths have %d bytes, must have 4", b[4]&3+1)
	}
	if len(b) > maxSetsSize {
		return nil, fmt.Errorf("rtmp: a configuration of H.264 has %d bytes, the limit is %d", len(b), maxSetsSize)
	}
	sps, b, ok := readSets(b[5:], 0x1f)
	pps, _, okPPS := readSets(b, 0xff)
	if !ok || !okPPS {
		return nil, damaged
	}
	return append(sps[:1], pps...), nil
}

// readSets reads the sets of one kind, whose number is in the bits of the mask. rest is what
// follows. ok is false for none, and for damaged ones.
func readSets(b []byte, mask byte) (sets [][]byte, rest []byte, ok bool) {
	if len(b) < 1 || b[0]&mask == 0 {
		return nil, nil, false
	}
	count := int(b[0] & mask)
	b = b[1:]
	for range count {
		if len(b) < 2 {
			return nil, nil, false
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) {
			return nil, nil, false
		}
		if n >= minSetSize {
			sets = append(sets, b[:n:n])
		}
		b = b[n:]
	}
	return sets, b, len(sets) > 0
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
func parseAudio(body []byte) []packet {
	if len(body) < 2 {
		return nil
	}
	track := enhancedTrack{kind: body[1], codec: aac, body: body[2:]}
	switch codec := body[0] >> 4; codec {
	case 10: // AAC
	case 9: // a FourCC (Enhanced RTMP: ExAudioTagHeader)
		return parseEnhanced(body, multitrackAudio, parseSound)
	default:
		return []packet{{err: fmt.Errorf("%w, not FLV's audio codec %d", ErrAudioCodec, codec)}}
	}
	if p, ok := parseSound(track); ok {
		return []packet{p}
	}
	return nil
}

// parseSound parses what follows the header of an audio message. ok is false for what has no
// frame.
func parseSound(t enhancedTrack) (p packet, ok bool) {
	config, frame := AudioConfig, Audio
	switch t.codec {
	case aac:
	case opus:
		config, frame = OpusConfig, Opus
	default:
		return packet{err: fmt.Errorf("%w, not %q", ErrAudioCodec, t.codec)}, true
	}
	switch t.kind {
	case sequenceStart:
		p.Kind = config
	case codedFrames:
		p.Kind = frame
	default:
		return p, false
	}
	p.Units = [][]byte{t.body}
	return p, len(t.body) > 0
}
