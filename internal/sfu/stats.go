package sfu

import (
	"time"

	"rostrum/internal/inbound"
	"rostrum/internal/media"
)

// TransportStats is what is known of one peer's connection.
type TransportStats struct {
	Connected bool
	Protocol  string // "udp", "tcp", "turn-udp" or "turn-tcp", "" until the peer nominated an address
	Remote    string
	Profile   string // SRTP protection profile
	RoundTrip time.Duration
	BytesIn   uint64
	BytesOut  uint64
}

// LayerStats is what is known of one layer as received.
type LayerStats struct {
	LayerInfo
	Packets, Bytes uint64
	Lost           int64 // missing in the end, as receiver reports count
	Repaired       uint64
	Nacks, Plis    uint64        // sent to the publisher
	Jitter         time.Duration // RFC 3550 §6.4.1
}

// TrackStats is what is known of one medium of a Publisher.
type TrackStats struct {
	Kind   media.Kind
	Codec  media.Codec
	Layers []LayerStats
}

// PublisherStats is a snapshot of a Publisher.
type PublisherStats struct {
	Transport   TransportStats
	Tracks      []TrackStats
	Subscribers int
}

// SubscriptionStats is what is known of one medium on its way to a viewer.
type SubscriptionStats struct {
	Kind           media.Kind
	Codec          media.Codec
	Preferred      string // label asked for, "" for automatic
	Target         string // label that the bandwidth allows
	Current        string // label that flows
	Paused         bool
	Reason         PauseReason
	Bitrate        int // bits a second
	Packets, Bytes uint64
	Nacks, Resent  uint64
	Plis           uint64
	Loss           float64 // share, smoothed over the viewer's reports
	Lost           uint32  // in all, as the viewer counts
	Jitter         time.Duration
}

// SubscriberStats is a snapshot of a Subscriber.
type SubscriberStats struct {
	Transport     TransportStats
	Estimate      int // bits a second the path is thought to carry, 0 unknown
	Subscriptions []SubscriptionStats
}

// EngineStats is a snapshot of an Engine.
type EngineStats struct {
	Transports             int
	HalfOpen               int
	Evicted                uint64          // connections by TCP that were silent when others needed room, since the start
	Drops                  map[Drop]uint64 // since the start; reasons that never came are absent
	RedundantSubscriptions int             // subscriptions of which each packet of sound now carries those before it
	RedundantBytes         uint64          // bytes of sound that such packets carried once more, since the start
}

// TCPStats tells how the connections by TCP fare.
func (e *Engine) TCPStats() inbound.ListenerStats {
	all := inbound.ListenerStats{Name: listenerName, Max: e.cfg.MaxTCP}
	if e.tcp != nil {
		all.Open, all.Errors = e.tcp.count()
	}
	return all
}

// Stats asks every shard. It takes as long as the slowest one needs for its current turn.
func (e *Engine) Stats() EngineStats {
	all := EngineStats{Transports: int(e.transports.Load()), HalfOpen: int(e.halfOpen.Load()), Drops: map[Drop]uint64{}}
	if e.tcp != nil {
		all.Evicted = e.tcp.unidentified.Evicted()
	}
	for _, s := range e.shards {
		var drops [dropCount]uint64
		var covered int
		var redundant uint64
		if !s.call(func() { drops, covered, redundant = s.drops, s.redSubscriptions(), s.redundantBytes }) {
			continue
		}
		all.RedundantSubscriptions += covered
		all.RedundantBytes += redundant
		for _, d := range Drops() {
			if drops[d] > 0 {
				all.Drops[d] += drops[d]
			}
		}
	}
	return all
}

// covered counts the subscriptions that live here and have their sound covered.
func (s *shard) redSubscriptions() (n int) {
	for _, f := range s.fanOuts {
		for _, subscriber := range f.subscribers {
			for _, u := range subscriber.subs {
				if u.red.enabled {
					n++
				}
			}
		}
	}
	return n
}

// stats is called on the home shard.
func (t *Transport) stats() TransportStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := TransportStats{
		Connected: t.connected, Profile: t.profile, RoundTrip: time.Duration(t.roundTrip),
		BytesIn: t.bytesIn, BytesOut: t.bytesOut,
	}
	if r := t.route.Load(); r != nil {
		v.Protocol, v.Remote = r.protocol(), r.addr.String()
	}
	return v
}

// Stats is a snapshot; before the peer's first packet it holds zeros.
func (p *Publisher) Stats() PublisherStats {
	v := PublisherStats{}
	p.mu.Lock()
	v.Subscribers = len(p.subscribers)
	p.mu.Unlock()
	p.transport.call(func(home *shard) {
		v.Transport = p.transport.stats()
		for _, t := range p.tracks {
			track := TrackStats{Kind: t.kind, Codec: t.codec}
			for _, l := range t.layers {
				track.Layers = append(track.Layers, l.stats(home.now))
			}
			v.Tracks = append(v.Tracks, track)
		}
	})
	return v
}

func (l *Layer) stats(now time.Duration) LayerStats {
	c := &l.counts
	v := LayerStats{
		LayerInfo: LayerInfo{l.label, l.width, l.height, l.rate.bitrate, l.rate.fps, l.isActive(now)},
		Packets:   c.packets, Bytes: c.bytes, Repaired: c.repaired, Nacks: c.nacks, Plis: c.plis,
		Jitter: time.Duration(c.jitter * 1e9 / float64(l.track.codec.ClockRate())),
	}
	if l.started {
		v.Lost = max(int64(l.lastSequence-c.firstSequence+1)-int64(c.packets), 0)
	}
	return v
}

// Stats is a snapshot; before the peer's first packet it holds zeros.
func (s *Subscriber) Stats() SubscriberStats {
	v := SubscriberStats{Estimate: int(s.viewer.path.estimate.Load())}
	choice := s.Choice()
	s.transport.call(func(*shard) {
		v.Transport = s.transport.stats()
		for _, u := range s.subs {
			one := SubscriptionStats{
				Kind: u.track.kind, Codec: u.track.codec, Target: u.track.label(int8(u.target.Load())),
				Current: u.track.label(u.forwarder.current), Paused: u.forwarder.current == NoLayer,
				Bitrate: u.rate.bitrate, Packets: u.counts.packets, Bytes: u.counts.bytes,
				Nacks: u.counts.nacks, Resent: u.counts.resent, Plis: u.counts.plis,
				Loss: u.loss, Lost: u.counts.reportedLost,
				Jitter: time.Duration(u.jitter) * time.Second / time.Duration(u.track.codec.ClockRate()),
			}
			if one.Paused {
				one.Reason = *u.reason.Load()
			}
			if u.track.kind == media.Video {
				one.Preferred = choice.Layer
			}
			v.Subscriptions = append(v.Subscriptions, one)
		}
	})
	return v
}
