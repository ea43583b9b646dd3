package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"rostrum/internal/media"
)

// FourCCs of Enhanced RTMP.
const (
	avc  = "avc1"
	vp9  = "vp09"
	av1  = "av01"
	aac  = "mp4a"
	opus = "Opus"
)

// videoCodecs are those of video that can be passed on.
var videoCodecs = map[string]media.Codec{avc: media.H264, vp9: media.VP9, av1: media.AV1}

// fourCC is the name of a codec of video.
func fourCC(c media.Codec) string {
	for name, codec := range videoCodecs {
		if codec == c {
			return name
		}
	}
	return ""
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

// Forms of messages with tracks.
const (
	oneTrack = iota
	manyTracks
	manyTracksManyCodecs
)

const maxTracks = 16 // of a message

// Flags of capsEx, and of codecs, in connect.
const (
	canMultitrack = 1 << 1
	canModifiers  = 1 << 2

	canDecode  = 1 << 0
	canForward = 1 << 2
)

// An enhancedTrack is the part of a message that belongs to one track.
type enhancedTrack struct {
	kind  byte
	codec string // FourCC
	id    int
	body  []byte
}

// parseEnhanced parses a body of Enhanced RTMP: modifiers, the packet type, codecs and tracks.
// parse is called for each track; it returns false for one without media.
func parseEnhanced(body []byte, multitrack byte, parse func(enhancedTrack) (packet, bool)) (all []packet) {
	tracks, err := splitTracks(body, multitrack)
	if err != nil {
		return []packet{{err: err}}
	}
	for _, t := range tracks {
		if p, ok := parse(t); ok {
			p.Track = t.id
			all = append(all, p)
		}
	}
	return all
}

// splitTracks returns the tracks of a body, one for a body without. There is none in one
// without media.
func splitTracks(body []byte, multitrack byte) ([]enhancedTrack, error) {
	kind, rest := skipModifiers(body)
	form := -1
	if kind == multitrack && len(rest) > 0 {
		form, kind, rest = int(rest[0]>>4), rest[0]&0x0f, rest[1:]
	}
	if kind == metadata || kind == multitrack {
		return nil, nil
	}
	if form > manyTracksManyCodecs {
		return nil, fmt.Errorf("rtmp: unknown form %d of a message with tracks", form)
	}
	t := enhancedTrack{kind: kind}
	if form != manyTracksManyCodecs {
		if len(rest) < 4 {
			return nil, nil
		}
		t.codec, rest = string(rest[:4]), rest[4:]
	}
	switch {
	case form < 0:
		t.body = rest
		return []enhancedTrack{t}, nil
	case form == oneTrack && len(rest) > 0:
		t.id, t.body = int(rest[0]), rest[1:]
		return []enhancedTrack{t}, nil
	case form == oneTrack:
		return nil, nil
	}
	return t.splitMany(rest, form == manyTracksManyCodecs)
}

// splitMany splits the parts of several tracks: a codec where they differ, the id, the length
// and the body. t has what they have in common.
func (t enhancedTrack) splitMany(rest []byte, hasCodecs bool) (all []enhancedTrack, err error) {
	damaged := errors.New("rtmp: invalid length of a track")
	for len(rest) > 0 {
		if len(all) == maxTracks {
			return nil, fmt.Errorf("rtmp: more than %d tracks in a message", maxTracks)
		}
		if hasCodecs {
			if len(rest) < 4 {
				return nil, damaged
			}
			t.codec, rest = string(rest[:4]), rest[4:]
		}
		if len(rest) < 4 {
			return nil, damaged
		}
		t.id = int(rest[0])
		size := int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
		if rest = rest[4:]; size > len(rest) {
			return nil, damaged
		}
		t.body, rest = rest[:size], rest[size:]
		all = append(all, t)
	}
	return all, nil
}

// skipModifiers returns the packet type after modifiers (ModEx: a size, data, the modifier's
// type with the next packet type). They are metadata if they are truncated.
func skipModifiers(body []byte) (kind byte, rest []byte) {
	kind, rest = body[0]&0x0f, body[1:]
	for kind == modifiers {
		if len(rest) < 1 {
			return metadata, nil
		}
		size := int(rest[0]) + 1
		if rest = rest[1:]; size == 256 && len(rest) >= 2 {
			size, rest = int(binary.BigEndian.Uint16(rest))+1, rest[2:]
		}
		if len(rest) < size+1 {
			return metadata, nil
		}
		kind, rest = rest[size]&0x0f, rest[size+1:]
	}
	return kind, rest
}
