//go:build cgo

package compositor

import (
	"time"

	"rostrum/internal/media"
)

// A Frame is one complete encoded picture (of H.264 an access unit in Annex B form) or
// one packet of audio, as a participant sent it.
type Frame struct {
	Codec         media.Codec
	Timestamp     uint32    // of RTP
	Captured      time.Time // by the sender's clock, the same for audio and video; zero while unknown
	Arrived       time.Time // its last packet, by our monotonic clock
	Keyframe      bool
	Width, Height int // of a keyframe's picture; 0 if unknown
	Data          []byte
}
