package ingest

import (
	"time"

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
	sets         [][]byte // SPS and PPS; nil before the configuration
	started      bool     // with a keyframe
	lastPresent  time.Duration
	lastKeyframe time.Duration
}

// track returns the track with an id, a new one for a new id. It is nil for one too many.
func (v *videoTracks) track(id int) *videoTrack {
	for _, t := range *v {
		if t.id == id {
			return t
		}
	}
	if len(*v) == len(videoLabels) {
		return nil
	}
	t := &videoTrack{id: id, layer: len(*v)}
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
	var format h264.SPS
	if len(f.Units) < 2 || format.Unmarshal(f.Units[0]) != nil {
		return fail(ivsrealtime.ErrorInvalidInput, "the H.264 configuration is malformed")
	}
	t := p.video.track(f.Track)
	if t == nil {
		p.log.Warn("an encoder sends more tracks of video than there are layers: this one is left out", "who", p.stream.Who(), "track", f.Track, "layers", len(videoLabels))
		return nil
	}
	t.sets = f.Units
	return nil
}

func (p *publication) writeVideo(f rtmp.Frame) error {
	t := p.video.track(f.Track)
	if t == nil || !t.started && (!f.Keyframe || t.sets == nil) {
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
		units = media.AddParameterSets(f.Units, t.sets)
		t.lastKeyframe = at
	}
	t.started, t.lastPresent = true, f.Present
	p.stream.WriteFrame(sfu.LocalFrame{Kind: media.Video, Layer: t.layer, Units: units, Time: at})
	return nil
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
