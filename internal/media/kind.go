// Package media has the types of media that all packages share: kinds, codecs, RTP
// packets, and what their payloads say about keyframes.
package media

import "strings"

// Kind is audio or video.
type Kind uint8

const (
	Audio Kind = iota
	Video
)

func (k Kind) String() string {
	if k == Audio {
		return "audio"
	}
	return "video"
}

// Codec is an audio or video codec. The zero value is no codec.
type Codec uint8

const (
	NoCodec Codec = iota
	Opus
	H264
	VP8
	VP9
	AV1
)

var codecNames = [...]string{"", "opus", "H264", "VP8", "VP9", "AV1"}

// String is the codec's encoding name in SDP (RFC 8866 §6.6), "" for NoCodec.
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return ""
}

// CodecNamed returns the codec with an SDP encoding name, in any case.
func CodecNamed(name string) (Codec, bool) {
	for i, n := range codecNames {
		if i > 0 && strings.EqualFold(n, name) {
			return Codec(i), true
		}
	}
	return NoCodec, false
}

// Kind is Audio for Opus and Video for all others.
func (c Codec) Kind() Kind {
	if c == Opus {
		return Audio
	}
	return Video
}

// ClockRate is the RTP clock in ticks a second.
func (c Codec) ClockRate() uint32 {
	if c == Opus {
		return 48000
	}
	return 90000
}
