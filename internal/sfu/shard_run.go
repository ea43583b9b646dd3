package sfu

import (
	"errors"
	"net/netip"
	"runtime"
	"time"

	"rostrum/internal/media"
)

const (
	tickInterval        = 10 * time.Millisecond // for publishers; for subscribers tickParts times as long
	tickParts           = 10
	paceInterval        = 5 * time.Millisecond
	gatherTime          = time.Millisecond // the packets of a burst arrive within this time
	minGatherTransports = 8                // with fewer transports, low latency matters more than cost
)

// run is the thread: receive, forward, run tasks and timers, sleep.
func (s *shard) run() {
	defer close(s.exited)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	read := s.core.now()
	for !s.stopping.Load() {
		worked := s.core.now()
		s.socket.wait(s.sleepTime())
		s.sleeping.Store(false)
		s.now = s.core.now()
		gathered := worked-read >= gatherTime && s.now-worked < gatherTime/4 // packets have gathered during the last turn
		read = s.now
		s.gather = !gathered
		s.guard(s.forwardFunc)
		for _, f := range s.tasks.takeAll() {
			s.guard(f)
		}
		s.guard(s.finishFunc)
	}
	for _, f := range s.tasks.takeAll() {
		s.guard(f)
	}
	s.socket.close()
}

// forwardReceived forwards what the socket and other shards have received.
func (s *shard) forwardReceived() {
	s.socket.read(s.receiveFunc)
	if len(s.openBursts) > 0 && len(s.transports) >= minGatherTransports && s.gather {
		sleepThread(gatherTime)
		s.now = s.core.now()
		s.socket.read(s.receiveFunc)
	}
	s.flushBursts()
	s.drainBurstQueues()
}

// finishTurn forwards the packets of TCP publishers, which arrive as tasks, and runs timers.
func (s *shard) finishTurn() {
	s.flushBursts()
	s.runTimers()
}

// guard runs f. If it panics, the transports of this shard end, and nothing else.
func (s *shard) guard(f func()) {
	defer func() {
		if fault := recover(); fault != nil {
			s.fail(fault)
		}
	}()
	f()
}

var errFault = errors.New("the server failed")

// fail ends all transports of the shard and discards their state here, which a panic may have
// left inconsistent. Transports of other shards continue, and new ones may come.
func (s *shard) fail(fault any) {
	s.core.cfg.Panics.Record("media", fault, "shard", s.index)
	transports, fanOuts := s.transports, s.fanOuts
	s.transports, s.publishers, s.openBursts, s.paced = nil, nil, nil, nil
	s.peers, s.fanOuts = map[netip.AddrPort]*Transport{}, map[*Publisher]*fanOut{}
	s.currentRoute, s.lastPeer = nil, nil
	s.out = newSendBuffer(s.socket, &s.drops)
	for p, f := range fanOuts {
		for _, sub := range f.subscribers {
			if sub != nil {
				sub.fanOut = nil
			}
		}
		if owner := p.transport.assignShard(nil); owner == s { // it may not be connected yet
			p.removeOutlet(s)
		} else {
			owner.post(func() { p.removeOutlet(s) })
		}
	}
	for _, t := range transports {
		t.listed = false
		t.end(CauseFault, "", errFault)
	}
}

// stop ends the thread. It may run for a moment longer.
func (s *shard) stop() {
	s.stopping.Store(true)
	s.socket.wake()
}

// sleepTime returns how long to sleep. Other goroutines check sleeping after they have queued
// their work: either they see that the thread sleeps, or it sees the work.
func (s *shard) sleepTime() time.Duration {
	s.sleeping.Store(true)
	if s.tasks.pending.Load() || s.stopping.Load() {
		return 0
	}
	for i := range s.burstQueues {
		if !s.burstQueues[i].empty() {
			return 0
		}
	}
	if len(s.transports) == 0 {
		return time.Minute
	}
	next := s.nextTick
	if len(s.paced) > 0 {
		next = min(next, s.nextPace)
	}
	return max(next-s.core.now(), 0)
}

// runTimers does the periodic work that is due.
func (s *shard) runTimers() {
	s.now = s.core.now()
	if len(s.paced) > 0 && s.now >= s.nextPace {
		s.nextPace = s.now + paceInterval
		s.sendPaced()
	}
	if s.now < s.nextTick {
		return
	}
	s.nextTick = s.now + tickInterval
	s.tickPart = (s.tickPart + 1) % tickParts
	for _, p := range s.publishers {
		p.tick(s)
	}
	for i := s.tickPart; i < len(s.transports); i += tickParts {
		s.transports[i].tick(s)
	}
}

// sendPaced continues with the subscribers that are behind on a keyframe group or a large
// burst, or send a probe.
func (s *shard) sendPaced() {
	keep := s.paced[:0]
	for _, sub := range s.paced {
		if sub.sendPaced(s) {
			keep = append(keep, sub)
		}
	}
	clear(s.paced[len(keep):])
	s.paced = keep
}

// flushBursts distributes every open burst.
func (s *shard) flushBursts() {
	for i, p := range s.openBursts {
		s.openBursts[i] = nil
		s.distribute(p, p.takeBurst())
	}
	s.openBursts = s.openBursts[:0]
}

// distribute passes a burst to every shard with subscribers, and to the taps.
func (s *shard) distribute(p *Publisher, packets []media.Packet) {
	for _, outlet := range p.outlets {
		if outlet == s {
			s.fanOuts[p].forward(s, packets)
			continue
		}
		if !outlet.burstQueues[s.index].push(burst{publisher: p, packets: packets}) {
			s.drops[ShardBehind] += uint64(len(packets))
		}
		outlet.wake()
	}
	for _, t := range p.taps {
		t.write(packets)
	}
	for _, k := range p.relays {
		k.write(packets)
	}
}

// drainBurstQueues forwards the bursts of publishers on other shards.
func (s *shard) drainBurstQueues() {
	for i := range s.burstQueues {
		for b, ok := s.burstQueues[i].pop(); ok; b, ok = s.burstQueues[i].pop() {
			f := s.fanOuts[b.publisher]
			if f == nil {
				continue
			}
			f.store(b.packets)
			if b.history {
				f.replayToWaiting(s)
			} else {
				f.forward(s, b.packets)
			}
		}
	}
}
