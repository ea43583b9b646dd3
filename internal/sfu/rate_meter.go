package sfu

import "time"

// rateMeter measures the bitrate and frame rate of a stream over windows of at least a second,
// which update closes.
type rateMeter struct {
	bytes, frames int
	since         time.Duration
	bitrate       int
	smoothed      int // bitrate over some seconds: keyframes do not move it
	fps           float64
	active        bool
}

func (r *rateMeter) add(bytes int, marker bool) {
	r.bytes += bytes
	if marker {
		r.frames++
	}
	r.active = r.active || bytes > 0 // padding alone is no media
}

// rateMeterWindow smooths over browsers that pause between frames.
const rateMeterWindow = time.Second

// update closes the window if it is long enough. A stream without a byte in it is inactive.
// frozen keeps the smoothed bitrate as it is.
func (r *rateMeter) update(now time.Duration, frozen bool) {
	if r.since == 0 {
		r.since = now
	}
	elapsed := now - r.since
	if elapsed < rateMeterWindow {
		if r.bitrate == 0 && elapsed > rateMeterWindow/5 { // a first estimate soon
			r.bitrate = r.measured(elapsed)
			if !frozen {
				r.smoothed = r.bitrate
			}
		}
		return
	}
	r.bitrate = r.measured(elapsed)
	if !frozen {
		r.smoothed += (r.bitrate - r.smoothed) / 3
	}
	r.fps = float64(r.frames) / elapsed.Seconds()
	r.active = r.bytes > 0
	r.bytes, r.frames, r.since = 0, 0, now
}

func (r *rateMeter) measured(elapsed time.Duration) int {
	return int(int64(r.bytes) * 8 * int64(time.Second) / int64(elapsed))
}
