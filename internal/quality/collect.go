package quality

import (
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sfu"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// A collector makes samples of the counters of the media engine.
type collector struct {
	before map[connectionKey]counters // at the last collection
}

// A connectionKey names a media connection: without a publisher the participant's own
// publication.
type connectionKey struct{ session, participant, publisher string }

// counters are those of which a sample has the difference.
type counters struct {
	packets, lost uint64
	keyframeWait  time.Duration
}

// collect calls add with a sample of each participant and direction.
func (c *collector) collect(samples []stage.MediaSample, add func(of stage.Reporter, sent bool, s Sample)) {
	now := make(map[connectionKey]counters, len(c.before))
	for i := range samples {
		m := &samples[i]
		published := make(map[string]*sfu.PublisherStats, len(m.Publishers))
		loss := make(map[string]int, len(m.Publishers))
		for j := range m.Publishers {
			p := &m.Publishers[j]
			key := connectionKey{m.SessionID, p.ParticipantID, ""}
			s := c.sent(key, p.Tracks, now)
			s.Estimate = p.Limit / 1000
			s.RoundTrip = int(p.Transport.RoundTrip / time.Millisecond)
			published[p.ParticipantID], loss[p.ParticipantID] = &p.PublisherStats, s.Loss
			add(stage.Reporter{StageARN: m.StageARN, SessionID: m.SessionID, ParticipantID: p.ParticipantID}, true, s)
		}
		received := make(map[string]*Sample, len(m.Receivers))
		for j := range m.Receivers {
			r := &m.Receivers[j]
			s := c.received(m.SessionID, r, published[r.PublisherID], now)
			s.SourceLoss = loss[r.PublisherID]
			if all := received[r.ParticipantID]; all != nil {
				bitrate := all.Bitrate + s.Bitrate
				all.combine(&s)
				all.Bitrate = bitrate
			} else {
				received[r.ParticipantID] = &s
			}
		}
		for id, s := range received {
			add(stage.Reporter{StageARN: m.StageARN, SessionID: m.SessionID, ParticipantID: id}, false, *s)
		}
	}
	c.before = now
}

// sent is a sample of what a publisher sends.
func (c *collector) sent(key connectionKey, tracks []sfu.TrackStats, now map[connectionKey]counters) (s Sample) {
	var count counters
	bitrate := 0
	for _, t := range tracks {
		for _, l := range t.Layers {
			bitrate += l.Bitrate
			s.Jitter = max(s.Jitter, int(l.Jitter/time.Millisecond))
			count.packets += l.Packets + uint64(l.Lost)
			count.lost += uint64(l.Lost) + l.Repaired
			if t.Kind == media.Video && l.Active && l.Height >= s.Height {
				s.Height, s.FrameRate = l.Height, int(l.FPS+0.5)
			}
		}
	}
	s.Bitrate = bitrate / 1000
	if before, known := c.before[key]; known {
		s.Loss = perMille(count.lost-min(before.lost, count.lost), count.packets-min(before.packets, count.packets))
	}
	now[key] = count
	return s
}

// received is a sample of what a participant receives of a publisher, whose figures may be
// unknown.
func (c *collector) received(session string, r *stage.ReceiverSample, from *sfu.PublisherStats, now map[connectionKey]counters) (s Sample) {
	key, bitrate := connectionKey{session, r.ParticipantID, r.PublisherID}, 0
	var count counters
	for i := range r.Subscriptions {
		u := &r.Subscriptions[i]
		bitrate += u.Bitrate
		s.Loss = max(s.Loss, int(u.Loss*1000))
		s.Jitter = max(s.Jitter, int(u.Jitter/time.Millisecond))
		if u.Kind == media.Video {
			count.keyframeWait = u.KeyframeWait
			var height int
			s.Limits, height = limitsOf(u, from)
			s.Height = height
		}
	}
	if r.LacksCodec {
		s.Limits |= NoCodec
	}
	s.Bitrate, s.RoundTrip = bitrate/1000, int(r.Transport.RoundTrip/time.Millisecond)
	s.Estimate = r.Estimate / 1000
	if before := c.before[key]; count.keyframeWait > before.keyframeWait {
		s.KeyframeWait = int((count.keyframeWait - before.keyframeWait) / time.Millisecond)
	}
	now[key] = count
	return s
}

// limitsOf says why a subscription does not carry the largest layer, and the height of what it
// carries.
func limitsOf(u *sfu.SubscriptionStats, from *sfu.PublisherStats) (Limits, int) {
	switch {
	case u.Paused && u.Reason == sfu.PausedByBandwidth:
		return Bandwidth, 0
	case u.Paused && u.Reason == sfu.PausedByChoice:
		return Choice, 0
	case u.Paused && u.Reason == sfu.PausedNoLayer:
		return NoLayer, 0
	case u.Paused || from == nil:
		return 0, 0
	}
	height, largest := 0, 0
	for _, t := range from.Tracks {
		for _, l := range t.Layers {
			if l.Offered {
				largest = max(largest, l.Height)
			}
			if t.Kind == media.Video && l.Label == u.Current {
				height = l.Height
			}
		}
	}
	switch {
	case height >= largest:
		return 0, height
	case u.Preferred != "" && u.Preferred == u.Target:
		return Choice, height
	case u.Target != u.Current:
		return 0, height // it switches
	}
	return Bandwidth, height
}

func perMille(part, whole uint64) int {
	if whole == 0 {
		return 0
	}
	return int(min(1000*part/whole, 1000))
}

// reported makes samples of what a client reports. It bounds all that the client says.
func reported(q wire.Quality) (sent, received *Sample, d Details) {
	sent, received = reportedMedia(q.Sent), reportedMedia(q.Received)
	d.Device = short(q.Device)
	if m := q.Sent; m != nil {
		d.SendPath, d.SendCodec, d.Encoder = short(m.Path), short(m.Codec), short(m.Coder)
	}
	if m := q.Received; m != nil {
		d.RecvPath, d.RecvCodec, d.Decoder = short(m.Path), short(m.Codec), short(m.Coder)
	}
	return sent, received, d
}

func reportedMedia(m *wire.MediaQuality) *Sample {
	if m == nil {
		return nil
	}
	s := &Sample{
		Bitrate: whole(m.Bitrate / 1000), Loss: whole(m.Loss * 1000), RoundTrip: whole(m.RoundTrip), Jitter: whole(m.Jitter),
		FrameRate: whole(m.FrameRate), Height: whole(m.Height), Freezes: whole(m.Freezes), Frozen: whole(m.Frozen),
		Estimate: whole(m.Estimate / 1000), KeyframeWait: whole(m.KeyframeWait), CPULimited: whole(m.CPULimited),
		BandwidthLimited: whole(m.BandwidthLimited), FramesDropped: whole(m.FramesDropped),
	}
	s.clamp()
	return s
}

// whole rounds a number of a client.
func whole(v float64) int { return int(min(max(v, 0), 1e9) + 0.5) }

const maxDetail = 60 // bytes of a text of a client

// short cuts a text of a client, and removes what can't be shown.
func short(text string) string {
	out := make([]byte, 0, min(len(text), maxDetail))
	for i := 0; i < len(text) && len(out) < maxDetail; i++ {
		if c := text[i]; c >= ' ' && c <= '~' {
			out = append(out, c)
		}
	}
	return string(out)
}
