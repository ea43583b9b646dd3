package hls

import "time"

// An audioClock places frames of audio, which have a constant duration, one after the
// other, and fills what is missing with silence. Times are ticks of the audio track on the
// media clock.
type audioClock struct {
	begin   int64         // of the period
	cursor  int64         // where the next frame goes
	placed  bool          // a frame came in this period
	missing bool          // frames do not come, so parts do not wait for them
	wait    time.Duration // how long parts wait, for the encoder's interleaving
	shift   int64         // of frames whose timestamps jumped for good
	strayed int64         // how long timestamps have been out of range
}

const (
	samplesPerFrame = 1024 // of AAC
	// audioTolerance is how many frames a timestamp may be off before it moves the audio.
	audioTolerance = 2
	minAudioWait   = time.Second
	maxAudioWait   = 3 * time.Second
	// videoWait is how much audio is dropped before a stream has no video.
	videoWait = 3 * time.Second
	// maxAudioAhead is how far audio may be ahead of video.
	maxAudioAhead = 5 * time.Second
	// maxStrayed is how long timestamps of audio may be out of range before the
	// difference is taken as constant.
	maxStrayed = 3 * time.Second
)

// restart sets the clock to the begin of a period.
func (c *audioClock) restart(at int64) {
	*c = audioClock{begin: at, cursor: at, wait: c.wait}
}

// Audio takes a frame of AAC: its data and its time by the encoder's clock.
func (m *Muxer) Audio(present time.Duration, data []byte) error {
	if !m.audioFormat.isKnown() {
		return nil
	}
	if !m.runs {
		if m.HasVideo() || m.awaitsVideo(present) {
			return nil
		}
		if err := m.start(present); err != nil {
			return err
		}
	}
	if !m.audio.equals(m.audioFormat) {
		if m.video.isKnown() {
			return nil // until a keyframe
		}
		if err := m.interrupt(); err != nil {
			return err
		}
		return m.Audio(present, data)
	}
	at := ticks(present+m.offset, m.audio.track.Rate)
	if !m.video.isKnown() {
		if d := duration(at-m.cursor, m.audio.track.Rate); d.Abs() > maxGap {
			if err := m.interrupt(); err != nil {
				return err
			}
			return m.Audio(present, data)
		}
	}
	if err := m.place(at, data); err != nil {
		return err
	}
	return m.cut()
}

// awaitsVideo reports whether video may still come beside the audio.
func (m *Muxer) awaitsVideo(present time.Duration) bool {
	if !m.sawAudio {
		m.firstAudio, m.sawAudio = present, true
	}
	return (present - m.firstAudio).Abs() < videoWait
}

// place queues a frame of audio, in its order.
func (m *Muxer) place(at int64, data []byte) error {
	c, rate := &m.audioClock, m.audio.track.Rate
	at += c.shift
	off := at - c.cursor
	if duration(off, rate).Abs() > maxGap {
		if c.strayed += samplesPerFrame; duration(c.strayed, rate) < maxStrayed {
			return nil
		}
		c.shift -= off
		at, off = c.cursor, 0
	}
	c.strayed = 0
	if m.video.isKnown() && duration(c.cursor, rate)-m.videoEnd() > maxAudioAhead {
		return nil
	}
	switch {
	case at < c.begin:
		return nil
	case off < 0 && !c.placed, off < -audioTolerance*samplesPerFrame:
		// Silence has taken its place. Parts wait longer in future.
		c.wait, c.missing = min(max(c.wait, duration(-off, rate)+minAudioWait), maxAudioWait), false
		return nil
	case !c.placed || off >= audioTolerance*samplesPerFrame:
		if err := m.fill(at - samplesPerFrame + 1); err != nil {
			return err
		}
		c.cursor = at
	}
	c.placed, c.missing = true, false
	return m.sound(data)
}

// videoEnd is where the video ends that has come, on the media clock.
func (m *Muxer) videoEnd() time.Duration {
	if n := len(m.pictures); n > 0 {
		return duration(m.pictures[n-1].Time, m.video.track.Rate)
	}
	return duration(m.partStart, m.video.track.Rate)
}

// sound queues a frame of audio at the cursor.
func (m *Muxer) sound(data []byte) error {
	s := Sample{Track: len(m.init.tracks) - 1, Time: m.cursor, Duration: samplesPerFrame, Keyframe: true, Data: data}
	m.cursor += samplesPerFrame
	return m.queue(&m.sounds, s)
}

// fill queues silence until a time.
func (m *Muxer) fill(until int64) error {
	for m.cursor < until {
		if err := m.sound(m.audio.track.Silence()); err != nil {
			return err
		}
	}
	return nil
}

// reaches reports whether the audio before a cut has come. If it is too late, silence
// takes its place.
func (m *Muxer) reaches(cut time.Duration) (bool, error) {
	rate := m.audio.track.Rate
	if duration(m.cursor, rate) >= cut {
		return true, nil
	}
	if m.audioFormat.isKnown() && m.audio.equals(m.audioFormat) && !m.missing && m.videoEnd()-cut <= m.wait {
		return false, nil
	}
	m.missing = true
	return true, m.fill(ticks(cut, rate))
}
