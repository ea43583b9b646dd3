package sfu

import (
	"slices"
	"sync"

	"rostrum/internal/media"
)

// A RelaySink takes packets of a publisher for another node. It is called on a packet thread,
// must not block, and may keep Payload and ParameterSets, which never change. again says that the
// packet was asked for again.
type RelaySink interface {
	WriteRelay(p media.Packet, again bool)
}

// A RelayTap passes the audio and the wanted layers of the video of a publisher to a sink, with
// their own sequence numbers. Its methods may be called from any goroutine.
type RelayTap struct {
	publisher *Publisher
	sink      RelaySink
	once      sync.Once
	wanted    layerSet // owned by the publisher's shard
}

// A RelayedTrack describes the audio or the video of a publisher for another node.
type RelayedTrack struct {
	Codec  media.Codec
	Labels []string // of the layers; "" is the only one of a track without simulcast
	Stored int      // packets of a layer that are kept
}

// A LayerClock relates the timestamps of a layer to the publisher's clock.
type LayerClock struct {
	Kind      media.Kind
	Layer     int8
	UnixNano  int64
	Timestamp uint32
}

// RelayedTracks describes the publisher for PublishRelayed of another node.
func (p *Publisher) RelayedTracks() (all []RelayedTrack) {
	for _, t := range p.tracks {
		all = append(all, RelayedTrack{Codec: t.codec(), Labels: t.labels(), Stored: int(t.layers[0].ring.size)})
	}
	return all
}

// Relay starts to pass packets to a sink, with all layers but unused ones, a bit for each by its
// index. Of the video the sink first gets the stored keyframe groups.
func (p *Publisher) Relay(sink RelaySink, unused uint32) *RelayTap {
	k := &RelayTap{publisher: p, sink: sink}
	p.transport.runOnShard(func(*shard) {
		if !p.transport.ended.Load() {
			p.relays = append(p.relays, k)
			k.want(unused)
		}
	})
	return k
}

// SetUnused says which layers of the video the sink does not need.
func (k *RelayTap) SetUnused(layers uint32) {
	k.publisher.transport.post(func(*shard) {
		if slices.Contains(k.publisher.relays, k) {
			k.want(layers)
		}
	})
}

// want replaces the wanted layers, and writes what is stored of those that were added.
func (k *RelayTap) want(unused uint32) {
	t := k.publisher.track(media.Video)
	if t == nil {
		return
	}
	before := k.wanted
	k.wanted = layerSet(1<<len(t.layers)-1) &^ layerSet(unused)
	k.publisher.updateRelayed()
	for _, l := range t.layers {
		from, ok := l.ring.keyframeGroup()
		if !ok || before.has(l.index) || !k.wanted.has(l.index) {
			continue
		}
		for n := from; n <= l.ring.last; n++ {
			if p := l.ring.get(n); p != nil {
				k.sink.WriteRelay(*p, false)
			}
		}
	}
}

// updateRelayed has the allocator know which layers sinks of other nodes need.
func (p *Publisher) updateRelayed() {
	var all layerSet
	for _, k := range p.relays {
		all |= k.wanted
	}
	if t := p.track(media.Video); t != nil {
		t.relayedLayers.Store(uint32(all))
	}
}

// write passes on what is wanted of a burst.
func (k *RelayTap) write(packets []media.Packet) {
	for i := range packets {
		if p := &packets[i]; p.Codec.Kind() == media.Audio || k.wanted.has(p.Layer) {
			k.sink.WriteRelay(*p, false)
		}
	}
}

// Resend passes packets on again that are still stored.
func (k *RelayTap) Resend(kind media.Kind, layer int8, sequences []uint64) {
	p := k.publisher
	t := p.track(kind)
	if t == nil || layer < 0 || int(layer) >= len(t.layers) {
		return
	}
	p.transport.post(func(*shard) {
		for _, n := range sequences {
			if packet := t.layers[layer].ring.get(n); packet != nil {
				k.sink.WriteRelay(*packet, true)
			}
		}
	})
}

// RequestKeyframe asks the publisher for a keyframe of a layer, as often as any viewer can.
func (k *RelayTap) RequestKeyframe(layer int8) {
	if t := k.publisher.track(media.Video); t != nil && layer >= 0 && int(layer) < len(t.layers) {
		t.layers[layer].keyframeWanted.Store(true)
	}
}

// Clocks returns the clocks of the layers that were received.
func (k *RelayTap) Clocks() (all []LayerClock) {
	p := k.publisher
	p.transport.call(func(s *shard) {
		for _, t := range p.tracks {
			for _, l := range t.layers {
				if at, timestamp, ok := l.clockNow(s.now); ok {
					all = append(all, LayerClock{t.kind, l.index, at, timestamp})
				}
			}
		}
	})
	return all
}

// Close ends it. The sink gets nothing more once Close has returned.
func (k *RelayTap) Close() {
	k.once.Do(func() {
		p := k.publisher
		p.transport.call(func(*shard) {
			p.relays = slices.DeleteFunc(p.relays, func(o *RelayTap) bool { return o == k })
			p.updateRelayed()
		})
	})
}
