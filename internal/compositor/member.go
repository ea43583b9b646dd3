//go:build cgo

package compositor

import (
	"maps"
	"sync"
	"time"

	"rostrum/internal/codec"
	"rostrum/internal/layout"
	"rostrum/internal/media"
)

// A MemberConfig is what is known of a participant who joins.
type MemberConfig struct {
	ID         string
	Attributes map[string]string
	// KeyframeNeeded is called when pictures can't go on without one; it must not
	// block. May be nil.
	KeyframeNeeded func()
}

// A Member is one participant in a Room. Its methods may be called at any time, by
// several goroutines; after Leave they do nothing.
type Member struct {
	id       string
	arrival  uint64
	room     *Room
	keyframe func()
	video    video

	mu         sync.Mutex // guards what follows
	attributes map[string]string
	stopped    bool
	left       bool
	playout    playout
	sound      sound
	opus       *codec.AudioDecoder
	flowing    bool // whether pictures came lately, when last looked
}

// ID is the participant's.
func (m *Member) ID() string { return m.id }

// Write takes the next frame of either medium. It decodes before it returns; the
// frames of one medium must come one after the other. Data that can't be decoded is
// passed over.
func (m *Member) Write(f Frame) {
	arrived := m.room.since(f.Arrived)
	m.mu.Lock()
	if m.left {
		m.mu.Unlock()
		return
	}
	ticks := m.playout.arrive(f.Codec, f.Timestamp, f.Captured, arrived)
	if f.Codec.Kind() == media.Audio {
		m.hear(f, ticks)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	ask, resized := m.video.decode(f, ticks, arrived)
	if resized {
		m.room.changed()
	}
	if ask && m.keyframe != nil {
		m.keyframe()
	}
}

// hear decodes a packet of sound; m.mu is held.
func (m *Member) hear(f Frame, ticks int64) {
	if m.opus == nil {
		d, err := codec.NewAudioDecoder(codec.Opus, nil)
		if err != nil {
			return // the libraries have no Opus: a silent member is all we can make of it
		}
		m.opus = d
	}
	samples, err := m.opus.Decode(f.Data)
	if err != nil {
		return // bridged like one that never came
	}
	m.sound.write(ticks, samples)
}

// SetAttributes replaces the attributes, as an exchange of tokens does.
func (m *Member) SetAttributes(a map[string]string) {
	m.mu.Lock()
	same := maps.Equal(m.attributes, a)
	m.attributes = maps.Clone(a)
	m.mu.Unlock()
	if !same {
		m.room.changed()
	}
}

// SetVideoStopped tells that the participant stopped or resumed its video.
func (m *Member) SetVideoStopped(stopped bool) {
	m.mu.Lock()
	same := m.stopped == stopped
	m.stopped = stopped
	m.mu.Unlock()
	if !same {
		m.room.changed()
	}
}

// Leave takes the member out of the picture, and its sound fades.
func (m *Member) Leave() {
	m.mu.Lock()
	left := m.left
	m.left = true
	if m.opus != nil && !left {
		m.opus.Close()
		m.opus = nil
	}
	m.mu.Unlock()
	if !left {
		m.room.remove(m)
		m.video.close()
	}
}

// participant is what the layout is told.
func (m *Member) participant(now time.Duration) layout.Participant {
	size, flowing, _ := m.video.state(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flowing = flowing
	return layout.Participant{ID: m.id, Attributes: m.attributes, Picture: size, Stopped: m.stopped || !flowing}
}

// stalledOrBack tells whether pictures stopped or began to come since participant
// was last asked.
func (m *Member) stalledOrBack(now time.Duration) bool {
	_, flowing, _ := m.video.state(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.flowing != flowing
}

// picture is the one due at a time, if it is another than the one shown.
func (m *Member) picture(at time.Duration, shown uint64) (timed, bool) {
	m.mu.Lock()
	begun := m.playout.lines[media.Video].rate != 0
	var ticks int64
	if begun {
		ticks = m.playout.position(media.Video, at)
	}
	m.mu.Unlock()
	if !begun {
		return timed{}, false
	}
	return m.video.due(ticks, shown)
}

// mix adds the sound due from a time on to out; done tells that it was the last.
func (m *Member) mix(l *listener, at time.Duration, out []float32) (done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.playout.lines[media.Audio].rate != 0 {
		l.read(&m.sound, m.playout.position(media.Audio, at), out, m.left)
	}
	return m.left
}

// MemberStats tells how a member fares.
type MemberStats struct {
	ID            string
	Width, Height int
	Delay         time.Duration // from capture to show beyond what the fastest way takes, on the sender's clock
	Video         VideoCounts
}

// Stats returns the figures so far.
func (m *Member) Stats() MemberStats {
	size, _, counts := m.video.state(0)
	return MemberStats{ID: m.id, Width: size.Width, Height: size.Height, Delay: m.waiting(), Video: counts}
}

// waiting is how long a frame that travels fastest is kept.
func (m *Member) waiting() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	least, any := time.Duration(0), false
	for i := range m.playout.lines {
		if b := m.playout.lines[i].transit.bounds(); b.set && (!any || b.min < least) {
			least, any = b.min, true
		}
	}
	return m.playout.delay - least
}
