package sfu

import (
	"rostrum/internal/media"
)

// A feed is one Publisher's media on one shard: the recent packets of each layer, and the
// Subscribers that live there.
type feed struct {
	publisher   *Publisher
	rings       [2][]*Ring // by kind and layer
	subscribers []*Subscriber
	next        int // who is served first: everybody in turn
}

// connected is called on the home shard when the keys are there.
func (s *Subscriber) connected(sh *shard) {
	f := sh.feeds[s.publisher]
	if f == nil {
		f = &feed{publisher: s.publisher}
		sh.feeds[s.publisher] = f
		f.open(sh)
	}
	s.feed = f
	f.subscribers = append(f.subscribers, s)
	s.sender.pace = s.viewer.path.pace(0)
	for _, sub := range s.subs {
		sub.begin(sh)
	}
}

// open makes the feed's rings. On the publisher's own shard these are the layers' rings; on
// another one the publisher first sends what it holds of the newest pictures, then all else.
func (f *feed) open(sh *shard) {
	p := f.publisher
	own := p.transport.settle(nil) == sh
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
	p.transport.atHome(func(home *shard) {
		p.outlets = append(p.outlets, sh)
		if held := p.held(); len(held) > 0 && !sh.lanes[home.index].push(burst{p, held, true}) {
			home.drops[ShardBehind] += uint64(len(held))
		}
		sh.rouse()
	})
}

// held lists the newest keyframe group of each video layer.
func (p *Publisher) held() []media.Packet {
	var all []media.Packet
	for _, t := range p.tracks {
		for _, l := range t.layers {
			from, ok := l.ring.group()
			if !ok || t.kind == media.Audio {
				continue
			}
			for n := from; n <= l.ring.last; n++ {
				if packet := l.ring.at(n); packet != nil {
					all = append(all, *packet)
				}
			}
		}
	}
	return all
}

func (f *feed) ring(p *media.Packet) *Ring { return f.rings[p.Codec.Kind()][p.Layer] }

// keep puts packets from another shard into the feed's rings.
func (f *feed) keep(packets []media.Packet) {
	for i := range packets {
		f.ring(&packets[i]).put(&packets[i])
	}
}

// begin replays what was held to those who wait for it.
func (f *feed) begin(sh *shard) {
	for _, s := range f.subscribers {
		for _, u := range s.subs {
			if u.track.kind == media.Video && u.forwarder.Waiting() && u.forwarder.target != NoLayer {
				u.replay(sh, replayFresh)
			}
		}
	}
}

// forward gives a burst to every subscriber.
func (f *feed) forward(sh *shard, packets []media.Packet) {
	n := len(f.subscribers)
	if n == 0 {
		return
	}
	f.next = (f.next + 1) % n
	for i := range n {
		f.subscribers[(f.next+i)%n].forward(sh, packets)
	}
}

// detach takes a subscriber off its feed.
func (s *Subscriber) detach(sh *shard) {
	f := s.feed
	if f == nil {
		return
	}
	s.feed = nil
	for i, o := range f.subscribers {
		if o == s {
			last := len(f.subscribers) - 1
			f.subscribers[i] = f.subscribers[last]
			f.subscribers[last] = nil
			f.subscribers = f.subscribers[:last]
			break
		}
	}
	if len(f.subscribers) == 0 && sh.feeds[f.publisher] == f {
		delete(sh.feeds, f.publisher)
		p := f.publisher
		if p.transport.settle(nil) == sh {
			p.closeOutlet(sh) // at once: a posted note could arrive after the next opening
		} else {
			p.transport.atHome(func(*shard) { p.closeOutlet(sh) })
		}
	}
}

// closeOutlet stops the flow to a shard without subscribers.
func (p *Publisher) closeOutlet(sh *shard) {
	for i, o := range p.outlets {
		if o == sh {
			p.outlets = append(p.outlets[:i], p.outlets[i+1:]...)
			return
		}
	}
}

// abandon forgets a publisher that has ended.
func (s *shard) abandon(p *Publisher) {
	delete(s.feeds, p)
	for i, o := range s.publishers {
		if o == p {
			s.publishers = append(s.publishers[:i], s.publishers[i+1:]...)
			break
		}
	}
}
