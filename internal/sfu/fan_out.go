package sfu

import "rostrum/internal/media"

// fanOut is one Publisher's media on one shard: the recent packets of each layer, and the
// shard's Subscribers.
type fanOut struct {
	publisher   *Publisher
	rings       [2][]*Ring // by media.Kind and layer
	subscribers []*Subscriber
	nextFirst   int // index of the subscriber that is served first, each in turn
}

// newFanOut makes the rings. On the publisher's own shard these are the layers' rings. On
// another shard the publisher first sends the keyframe groups that it has stored.
func newFanOut(s *shard, p *Publisher) *fanOut {
	f := &fanOut{publisher: p}
	own := p.transport.assignShard(nil) == s
	for _, t := range p.tracks {
		for _, l := range t.layers {
			ring := l.ring
			if !own {
				ring = newRing(int(ring.size))
			}
			f.rings[t.kind] = append(f.rings[t.kind], ring)
		}
	}
	if own {
		p.addOutlet(s, s)
	} else {
		p.transport.runOnShard(func(publisherShard *shard) { p.addOutlet(publisherShard, s) })
	}
	return f
}

func (f *fanOut) add(sub *Subscriber) {
	sub.fanOut, sub.fanOutIndex = f, len(f.subscribers)
	f.subscribers = append(f.subscribers, sub)
}

// remove removes a subscriber, and the fan-out with the last one.
func (f *fanOut) remove(s *shard, sub *Subscriber) {
	sub.fanOut = nil
	last := len(f.subscribers) - 1
	f.subscribers[sub.fanOutIndex] = f.subscribers[last]
	f.subscribers[sub.fanOutIndex].fanOutIndex = sub.fanOutIndex
	f.subscribers[last] = nil
	f.subscribers = f.subscribers[:last]
	if len(f.subscribers) > 0 || s.fanOuts[f.publisher] != f {
		return
	}
	delete(s.fanOuts, f.publisher)
	p := f.publisher
	if p.transport.assignShard(nil) == s {
		p.removeOutlet(s) // at once: a task could run after the outlet was added again
	} else {
		p.transport.runOnShard(func(*shard) { p.removeOutlet(s) })
	}
}

func (f *fanOut) ring(kind media.Kind, layer int8) *Ring { return f.rings[kind][layer] }

// store stores packets from another shard.
func (f *fanOut) store(packets []media.Packet) {
	for i := range packets {
		p := &packets[i]
		f.ring(p.Codec.Kind(), p.Layer).put(p)
	}
}

// replayToWaiting replays the stored keyframe groups to the subscribers that wait for one.
func (f *fanOut) replayToWaiting(s *shard) {
	for _, sub := range f.subscribers {
		for _, u := range sub.subs {
			if u.track.kind == media.Video && u.forwarder.NeedsKeyframe() && u.forwarder.target != NoLayer {
				u.replay(s, maxReplayAge)
			}
		}
	}
}

// forward passes a burst to every subscriber.
func (f *fanOut) forward(s *shard, packets []media.Packet) {
	n := len(f.subscribers)
	if n == 0 {
		return
	}
	f.nextFirst = (f.nextFirst + 1) % n
	for i := range n {
		f.subscribers[(f.nextFirst+i)%n].forward(s, packets)
	}
}
