package ingest

import (
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rostrum/internal/media"
	"rostrum/internal/rtmp"
	"rostrum/internal/sfu"
	"rostrum/ivsrealtime"
)

// videoLabels are those of the layers, for the tracks of an encoder in the order in which they
// begin. Encoders with one track have the first layer alone.
var videoLabels = []string{"hi", "mid", "low"}

const (
	// longGroup is the keyframe interval above which the operator is told: a viewer that
	// joins begins with the last keyframe and is behind by as much.
	longGroup = 2*time.Second + 100*time.Millisecond

	// maxReorder is how far presentation times go back where pictures are reordered. What
	// goes back farther began anew.
	maxReorder = 4 * time.Second
)

// videoTracks are the tracks of video, in the order of their layers.
type videoTracks []*videoTrack

// A videoTrack becomes one layer.
type videoTrack struct {
	id, layer    int
	codec        media.Codec // NoCodec for H.264
	sets         [][]byte    // SPS and PPS, or what else the configuration has; nil before it
	started      bool        // with a keyframe
	lastPresent  time.Duration
	lastKeyframe time.Duration
}

// track returns the track with an id, a new one for a new id. It is nil for one too many.
func (v *videoTracks) track(id int, codec media.Codec) *videoTrack {
	for _, t := range *v {
		if t.id == id {
			return t
		}
	}
	if len(*v) == len(videoLabels) {
		return nil
	}
	t := &videoTrack{id: id, layer: len(*v), codec: codec}
	*v = append(*v, t)
	return t
}

func (v videoTracks) started() bool {
	for _, t := range v {
		if t.started {
			return true
		}
	}
	return false
}

func (p *publication) configureVideo(f rtmp.Frame) error {
	if err := checkVideoConfig(f); err != nil {
		return err
	}
	if err := p.chooseCodec(f.Codec); err != nil {
		return err
	}
	t := p.video.track(f.Track, f.Codec)
	if t == nil {
		p.log.Warn("an encoder sends more tracks of video than there are layers: this one is left out", "who", p.stream.Who(), "track", f.Track, "layers", len(videoLabels))
		return nil
	}
	t.sets = f.Units
	return nil
}

// checkVideoConfig refuses a configuration that viewers could not begin with.
func checkVideoConfig(f rtmp.Frame) error {
	switch f.Codec {
	case media.AV1:
		if !hasSequenceHeader(av1Units(f.Units[0])) {
			return fail(ivsrealtime.ErrorInvalidInput, "the AV1 configuration has no sequence header")
		}
	case media.NoCodec:
		var format h264.SPS
		if len(f.Units) < 2 || format.Unmarshal(f.Units[0]) != nil {
			return fail(ivsrealtime.ErrorInvalidInput, "the H.264 configuration is malformed")
		}
	}
	return nil
}

// chooseCodec sets the codec of the stream with its first message of video. All have the same.
func (p *publication) chooseCodec(c media.Codec) error {
	switch {
	case len(p.video) > 0 && p.video[0].codec != c:
		return fail(ivsrealtime.ErrorInvalidVideoCodec, "the video changes its codec, or its tracks have several: set one for all")
	case len(p.video) > 0 || c == media.NoCodec:
		return nil
	}
	return p.stream.SetVideoCodec(c)
}

// av1Units is the part of a configuration record with OBUs (AV1 in ISOBMFF §2.3.3).
func av1Units(record []byte) []byte {
	const header = 4
	return record[min(header, len(record)):]
}

// hasSequenceHeader reports whether there is one among OBUs with sizes (AV1 §5.3).
func hasSequenceHeader(units []byte) bool {
	var all av1.Bitstream
	return all.Unmarshal(units) == nil && slices.ContainsFunc(all, func(u []byte) bool {
		return len(u) > 0 && av1.OBUType(u[0]>>3&15) == av1.OBUTypeSequenceHeader
	})
}

func (p *publication) writeVideo(f rtmp.Frame) error {
	if err := p.chooseCodec(f.Codec); err != nil {
		return err
	}
	t := p.video.track(f.Track, f.Codec)
	if t == nil || !t.started && (!f.Keyframe || t.sets == nil && t.codec != media.VP9) {
		return nil
	}
	at := p.clock.time(f.Decode, time.Now()) + f.Present - f.Decode
	// A presentation time that goes back means that pictures are reordered. A constant
	// offset, as some encoders send, does not.
	if t.started && f.Present < t.lastPresent && f.Present+maxReorder > t.lastPresent {
		return fail(ivsrealtime.ErrorBFramePresent, "the video has B-frames, which viewers on a stage can't show: set B-frames to 0 (x264: bframes=0, or tune=zerolatency)")
	}
	p.reportGroup(t, at)
	units := f.Units
	if f.Keyframe {
		units = t.withConfiguration(f.Units)
		t.lastKeyframe = at
	}
	t.started, t.lastPresent = true, f.Present
	p.stream.WriteFrame(sfu.LocalFrame{Kind: media.Video, Layer: t.layer, Units: units, Time: at})
	return nil
}

// withConfiguration returns a keyframe with what a decoder needs to begin with it.
func (t *videoTrack) withConfiguration(units [][]byte) [][]byte {
	switch {
	case t.codec == media.NoCodec:
		return media.AddParameterSets(units, t.sets)
	case t.codec == media.AV1 && !hasSequenceHeader(units[0]):
		return append([][]byte{av1Units(t.sets[0])}, units...)
	default:
		return units
	}
}

// reportGroup reports keyframes that are far apart, once for a stream.
func (p *publication) reportGroup(t *videoTrack, at time.Duration) {
	if !t.started || p.groupReported || at-t.lastKeyframe <= longGroup {
		return
	}
	p.groupReported = true
	p.log.Warn("an encoder's keyframes are far apart: viewers that join wait or are behind; set the keyframe interval to 1 or 2 s",
		"who", p.stream.Who(), "interval", (at - t.lastKeyframe).Round(time.Millisecond))
}
