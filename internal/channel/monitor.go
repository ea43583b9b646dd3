package channel

import (
	"context"
	"slices"
	"strings"
	"time"

	"rostrum/internal/event"
	"rostrum/internal/rtmp"
)

// Stats are what a channel that can be watched is doing.
type Stats struct {
	ChannelID        string
	Viewers          int
	Starving         bool
	VideoBitrate     float64 // bits a second that arrive
	AudioBitrate     float64
	FrameRate        float64       // pictures a second
	KeyframeInterval time.Duration // between the last two; 0 before
	Push             *PushStats    // nil for none
}

// PushStats are what the push of a channel to another platform is doing.
type PushStats struct {
	Up         bool
	Reconnects uint64
	Dropped    uint64 // frames that the other side was too slow, or not there, for
}

// Stats are those of the channels that are live here, by name.
func (r *Registry) Stats() []Stats {
	r.mu.Lock()
	sessions := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	var all []Stats
	for _, s := range sessions {
		if shown, ok := s.stats(); ok {
			all = append(all, shown)
		}
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.ChannelID, b.ChannelID) })
	return all
}

func (s *Session) stats() (Stats, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started.IsZero() {
		return Stats{}, false
	}
	shown := s.meter.shown()
	shown.ChannelID, shown.Viewers, shown.Starving = s.id, s.viewers.count(time.Now()), s.starving
	if p := s.push; p != nil {
		shown.Push = &PushStats{Up: p.up.Load(), Reconnects: p.reconnects.Load(), Dropped: p.dropped.Load()}
	}
	return shown, true
}

// starvation is how long no picture may come from an encoder that is well.
const starvation = 3 * time.Second

// lookEvery is how often a session is looked at, and its rates are measured.
const lookEvery = 500 * time.Millisecond

// watch tells when pictures stop coming and when they come again, until ctx ends.
func (s *Session) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.look(now)
		}
	}
}

func (s *Session) look(now time.Time) {
	s.mu.Lock()
	s.meter.measure(now)
	bitrate, exceeds := s.meter.exceeds(s.most)
	starving := now.Sub(s.fed) > starvation
	changed := starving != s.starving
	s.starving = starving
	s.mu.Unlock()
	if exceeds {
		s.tell(event.IngestBitrateExceeded(s.about, now, bitrate, int64(s.most)))
		s.drop()
	}
	switch {
	case changed && starving:
		s.tell(event.StarvationStarted(s.about, now))
	case changed:
		s.tell(event.StarvationEnded(s.about, now))
	}
}

// A meter measures what arrives. It is guarded by its session's mutex.
type meter struct {
	video, audio, pictures int // bytes, bytes and pictures since the last measurement
	measured               time.Time
	fresh                  bool // latest has not been judged
	over                   int  // measurements in a row that were over the limit
	latest                 Stats
	keyframe               time.Duration // when the last one is shown
	keyframes              int
}

func (m *meter) count(f rtmp.Frame) {
	n := 0
	for _, u := range f.Units {
		n += len(u)
	}
	switch f.Kind {
	case rtmp.Audio:
		m.audio += n
	case rtmp.Video:
		m.video += n
		m.pictures++
		if !f.Keyframe {
			return
		}
		if m.keyframes++; m.keyframes > 1 {
			m.latest.KeyframeInterval = f.Present - m.keyframe
		}
		m.keyframe = f.Present
	}
}

// measureOver is how long rates are averaged over: bit rates of a stream vary from
// picture to picture.
const measureOver = 2 * time.Second

func (m *meter) measure(now time.Time) {
	if m.measured.IsZero() {
		m.measured, m.video, m.audio, m.pictures = now, 0, 0, 0
		return
	}
	seconds := now.Sub(m.measured).Seconds()
	if seconds < measureOver.Seconds() {
		return
	}
	m.latest.VideoBitrate, m.latest.AudioBitrate = 8*float64(m.video)/seconds, 8*float64(m.audio)/seconds
	m.latest.FrameRate = float64(m.pictures) / seconds
	m.fresh = true
	m.measured, m.video, m.audio, m.pictures = now, 0, 0, 0
}

// overFor is how many measurements in a row make more bits than are allowed more than
// one costly scene: ten seconds.
const overFor = 5

// exceeds judges a measurement, once: whether more than most bits a second have come
// for long, and how many came lately. Without a limit nothing exceeds it.
func (m *meter) exceeds(most int) (bitrate int64, exceeds bool) {
	if !m.fresh || most == 0 {
		return 0, false
	}
	m.fresh = false
	bitrate = int64(m.latest.VideoBitrate + m.latest.AudioBitrate)
	if bitrate <= int64(most) {
		m.over = 0
		return bitrate, false
	}
	m.over++
	return bitrate, m.over == overFor
}

func (m *meter) shown() Stats { return m.latest }
