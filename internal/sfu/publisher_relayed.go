package sfu

import (
	"fmt"
	"sync/atomic"
	"time"

	"rostrum/internal/media"
	"rostrum/internal/sdp"
)

// An Upstream is where a relayed publisher comes from. Its methods are called on a packet thread
// and must not block. They keep no argument.
type Upstream interface {
	// RequestPackets asks for packets of a layer that did not arrive.
	RequestPackets(kind media.Kind, layer int8, sequences []uint64)
	// RequestKeyframe asks for a keyframe of a layer of the video.
	RequestKeyframe(layer int8)
}

// A RelayedPacket is a packet of a publisher of another node. Packet has Payload, Marker, Level,
// Layer, Timestamp and, as the other node numbers it, Sequence. If only Packet.ParameterSets is
// set, it has nothing but what a decoder needs before the next keyframe.
type RelayedPacket struct {
	Kind   media.Kind
	Again  bool // it was asked for
	Packet media.Packet
}

// relayedSource is the state of a publisher of another node. Owned by its shard but for tasks.
type relayedSource struct {
	upstream Upstream
	tasks    atomic.Int32 // that wait for the shard
	paused   layerSet     // layers that were not wanted: what is missing of them is not lost
}

const (
	// maxRelayedTasks is how many writes wait for the shard before more are dropped.
	maxRelayedTasks = 256

	// MaxRelayedSequence bounds the numbers of relayed packets: extended ones begin above
	// minRelayedSequence, and no layer sends so many.
	MaxRelayedSequence = 1 << 48
	minRelayedSequence = 1 << 16

	minStored, maxStored = 64, localRingSize // packets of a layer, of a relayed publisher
)

// PublishRelayed adds a publisher whose packets come from WriteRelayed: one of another node, which
// it describes with RelayedTracks. What is missing it requests of up. LayersUnused says which
// layers need not be relayed. Its Closed event follows Close or Lose. Errors are ErrBusy or
// ErrClosed, or say what is wrong with the description.
func (r *Router) PublishRelayed(cfg PublishConfig, tracks []RelayedTrack, up Upstream) (*Publisher, error) {
	p := &Publisher{router: r, cfg: cfg, stream: streamName(cfg.Participant), subscribers: map[*Subscriber]struct{}{}}
	for _, d := range tracks {
		if d.Codec.String() == "" || p.track(d.Codec.Kind()) != nil || len(d.Labels) > sdp.MaxLayers || d.Codec.Kind() == media.Audio && len(d.Labels) > 1 {
			return nil, fmt.Errorf("%d tracks of a relayed publisher can't be: %v", len(tracks), tracks)
		}
		t := newTrack(p, &sdp.Section{RIDs: d.Labels}, &sdp.AnswerSection{Payload: sdp.Payload{Codec: d.Codec}})
		size := minStored
		for size < min(d.Stored, maxStored) {
			size *= 2
		}
		for _, l := range t.layers {
			l.ring = newRing(size)
		}
		p.tracks = append(p.tracks, t)
	}
	p.relayed = &relayedSource{upstream: up}
	var err error
	if p.transport, err = newLocalTransport(r, p, cfg.Notify); err != nil {
		return nil, err
	}
	if err := r.add(p); err != nil {
		p.transport.abort()
		return nil, err
	}
	p.transport.startLocal()
	return p, nil
}

// Lose ends a publisher that no longer reaches this node, like Close, with CauseLost.
func (p *Publisher) Lose(why error) { p.transport.end(CauseLost, "", why) }

// WriteRelayed passes packets on to the subscribers, in one burst, and does not wait for that. It
// keeps the packets and their bytes. It reports false, and drops them, when the packet thread is
// far behind.
func (p *Publisher) WriteRelayed(packets []RelayedPacket) bool {
	if p.relayed == nil {
		return false
	}
	if p.relayed.tasks.Add(1) > maxRelayedTasks {
		p.relayed.tasks.Add(-1)
		return false
	}
	p.transport.post(func(s *shard) {
		p.relayed.tasks.Add(-1)
		for i := range packets {
			r := &packets[i]
			t := p.track(r.Kind)
			if t == nil || r.Packet.Layer < 0 || int(r.Packet.Layer) >= len(t.layers) || p.transport.ended.Load() {
				s.drops[UnknownSource]++
				continue
			}
			s.drops[p.acceptRelayed(s, t.layers[r.Packet.Layer], r)]++
		}
		p.transport.lastReceived = s.now
	})
	return true
}

func (p *Publisher) acceptRelayed(s *shard, l *Layer, r *RelayedPacket) Drop {
	packet := r.Packet
	if len(packet.ParameterSets) > 0 {
		l.sets.AddPayload(packet.ParameterSets)
		return None
	}
	if packet.Sequence < minRelayedSequence || packet.Sequence >= MaxRelayedSequence {
		return Malformed
	}
	if r.Kind == media.Video {
		p.relayed.paused |= layerSet(l.track.unusedLayers.Load())
		if p.relayed.paused.has(l.index) && l.started && packet.Sequence > l.lastSequence+1 {
			p.relayed.paused &^= 1 << l.index
			l.skipTo(packet.Sequence)
		}
	}
	drop := l.acceptAs(&packet, packet.Sequence, packet.Timestamp, s.now, r.Again)
	if drop != None {
		return drop
	}
	p.transport.bytesIn += uint64(len(packet.Payload))
	p.addToBurst(s, l, &packet)
	if first := l.takeCompleted(); first != nil {
		p.addToBurst(s, l, first)
	}
	return None
}

// skipTo continues with a sequence number after a pause, whose packets are not lost.
func (l *Layer) skipTo(sequence uint64) {
	l.counts.firstSequence += sequence - l.lastSequence - 1
	l.firstSequence = sequence
	l.losses = lossDetector{reordering: l.losses.reordering}
	l.candidate = keyframeCandidate{}
}

// SetClock relates a layer's timestamps to the clock of a relayed publisher, as of now.
func (p *Publisher) SetClock(c LayerClock) {
	t := p.track(c.Kind)
	if p.relayed == nil || t == nil || c.Layer < 0 || int(c.Layer) >= len(t.layers) {
		return
	}
	p.transport.post(func(s *shard) {
		l := t.layers[c.Layer]
		l.timeline.Store(&timeline{unixNano: c.UnixNano, timestamp: c.Timestamp, arrivedAt: s.now, clockRate: l.clockRate()})
		p.clockOffset.Store(c.UnixNano - s.core.unixNano(s.now))
	})
}

// SetRoundTrip adds one measurement of the round trip to where a relayed publisher comes from.
func (p *Publisher) SetRoundTrip(sample time.Duration) {
	p.transport.post(func(*shard) { p.transport.updateRoundTrip(sample) })
}

// tickRelayed is tick for a publisher of another node.
func (p *Publisher) tickRelayed(s *shard) {
	for _, t := range p.tracks {
		for _, l := range t.layers {
			if l.stopped.since != 0 {
				l.losses.missing = l.losses.missing[:0] // no complete frame will arrive
				continue
			}
			if due := p.takeMissing(s, l); len(due) > 0 {
				p.relayed.upstream.RequestPackets(t.kind, l.index, due)
			}
			if t.kind == media.Video && l.takeKeyframeRequest(s.now) {
				p.relayed.upstream.RequestKeyframe(l.index)
			}
		}
	}
	stopped, video := false, p.track(media.Video)
	if video != nil && video.simulcast() {
		stopped = video.detectStopped(s.now, false)
	}
	if stopped || s.now >= p.schedule.survey {
		p.schedule.survey = s.now + surveyInterval
		p.survey(s)
	}
	if stopped {
		p.reallocateViewers()
	}
}
