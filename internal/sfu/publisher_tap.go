package sfu

import (
	"fmt"
	"sync"

	"rostrum/internal/media"
)

// A sinkTap feeds one Sink from one Track, on the publisher's shard.
type tap struct {
	sink      Sink
	track     *Track
	forwarder Forwarder
}

// Tap gives a Sink the packets of one medium, of video the largest layer, numbered without
// a break from the first keyframe on. The Sink's Write is called on a packet thread. The
// returned function ends it and returns when Write will not be called again.
func (p *Publisher) Tap(kind media.Kind, sink Sink) (detach func(), err error) {
	t := p.track(kind)
	if t == nil {
		return nil, fmt.Errorf("%s publishes no %s", p.cfg.Participant, kind)
	}
	tap := &tap{sink: sink, track: t, forwarder: newForwarder(t.codec, 1)}
	t.tapCount.Add(1)
	var once sync.Once
	p.transport.runOnShard(func(*shard) { p.taps = append(p.taps, tap) })
	return func() {
		once.Do(func() { t.tapCount.Add(-1) })
		p.transport.call(func(*shard) {
			for i, o := range p.taps {
				if o == tap {
					p.taps = append(p.taps[:i], p.taps[i+1:]...)
					return
				}
			}
		})
	}, nil
}

// write passes on what the sink's Forwarder lets through. A Sink's error is its own affair:
// it counts what it lost.
func (k *tap) write(packets []media.Packet) {
	f := &k.forwarder
	if best := k.best(); f.target != best {
		f.SetTarget(best)
	}
	if f.NeedsKeyframe() && f.target != NoLayer {
		k.track.layers[f.target].keyframeWanted.Store(true)
	}
	for i := range packets {
		p := packets[i]
		if p.Codec != k.track.codec {
			continue
		}
		n, drop := f.Forward(&p)
		if drop != None {
			continue
		}
		p.Sequence, p.Timestamp = n.Sequence, n.Timestamp
		_ = k.sink.Write(p)
	}
}

// best is the largest layer that flows.
func (k *tap) best() int8 {
	if v := k.track.view.Load(); len(v.layers) > 0 {
		return v.layers[len(v.layers)-1].index
	}
	return 0
}
