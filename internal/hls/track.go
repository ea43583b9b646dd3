package hls

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// A Track is one medium of a stream: its codec and clock rate.
type Track struct {
	Rate          int    // ticks a second
	Name          string // of the codec, as in a playlist's CODECS (RFC 6381)
	Width, Height int    // of video, pixels

	codec     codecs.Codec
	frameRate float64 // of video, as the parameter set says; 0 where it does not
}

// Video reports whether the track is video.
func (t Track) Video() bool { return t.codec.IsVideo() }

// H264 returns a track of H.264 with parameter sets and a clock of 90 kHz.
func H264(sps, pps []byte) (Track, error) {
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return Track{}, fmt.Errorf("read parameter set: %w", err)
	}
	return Track{
		Rate: 90_000, Name: fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3]),
		Width: s.Width(), Height: s.Height(), codec: &codecs.H264{SPS: sps, PPS: pps}, frameRate: s.FPS(),
	}, nil
}

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

// Opus returns a track of Opus with a clock of 48 kHz.
func Opus(channels int) Track {
	return Track{Rate: 48_000, Name: "opus", codec: &codecs.Opus{ChannelCount: channels}}
}

// ParameterSets returns those of H.264 among the NAL units of a picture; nil where there
// are none.
func ParameterSets(units [][]byte) (sps, pps []byte) {
	for _, u := range units {
		if len(u) < 4 {
			continue
		}
		switch h264.NALUType(u[0] & 0x1f) {
		case h264.NALUTypeSPS:
			sps = u
		case h264.NALUTypePPS:
			pps = u
		}
	}
	return sps, pps
}
