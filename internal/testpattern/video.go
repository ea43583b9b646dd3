package testpattern

import (
	"fmt"
	"time"
)

// VideoConfig describes the video. Zero values take the default.
type VideoConfig struct {
	Width, Height int           // pixels, even; 1280x720
	FPS           int           // 30
	Bitrate       int           // bits a second, reached by repeating macroblocks; 0 sends no more than needed
	Keyframe      time.Duration // the largest distance of keyframes; 2 s
	Identity      uint16
	Name          string // written in the picture; the identity
}

// A Video makes the pictures of a pattern in order. It is for one goroutine.
type Video struct {
	config VideoConfig
	gop    int // pictures from keyframe to keyframe
	since  int // pictures since the last keyframe
	scene  *scene
	boat   codedBoat
	enc    *encoder
	rate   rate
}

// NewVideo refuses sizes the pattern does not fit into (below 320x176, odd or above
// 4096) and rates outside 1 to 120.
func NewVideo(c VideoConfig) (*Video, error) {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.FPS == 0 {
		c.FPS = 30
	}
	if c.Keyframe == 0 {
		c.Keyframe = 2 * time.Second
	}
	switch {
	case Scale(c.Width, c.Height) < 1 || c.Width > 4096 || c.Height > 4096 || c.Width%2 != 0 || c.Height%2 != 0:
		return nil, fmt.Errorf("pattern size %dx%d: must be even numbers from 320x176 to 4096x4096", c.Width, c.Height)
	case c.FPS < 1 || c.FPS > 120:
		return nil, fmt.Errorf("pattern rate %d: must be 1 to 120 pictures a second", c.FPS)
	case c.Bitrate < 0 || c.Keyframe < 0:
		return nil, fmt.Errorf("pattern bit rate %d, keyframes every %v: must not be negative", c.Bitrate, c.Keyframe)
	}
	scene, err := newScene(c)
	if err != nil {
		return nil, err
	}
	gop := max(1, int(c.Keyframe*time.Duration(c.FPS)/time.Second))
	return &Video{
		config: c, gop: gop, scene: scene, boat: newCodedBoat(scene, c.FPS),
		enc: newEncoder(c.Width, c.Height, c.FPS), rate: newRate(c, gop),
	}, nil
}

// beepLength is how long the beep and the flash last.
const beepLength = 100 * time.Millisecond

// Frame is picture number n, with the wall clock sent, as an access unit in Annex B form.
// The first one is a keyframe, as is a requested one, and one after the configured distance;
// key says whether this is one.
func (v *Video) Frame(n uint32, sent time.Time, keyframe bool) (unit []byte, key bool) {
	key = keyframe || !v.enc.begun || v.since >= v.gop
	if key {
		v.since = 0
	}
	v.since++
	m := Mark{Frame: n, Identity: v.config.Identity, Sent: sent}
	at := time.Duration(n) * time.Second / time.Duration(v.config.FPS)
	lampChanged := v.scene.draw(m, at)
	qp, repeats := v.rate.plan(key)
	v.enc.setQP(qp)
	boat := v.boat.advance(v.scene, v.enc, n, at, !key && !lampChanged)
	f := fill{repeats, v.boat.from, v.boat.to}
	unit, repeats = v.enc.encode(v.scene.now, key, m.sei(), f, boat)
	v.rate.record(key, len(unit)-repeats*pcmBytes, len(unit))
	return unit, key
}
