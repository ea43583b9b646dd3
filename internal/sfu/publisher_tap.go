package sfu

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"rostrum/internal/media"
)

// RequestKeyframe asks the publisher for a keyframe of the largest layer of video.
func (p *Publisher) RequestKeyframe() {
	t := p.track(media.Video)
	if t == nil {
		return
	}
	if best := t.view.Load().largest(); best != NoLayer {
		t.layers[best].keyframeWanted.Store(true)
	}
}

// Tap writes the packets of one kind of media to a Sink: of video the largest layer, with
// consecutive sequence numbers. It begins with the packets that are still stored, of video those
// of the newest keyframe group, because not every publisher can be asked for a keyframe; without
// such a group it begins with the next keyframe. Write is called on a packet thread.
// The returned function stops it, and returns when Write will not be called again.
func (p *Publisher) Tap(kind media.Kind, sink Sink) (detach func(), err error) {
	t := p.track(kind)
	if t == nil {
		return nil, fmt.Errorf("%s publishes no %s", p.cfg.Participant, kind)
	}
	k := &tap{sink: sink, track: t, forwarder: newForwarder(t.codec(), 1)}
	t.tapCount.Add(1)
	var once sync.Once
	p.transport.runOnShard(func(*shard) {
		k.writeStored()
		p.taps = append(p.taps, k)
	})
	return func() {
		once.Do(func() { t.tapCount.Add(-1) })
		p.transport.call(func(*shard) {
			p.taps = slices.DeleteFunc(p.taps, func(o *tap) bool { return o == k })
		})
	}, nil
}

// ArrivedAt is when a packet of the publisher arrived.
func (p *Publisher) ArrivedAt(packet media.Packet) time.Time {
	return time.Now().Add(packet.Arrived - p.router.core.now())
}
