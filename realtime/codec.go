package realtime

import (
	"time"

	"rostrum/internal/media"
)

// A Codec is an audio or video codec. String is its name in SDP, Kind its medium, and
// ClockRate the ticks a second of its RTP timestamps.
type Codec = media.Codec

// The codecs of a stage: Opus for audio, H264 for video that everybody can decode. VP8, VP9
// and AV1 need a server and viewers that have them.
const (
	Opus = media.Opus
	H264 = media.H264
	VP8  = media.VP8
	VP9  = media.VP9
	AV1  = media.AV1
)

// Kind is Audio or Video.
type Kind = media.Kind

// The kinds of media.
const (
	Audio = media.Audio
	Video = media.Video
)

// A Sample is one encoded picture, or one packet of audio. H.264 is in Annex B form, a
// keyframe with its parameter sets; AV1 is a temporal unit of OBUs with sizes.
type Sample struct {
	Time     time.Duration // presentation time since the track began; it grows with each sample
	Duration time.Duration // 0 if unknown
	Keyframe bool          // true for all audio
	Data     []byte        // one frame as the codec has it: H.264 in Annex B, one packet of Opus
}

// Received is a complete sample that was received.
type Received struct {
	Sample
	Width, Height int       // of the picture in a keyframe, or in any frame of VP9, in pixels; 0 if unknown
	Arrived       time.Time // its last packet
	Timestamp     uint32    // of RTP, in ticks of the codec's clock
}
