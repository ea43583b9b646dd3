package hls

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/media"
)

// A Track is one medium of a stream: its codec and clock rate.
type Track struct {
	Rate          int    // ticks a second
	Name          string // of the codec, as in a playlist's CODECS (RFC 6381)
	Width, Height int    // of video, pixels

	codec     codecs.Codec
	morePPS   [][]byte // of H.264, beside the one in codec
	level     uint8    // of VP9
	preSkip   int      // of Opus: samples before the first that is presented
	frameRate float64  // of video, as the parameter set says; 0 where it does not
}

// Video reports whether the track is video.
func (t Track) Video() bool { return t.codec.IsVideo() }

// maxPPS is how many an avcC can have (ISO 14496-15 §5.3.3.1).
const maxPPS = 255

// H264 returns a track of H.264 with parameter sets and a clock of 90 kHz.
func H264(sps []byte, pps ...[]byte) (Track, error) {
	if len(pps) == 0 || len(pps) > maxPPS {
		return Track{}, fmt.Errorf("read parameter sets: there are %d PPS, must be 1 to %d", len(pps), maxPPS)
	}
	for _, p := range pps {
		if len(p) > math.MaxUint16 {
			return Track{}, fmt.Errorf("read parameter sets: a PPS has %d bytes", len(p))
		}
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Track{}, fmt.Errorf("read parameter set: %w", err)
	}
	return Track{
		Rate: 90_000, Name: fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3]),
		Width: s.Width(), Height: s.Height(), codec: &codecs.H264{SPS: sps, PPS: pps[0]}, morePPS: pps[1:], frameRate: s.FPS(),
	}, nil
}

// VP9 returns a track of the VP9 that begins with a keyframe, with a clock of 90 kHz.
func VP9(keyframe []byte) (Track, error) {
	var h vp9.Header
	if err := h.Unmarshal(keyframe); err != nil {
		return Track{}, fmt.Errorf("read VP9 keyframe: %w", err)
	}
	if h.NonKeyFrame || h.ColorConfig == nil || h.FrameSize == nil {
		return Track{}, errors.New("read VP9 keyframe: it is none")
	}
	c := h.ColorConfig
	chroma := uint8(3) // 4:4:4
	switch {
	case c.SubsamplingX && c.SubsamplingY:
		chroma = 1 // 4:2:0, colocated
	case c.SubsamplingX:
		chroma = 2 // 4:2:2
	}
	width, height := h.Width(), h.Height()
	if w, h := media.VP9Size(keyframe); w > 0 { // of the highest layer
		width, height = w, h
	}
	level := vp9Level(width, height)
	return Track{
		Rate: 90_000, Name: fmt.Sprintf("vp09.%02d.%d.%02d", h.Profile, level, c.BitDepth), Width: width, Height: height, level: level,
		codec: &codecs.VP9{Width: width, Height: height, Profile: h.Profile, BitDepth: c.BitDepth, ChromaSubsampling: chroma, ColorRange: c.ColorRange},
	}, nil
}

// vp9Level is the lowest level that has pictures of a size 60 times a second (VP9 levels and
// their limits of the WebM project), ten times its number.
func vp9Level(width, height int) uint8 {
	size := width * height
	for _, l := range []struct {
		level      uint8
		size, rate int
	}{
		{10, 36864, 829440}, {11, 73728, 2764800}, {20, 122880, 4608000}, {21, 245760, 9216000}, {30, 552960, 20736000},
		{31, 983040, 36864000}, {40, 2228224, 83558400}, {41, 2228224, 160432128}, {50, 8912896, 311951360}, {51, 8912896, 588251136},
	} {
		if size <= l.size && 60*size <= l.rate {
			return l.level
		}
	}
	return 62
}

// AV1 returns a track of the AV1 that begins with a temporal unit, with a clock of 90 kHz.
func AV1(keyframe []byte) (Track, error) {
	var units av1.Bitstream
	if err := units.Unmarshal(keyframe); err != nil {
		return Track{}, fmt.Errorf("read AV1 keyframe: %w", err)
	}
	for _, u := range units {
		if len(u) == 0 || av1.OBUType(u[0]>>3&15) != av1.OBUTypeSequenceHeader {
			continue
		}
		var h av1.SequenceHeader
		if err := h.Unmarshal(u); err != nil {
			return Track{}, fmt.Errorf("read AV1 sequence header: %w", err)
		}
		if len(h.SeqLevelIdx) == 0 || len(h.SeqTier) == 0 {
			return Track{}, errors.New("read AV1 sequence header: no level")
		}
		tier := 'M'
		if h.SeqTier[0] {
			tier = 'H'
		}
		return Track{
			Rate: 90_000, Name: fmt.Sprintf("av01.%d.%02d%c.%02d", h.SeqProfile, h.SeqLevelIdx[0], tier, h.ColorConfig.BitDepth),
			Width: h.Width(), Height: h.Height(), codec: &codecs.AV1{SequenceHeader: slices.Clone(u)},
		}, nil
	}
	return Track{}, errors.New("read AV1 keyframe: no sequence header")
}

// Equal reports whether a decoder of one of the tracks decodes the other, too.
func (t Track) Equal(o Track) bool { return reflect.DeepEqual(t, o) }

// AAC returns a track of AAC with an AudioSpecificConfig (ISO 14496-3). Its clock has the
// sample rate.
func AAC(config []byte) (Track, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(config); err != nil {
		return Track{}, fmt.Errorf("read AAC configuration: %w", err)
	}
	kind := c.Type
	if c.ExtensionType != 0 { // HE-AAC: the core's type is not what a player has to support
		kind = c.ExtensionType
	}
	return Track{Rate: c.SampleRate, Name: fmt.Sprintf("mp4a.40.%d", kind), codec: &codecs.MPEG4Audio{Config: c}}, nil
}

// Opus returns a track of Opus with a clock of 48 kHz. An edit list removes what an encoder puts
// before its input, so that audio is where it was captured.
func Opus(channels int) Track {
	return Track{Rate: 48_000, Name: "opus", preSkip: OpusPreSkip, codec: &codecs.Opus{ChannelCount: channels}}
}

// ParameterSets returns those of H.264 among the NAL units of a picture, the last SPS and the last PPS of
// each id; nil where there are none.
func ParameterSets(units [][]byte) (sps []byte, pps [][]byte) {
	var list ppsList
	for _, u := range units {
		if len(u) < 4 {
			continue
		}
		switch h264.NALUType(u[0] & 0x1f) {
		case h264.NALUTypeSPS:
			sps = u
		case h264.NALUTypePPS:
			list.put(u)
		}
	}
	return sps, list.all
}
