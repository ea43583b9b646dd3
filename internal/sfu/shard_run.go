package sfu

import (
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
		s.socket.read(s.receiveFunc)
		if len(s.openBursts) > 0 && len(s.transports) >= minGatherTransports && !gathered {
			sleepThread(gatherTime)
			s.now = s.core.now()
			s.socket.read(s.receiveFunc)
		}
		s.flushBursts()
		s.drainBurstQueues()
		for _, f := range s.tasks.takeAll() {
			f()
		}
		s.flushBursts() // of TCP publishers, whose packets arrive as tasks
		s.runTimers()
	}
	for _, f := range s.tasks.takeAll() {
		f()
	}
	s.socket.close()
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
