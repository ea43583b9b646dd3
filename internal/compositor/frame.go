//go:build cgo

package compositor

import (
	"time"

	"rostrum/internal/media"
)

// A Frame is one coded picture (of H.264 an access unit in Annex B form) or one
// packet of sound, whole, as it came from a participant.
type Frame struct {
	Codec         media.Codec
	Timestamp     uint32    // of RTP
	Captured      time.Time // by the sender's clock, the same for sound and picture; zero while unknown
	Arrived       time.Time // its last packet, by our monotonic clock
	Keyframe      bool
	Width, Height int // of a keyframe's picture; 0 if unknown
	Data          []byte
}
