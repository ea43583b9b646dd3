package sfu

import (
	"fmt"
	"slices"
	"sync"

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
// consecutive sequence numbers from the first keyframe on. Write is called on a packet thread.
// The returned function stops it, and returns when Write will not be called again.
func (p *Publisher) Tap(kind media.Kind, sink Sink) (detach func(), err error) {
	t := p.track(kind)
	if t == nil {
		return nil, fmt.Errorf("%s publishes no %s", p.cfg.Participant, kind)
	}
	k := &tap{sink: sink, track: t, forwarder: newForwarder(t.codec, 1)}
	t.tapCount.Add(1)
	var once sync.Once
	p.transport.runOnShard(func(*shard) { p.taps = append(p.taps, k) })
	return func() {
		once.Do(func() { t.tapCount.Add(-1) })
		p.transport.call(func(*shard) {
			p.taps = slices.DeleteFunc(p.taps, func(o *tap) bool { return o == k })
		})
	}, nil
}
