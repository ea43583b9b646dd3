package channel

import "time"

// Stats describe the stream of a channel that can be watched.
type Stats struct {
	ChannelID        string
	Viewers          int
	Starving         bool
	VideoBitrate     float64 // bits a second received
	AudioBitrate     float64
	FrameRate        float64       // frames a second
	KeyframeInterval time.Duration // between the last two; 0 before
	Push             *PushStats    // nil when there is none
}

// PushStats describe the push of a channel to another platform.
type PushStats struct {
	Up         bool
	Reconnects uint64
	Dropped    uint64 // frames that could not be sent in time
}
