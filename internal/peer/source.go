package peer

import (
	"context"
	"errors"
	"time"

	"rostrum/internal/testpattern"
	"rostrum/realtime"
)

// A Source writes samples to tracks, each at its time.
type Source interface {
	Tracks() []*realtime.LocalTrack
	// Run sends until ctx or the source ends, and then returns nil. It is called
	// once.
	Run(ctx context.Context) error
}

// PatternConfig describes the test pattern that is sent. Zero values take the default.
type PatternConfig struct {
	Video     testpattern.VideoConfig // of the best layer
	Simulcast bool                    // up to three layers: hi, mid and low, each half as wide and high
	NoAudio   bool
	NoVideo   bool
}

// A patternSource generates the test pattern.
type patternSource struct {
	video  *realtime.LocalTrack
	layers []patternLayer
	audio  *realtime.LocalTrack
	tone   *testpattern.Tone
	fps    int
}

type patternLayer struct {
	video *testpattern.Video
	every uint32 // of the best layer's pictures
}

// layerShares are the bit rate and the frame rate of each layer relative to the best, as in
// the service's web SDK.
var layerShares = []struct {
	rid     string
	bitrate float64
	every   uint32
}{{"hi", 1, 1}, {"mid", 0.41, 1}, {"low", 0.12, 2}}

// NewPatternSource makes a source of the test pattern.
func NewPatternSource(c PatternConfig) (Source, error) {
	s := &patternSource{}
	if c.NoAudio && c.NoVideo {
		return nil, errors.New("neither audio nor video is sent")
	}
	if !c.NoAudio {
		tone, err := testpattern.NewTone(c.Video.Identity)
		if err != nil {
			return nil, err
		}
		s.tone, s.audio = tone, realtime.NewTrack(realtime.Opus)
	}
	if !c.NoVideo {
		return s, s.addLayers(c)
	}
	return s, nil
}

func (s *patternSource) addLayers(c PatternConfig) error {
	best := c.Video
	if best.Width == 0 && best.Height == 0 {
		best.Width, best.Height = 1280, 720
	}
	if best.FPS == 0 {
		best.FPS = 30
	}
	s.fps = best.FPS
	var rids []string
	for i, share := range layerShares {
		v := best
		v.Width, v.Height = best.Width>>i&^1, best.Height>>i&^1
		v.Bitrate = int(float64(best.Bitrate) * share.bitrate)
		if v.FPS = max(1, best.FPS/int(share.every)); i > 0 && (!c.Simulcast || testpattern.Scale(v.Width, v.Height) < 1) {
			break
		}
		video, err := testpattern.NewVideo(v)
		if err != nil {
			return err
		}
		s.layers, rids = append(s.layers, patternLayer{video, share.every}), append(rids, share.rid)
	}
	if len(rids) == 1 {
		rids = nil
	}
	s.video = realtime.NewTrack(realtime.H264, rids...)
	return nil
}

func (s *patternSource) Tracks() []*realtime.LocalTrack {
	var all []*realtime.LocalTrack
	for _, o := range []*realtime.LocalTrack{s.audio, s.video} {
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

func (s *patternSource) Run(ctx context.Context) error {
	start := time.Now()
	pictures, packets := uint32(0), uint32(0)
	for {
		const never = time.Duration(1<<63 - 1)
		nextPicture, nextPacket := never, never
		if s.video != nil {
			nextPicture = time.Duration(pictures) * time.Second / time.Duration(s.fps)
		}
		if s.audio != nil {
			nextPacket = time.Duration(packets) * testpattern.PacketTime
		}
		if !sleepUntil(ctx, start.Add(min(nextPicture, nextPacket))) {
			return nil
		}
		if nextPacket <= nextPicture {
			f := realtime.Sample{Time: nextPacket, Duration: testpattern.PacketTime, Keyframe: true, Data: s.tone.Packet(packets)}
			packets++
			if err := s.audio.WriteSample(0, f); err != nil {
				return err
			}
			continue
		}
		if err := s.writePicture(pictures, nextPicture); err != nil {
			return err
		}
		pictures++
	}
}

// writePicture writes a picture on the layers that have it.
func (s *patternSource) writePicture(n uint32, at time.Duration) error {
	now := time.Now()
	for i, l := range s.layers {
		if n%l.every != 0 || s.video.IsPaused(i) {
			continue
		}
		requested := false
		select {
		case <-s.video.KeyframeWanted(i):
			requested = true
		default:
		}
		unit, key := l.video.Frame(n/l.every, now, requested)
		if err := s.video.WriteSample(i, realtime.Sample{Time: at, Keyframe: key, Data: unit}); err != nil {
			return err
		}
	}
	return nil
}

// sleepUntil returns false if ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
