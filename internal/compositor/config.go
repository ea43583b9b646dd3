//go:build cgo

package compositor

import (
	"time"

	"rostrum/internal/layout"
)

// A Config is the format of a Program. Zero values take the default.
type Config struct {
	Width, Height int           // pixels, even; 1280x720
	FrameRate     float64       // pictures a second; 30
	Bitrate       int           // of the video, bits a second; 2,500,000
	Keyframes     time.Duration // at least so often, at multiples of it; 2 s
	AudioBitrate  int           // bits a second; 128,000
	Encoder       string        // of the video, by FFmpeg's name; libx264
	Threads       int           // of the video encoder; 2
	Layout        layout.Layout // DefaultGrid
}

func (c Config) withDefaults() Config {
	fill := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	fill(&c.Width, 1280)
	fill(&c.Height, 720)
	fill(&c.Bitrate, 2_500_000)
	fill(&c.AudioBitrate, 128_000)
	fill(&c.Threads, 2)
	if c.FrameRate == 0 {
		c.FrameRate = 30
	}
	if c.Keyframes == 0 {
		c.Keyframes = 2 * time.Second
	}
	if c.Layout == nil {
		c.Layout = layout.DefaultGrid()
	}
	return c
}

// Format is what an Output must know before the first packet.
type Format struct {
	Width, Height int
	FrameRate     float64
	Bitrate       int           // of the video, bits a second
	Keyframes     time.Duration // how far they are apart at most
	AudioBitrate  int           // bits a second
	AudioConfig   []byte        // AudioSpecificConfig of the AAC (ISO 14496-3)
}
