package sfu

import (
	"rostrum/internal/media"
)

// A feed is one Publisher's media on one shard: the recent packets of each layer, and the
// Subscribers that live there.
type fanOut struct {
	publisher   *Publisher
	rings       [2][]*Ring // by kind and layer
	subscribers []*Subscriber
	nextFirst   int // who is served first: everybody in turn
}

// connected is called on the home shard when the keys are there.
func (s *Subscriber) connected(sh *shard) {
	f := sh.fanOuts[s.publisher]
	if f == nil {
		f = &fanOut{publisher: s.publisher}
		sh.fanOuts[s.publisher] = f
		f.open(sh)
	}
	s.fanOut, s.fanOutIndex = f, len(f.subscribers)
	f.subscribers = append(f.subscribers, s)
	s.sender.pacingBitrate = s.viewer.path.pacingBitrate(0)
	for _, sub := range s.subs {
		sub.start(sh)
	}
}

// open makes the feed's rings. On the publisher's own shard these are the layers' rings; on
// another one the publisher first sends what it holds of the newest pictures, then all else.
func (f *fanOut) open(sh *shard) {
	p := f.publisher
	own := p.transport.assignShard(nil) == sh
	for _, t := range p.tracks {
		for _, l := range t.layers {
			ring := l.ring
			if !own {
				ring = newRing(len(ring.slots))
			}
			f.rings[t.kind] = append(f.rings[t.kind], ring)
		}
	}
	if own {
		p.outlets = append(p.outlets, sh)
		return
	}
	p.transport.runOnShard(func(home *shard) {
		p.outlets = append(p.outlets, sh)
		if held := p.keyframeGroups(); len(held) > 0 && !sh.burstQueues[home.index].push(burst{p, held, true}) {
			home.drops[ShardBehind] += uint64(len(held))
		}
		sh.wake()
	})
}

// held lists the newest keyframe group of each video layer.
func (p *Publisher) keyframeGroups() []media.Packet {
	var all []media.Packet
	for _, t := range p.tracks {
		for _, l := range t.layers {
			from, ok := l.ring.keyframeGroup()
			if !ok || t.kind == media.Audio {
				continue
			}
			for n := from; n <= l.ring.last; n++ {
				if packet := l.ring.get(n); packet != nil {
					all = append(all, *packet)
				}
			}
		}
	}
	return all
}

func (f *fanOut) ring(p *media.Packet) *Ring { return f.rings[p.Codec.Kind()][p.Layer] }

// keep puts packets from another shard into the feed's rings.
func (f *fanOut) store(packets []media.Packet) {
	for i := range packets {
		f.ring(&packets[i]).put(&packets[i])
	}
}

// begin replays what was held to those who wait for it.
func (f *fanOut) replayToWaiting(sh *shard) {
	for _, s := range f.subscribers {
		for _, u := range s.subs {
			if u.track.kind == media.Video && u.forwarder.NeedsKeyframe() && u.forwarder.target != NoLayer {
				u.replay(sh, maxReplayAge)
			}
		}
	}
}

// forward gives a burst to every subscriber.
func (f *fanOut) forward(sh *shard, packets []media.Packet) {
	n := len(f.subscribers)
	if n == 0 {
		return
	}
	f.nextFirst = (f.nextFirst + 1) % n
	for i := range n {
		f.subscribers[(f.nextFirst+i)%n].forward(sh, packets)
	}
}

// detach takes a subscriber off its feed.
func (s *Subscriber) leaveFanOut(sh *shard) {
	f := s.fanOut
	if f == nil {
		return
	}
	s.fanOut = nil
	last := len(f.subscribers) - 1
	f.subscribers[s.fanOutIndex] = f.subscribers[last]
	f.subscribers[s.fanOutIndex].fanOutIndex = s.fanOutIndex
	f.subscribers[last] = nil
	f.subscribers = f.subscribers[:last]
	if len(f.subscribers) == 0 && sh.fanOuts[f.publisher] == f {
		delete(sh.fanOuts, f.publisher)
		p := f.publisher
		if p.transport.assignShard(nil) == sh {
			p.removeOutlet(sh) // at once: a posted note could arrive after the next opening
		} else {
			p.transport.runOnShard(func(*shard) { p.removeOutlet(sh) })
		}
	}
}

// closeOutlet stops the flow to a shard without subscribers.
func (p *Publisher) removeOutlet(sh *shard) {
	for i, o := range p.outlets {
		if o == sh {
			p.outlets = append(p.outlets[:i], p.outlets[i+1:]...)
			return
		}
	}
}

// abandon forgets a publisher that has ended.
func (s *shard) forgetPublisher(p *Publisher) {
	delete(s.fanOuts, p)
	for i, o := range s.publishers {
		if o == p {
			s.publishers = append(s.publishers[:i], s.publishers[i+1:]...)
			break
		}
	}
}
