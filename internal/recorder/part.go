package recorder

import (
	"time"

	"github.com/pion/rtp"

	"rostrum/internal/media"
	"rostrum/internal/worker"
	"rostrum/realtime"
)

const (
	videoWait      = 5 * time.Second // for the first picture, before audio is recorded alone
	maxSounds      = 1024            // packets of audio that wait for the first picture
	requestEvery   = time.Second     // between requests for the same keyframe
	maxSkew        = time.Second     // by the publisher's reports; more is no skew but a fault of theirs
	maxSkewStep    = 5 * time.Millisecond
	reportInterval = 6 * time.Second // in which a publisher sends a report after its timestamps have jumped
)

// A part makes frames of the packets of one publication, gives them times and writes them. It is
// for one goroutine.
type part struct {
	writer          *mediaWriter
	queue           *tapQueue // of the packets to push
	pushed          []tapped  // of the queue, before
	arrived         time.Time // the newest that was pushed, or began
	requestKeyframe func()
	began           time.Time
	earliest        time.Time // no picture has a time before it; zero for no limit
	requested       time.Time // a keyframe
	tracks          [2]partTrack
	sounds          []timedFrame  // audio that waits for the first picture
	skew            time.Duration // by how much video is delayed more than audio

	transcoding *transcoding // of video; nil if it is recorded as it is
	answers     <-chan worker.StreamMessage
}

type partTrack struct {
	codec  media.Codec // NoCodec if it is not recorded
	frames *realtime.Depacketizer
	clock  trackClock
	delay  captureDelay
}

// captureDelay is the time from the capture of a track's samples, by the clock of the publisher's
// reports, to the time that the track's clock gives them. Tracks of one publisher have that
// clock in common.
type captureDelay struct {
	known     bool
	timestamp uint32 // of RTP
	captured  int64  // as in media.Packet
	value     time.Duration
}

func (m *part) addTrack(c media.Codec) {
	m.tracks[c.Kind()] = partTrack{codec: c, frames: realtime.NewDepacketizer(c), clock: trackClock{kind: c.Kind()}}
	if c.Kind() == media.Video {
		m.writer.codec = c
	}
	m.writer.audio = m.tracks[media.Audio].codec != media.NoCodec
}

// transcode has video recorded as H.264.
func (m *part) transcode(t *transcoding) {
	m.transcoding, m.answers, m.writer.codec = t, t.answers, media.H264
}

// pushAll pushes what waits.
func (m *part) pushAll() error {
	m.pushed = m.queue.take(m.pushed)
	for _, p := range m.pushed {
		if err := m.push(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *part) push(p tapped) error {
	if p.at.After(m.arrived) {
		m.arrived = p.at
	}
	t := &m.tracks[p.kind]
	if p.packet.Captured != 0 {
		t.delay.timestamp, t.delay.captured = p.packet.Timestamp, p.packet.Captured
	}
	frames, needKeyframe := t.frames.Push(packetOf(p.packet), p.at)
	for _, f := range frames {
		if err := m.writeAll(p.kind, t.clock.add(f)); err != nil {
			return err
		}
	}
	if needKeyframe && p.kind == media.Video {
		m.request(p.at)
	}
	return nil
}

// packetOf is a packet as a publisher sent it.
func packetOf(p media.Packet) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{SequenceNumber: uint16(p.Sequence), Timestamp: p.Timestamp, Marker: p.Marker},
		Payload: p.Payload,
	}
}

// request asks for a keyframe, until one comes.
func (m *part) request(now time.Time) {
	interval := requestEvery
	if m.transcoding != nil {
		interval = m.transcoding.interval
	}
	if now.Sub(m.requested) >= interval {
		m.requested = now
		m.requestKeyframe()
	}
}

func (m *part) writeAll(k media.Kind, frames []timedFrame) error {
	for _, f := range frames {
		m.tracks[k].measure(f)
		write := m.writeAudio
		if k == media.Video {
			write = m.writeVideo
		}
		if err := write(f); err != nil {
			return err
		}
	}
	return nil
}

// measure measures the delay of a frame, unless the publisher's last report may be from before a
// jump of its timestamps.
func (t *partTrack) measure(f timedFrame) {
	if t.delay.captured == 0 || !t.clock.jumpedAt.IsZero() && f.Arrived.Sub(t.clock.jumpedAt) < reportInterval {
		return
	}
	ticks := int64(int32(f.Timestamp - t.delay.timestamp))
	captured := t.delay.captured + ticks*int64(time.Second)/int64(t.codec.ClockRate())
	t.delay.known, t.delay.value = true, time.Duration(f.at.UnixNano()-captured)
}

func (m *part) writeVideo(f timedFrame) error {
	m.followSkew()
	at := f.at.Add(-m.skew)
	if at.Before(m.earliest) {
		at = m.earliest
	}
	if m.transcoding != nil {
		if !m.transcoding.write(at, f.Received) && m.transcoding.needsKeyframe() {
			m.request(f.Arrived)
		}
		return nil
	}
	ok, err := m.writer.writeVideo(at, f.Data, f.Keyframe)
	if err != nil {
		return err
	}
	if !ok || m.writer.isOutgrown(f.Width, f.Height) {
		m.request(f.Arrived)
	}
	return m.writeSounds()
}

// writeTranscoded writes what the worker answered.
func (m *part) writeTranscoded(answer worker.StreamMessage) error {
	at, ok := m.transcoding.take(answer)
	if !ok {
		m.writer.needKey = true
	}
	if m.transcoding.needsKeyframe() {
		m.request(m.arrived)
	}
	if answer.Kind != worker.StreamOutput || len(answer.Data) == 0 || at.IsZero() {
		return nil
	}
	ok, err := m.writer.writeVideo(at, answer.Data, answer.Keyframe)
	if err != nil {
		return err
	}
	if !ok {
		m.transcoding.requireKeyframe()
	}
	return m.writeSounds()
}

// awaitTranscoded writes the last answers.
func (m *part) awaitTranscoded() error {
	if m.transcoding == nil {
		return nil
	}
	over := time.NewTimer(lastAnswer)
	defer over.Stop()
	for len(m.transcoding.waiting) > 0 {
		select {
		case answer := <-m.answers:
			if err := m.writeTranscoded(answer); err != nil {
				return err
			}
		case <-over.C:
			return nil
		}
	}
	return nil
}

// followSkew follows the difference between the delays of video and audio: slowly while pictures
// are written.
func (m *part) followSkew() {
	audio, video := &m.tracks[media.Audio].delay, &m.tracks[media.Video].delay
	if !audio.known || !video.known {
		return
	}
	skew := video.value - audio.value
	if skew > maxSkew || skew < -maxSkew {
		return
	}
	if m.writer.open {
		skew = m.skew + max(-maxSkewStep, min(maxSkewStep, skew-m.skew))
	}
	m.skew = skew
}

func (m *part) writeAudio(f timedFrame) error {
	if m.writer.open {
		return m.writer.writeAudio(f.at, f.Data)
	}
	if len(m.sounds) == maxSounds {
		m.sounds = m.sounds[1:]
	}
	m.sounds = append(m.sounds, f)
	if m.tracks[media.Video].codec != media.NoCodec && f.Arrived.Sub(m.began) < videoWait {
		return nil
	}
	at := m.sounds[0].at
	if at.Before(m.earliest) {
		at = m.earliest
	}
	if err := m.writer.begin(at, nil); err != nil {
		return err
	}
	return m.writeSounds()
}

// writeSounds writes the audio that waited, once something is recorded. What is from before that
// is omitted.
func (m *part) writeSounds() error {
	if !m.writer.open {
		return nil
	}
	for _, f := range m.sounds {
		if err := m.writer.writeAudio(f.at, f.Data); err != nil {
			return err
		}
	}
	m.sounds = nil
	return nil
}

// tick does what is due. While packets wait, that is what was due before they arrived.
func (m *part) tick(now time.Time) error {
	if m.queue.len() > 0 {
		now = m.arrived
	}
	for k := range m.tracks {
		if err := m.writeAll(media.Kind(k), m.tracks[k].clock.expire(now)); err != nil {
			return err
		}
	}
	written := now
	if m.transcoding != nil {
		m.transcoding.expire(now)
		written = m.transcoding.limit(now)
	}
	ok, err := m.writer.tick(written)
	switch {
	case m.tracks[media.Video].codec == media.NoCodec:
	case m.transcoding == nil && (!ok || m.writer.isDue(now)), m.transcoding != nil && m.transcoding.needsKeyframe():
		m.request(now)
	case m.transcoding != nil && m.writer.needKey:
		m.transcoding.requireKeyframe()
	}
	return err
}

// end writes what waits and what is held.
func (m *part) end(now time.Time) error {
	if err := m.pushAll(); err != nil {
		return err
	}
	for k := range m.tracks {
		if err := m.writeAll(media.Kind(k), m.tracks[k].clock.release()); err != nil {
			return err
		}
	}
	if err := m.awaitTranscoded(); err != nil {
		return err
	}
	return m.writer.interrupt(now)
}
