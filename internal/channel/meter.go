package channel

import (
	"time"

	"rostrum/internal/rtmp"
)

// A meter measures what arrives. Its session's mutex guards it.
type meter struct {
	videoBytes, audioBytes, frames int // since the last measurement
	measured                       time.Time
	unchecked                      bool // latest was not checked against the limit yet
	exceeded                       int  // measurements in a row over the limit
	latest                         Stats
	lastKeyframe                   time.Duration // presentation time of the last one
	keyframes                      int
}

func (m *meter) count(f rtmp.Frame) {
	n := 0
	for _, u := range f.Units {
		n += len(u)
	}
	switch f.Kind {
	case rtmp.Audio:
		m.audioBytes += n
	case rtmp.Video:
		m.videoBytes += n
		m.frames++
		if !f.Keyframe {
			return
		}
		if m.keyframes++; m.keyframes > 1 {
			m.latest.KeyframeInterval = f.Present - m.lastKeyframe
		}
		m.lastKeyframe = f.Present
	}
}

// measureInterval is the time over which rates are averaged: the bitrate of a
// stream varies from frame to frame.
const measureInterval = 2 * time.Second

func (m *meter) measure(now time.Time) {
	if m.measured.IsZero() {
		m.measured, m.videoBytes, m.audioBytes, m.frames = now, 0, 0, 0
		return
	}
	seconds := now.Sub(m.measured).Seconds()
	if seconds < measureInterval.Seconds() {
		return
	}
	m.latest.VideoBitrate, m.latest.AudioBitrate = 8*float64(m.videoBytes)/seconds, 8*float64(m.audioBytes)/seconds
	m.latest.FrameRate = float64(m.frames) / seconds
	m.unchecked = true
	m.measured, m.videoBytes, m.audioBytes, m.frames = now, 0, 0, 0
}

// maxExceeded is how many measurements in a row must exceed the limit, so that
// one complex scene does not: ten seconds.
const maxExceeded = 5

// exceeds checks a new measurement, once: whether the bitrate has exceeded the
// limit for long, and what it is. Without a limit nothing exceeds it.
func (m *meter) exceeds(limit int) (bitrate int64, exceeds bool) {
	if !m.unchecked || limit == 0 {
		return 0, false
	}
	m.unchecked = false
	bitrate = int64(m.latest.VideoBitrate + m.latest.AudioBitrate)
	if bitrate <= int64(limit) {
		m.exceeded = 0
		return bitrate, false
	}
	m.exceeded++
	return bitrate, m.exceeded == maxExceeded
}
