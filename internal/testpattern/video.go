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
}

// A Video makes the pictures of a pattern in order. It is for one goroutine.
type Video struct {
	config VideoConfig
	gop    int // pictures from keyframe to keyframe
	since  int // pictures since the last keyframe
	enc    *encoder
	next   *picture
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
	return &Video{
		config: c,
		gop:    max(1, int(c.Keyframe*time.Duration(c.FPS)/time.Second)),
		enc:    newEncoder(c.Width, c.Height, c.FPS),
		next:   newPicture(c.Width, c.Height),
	}, nil
}

// beepLength is how long the beep and the flash last.
const beepLength = 100 * time.Millisecond

// keyframeWeight is how many times larger than other pictures a keyframe may be, as in
// usual encoders.
const keyframeWeight = 4

// Frame is picture number n, with the wall clock sent, as an access unit in Annex B form.
// The first one is a keyframe, as is a requested one, and one after the configured distance;
// key says whether this is one.
func (v *Video) Frame(n uint32, sent time.Time, keyframe bool) (unit []byte, key bool) {
	key = keyframe || v.enc.last == nil || v.since >= v.gop
	if key {
		v.since = 0
	}
	v.since++
	m := Mark{Frame: n, Identity: v.config.Identity, Sent: sent}
	v.next.draw(m, time.Duration(n)*time.Second/time.Duration(v.config.FPS))

	budget := v.config.Bitrate / 8 * v.gop / v.config.FPS / (v.gop - 1 + keyframeWeight)
	if key {
		budget *= keyframeWeight
	}
	recycled := v.enc.last
	unit = v.enc.encode(v.next, key, m.sei(), budget)
	if recycled == nil {
		recycled = newPicture(v.config.Width, v.config.Height)
	}
	v.next = recycled
	return unit, key
}
