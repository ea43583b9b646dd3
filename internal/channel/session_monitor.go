package channel

import (
	"context"
	"time"

	"rostrum/internal/event"
)

func (s *Session) stats() (Stats, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started.IsZero() {
		return Stats{}, false
	}
	stats := s.meter.latest
	stats.ChannelID, stats.Viewers, stats.Starving = s.id, s.viewers.count(time.Now()), s.starving
	if p := s.push; p != nil {
		stats.Push = &PushStats{Up: p.up.Load(), Reconnects: p.reconnects.Load(), Dropped: p.dropped.Load()}
	}
	return stats, true
}

// starvingAfter is how long no video may come before the stream is starving.
const starvingAfter = 3 * time.Second

// unwatchableAfter is after how much video without a keyframe the stream is starving:
// nobody can begin to watch it. A little later the muxer fails.
const unwatchableAfter = 12 * time.Second

// monitorInterval is how often a session is checked and its bitrates are
// measured.
const monitorInterval = 500 * time.Millisecond

// startMonitor starts the monitor, once.
func (s *Session) startMonitor(ctx context.Context) {
	if s.monitored {
		return
	}
	ctx, s.stopMonitor = context.WithCancel(context.WithoutCancel(ctx))
	s.monitored = true
	s.monitoring.Go(func() { s.monitor(ctx) })
}

// monitor reports when video, or its keyframes, stop coming and when they come again,
// until ctx ends.
func (s *Session) monitor(ctx context.Context) {
	tick := time.NewTicker(monitorInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.check(now)
		}
	}
}

func (s *Session) check(now time.Time) {
	s.mu.Lock()
	s.meter.measure(now)
	bitrate, exceeds := s.meter.exceeds(s.maxBitrate)
	starving := !s.started.IsZero() && now.Sub(s.lastMedia) > starvingAfter || s.sinceKeyframe > unwatchableAfter
	changed := starving != s.starving
	s.starving = starving
	s.mu.Unlock()
	if exceeds {
		s.emitEvent(event.IngestBitrateExceeded(s.about, now, bitrate, int64(s.maxBitrate)))
		s.drop()
	}
	switch {
	case changed && starving:
		s.emitEvent(event.StarvationStarted(s.about, now))
	case changed:
		s.emitEvent(event.StarvationEnded(s.about, now))
	}
}
