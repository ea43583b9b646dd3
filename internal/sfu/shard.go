package sfu

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
)

const (
	tickInterval        = 10 * time.Millisecond // publishers' repair; a tenth of the viewers
	paceInterval        = 5 * time.Millisecond
	gatherTime          = time.Millisecond // a burst's packets may arrive this far apart; not waited for after a turn that took as long
	minGatherTransports = 8                // subscribers on a shard, below which latency goes before cost
	tickParts           = 10
)

// A Shard is one thread, one socket, and the transports that are its own. What isn't atomic
// below run belongs to the thread.
type shard struct {
	engine         *Engine
	index          int
	socket         socket
	transportCount atomic.Int64 // transports that have their home here
	burstQueues    []burstQueue // bursts from each other shard
	tasks          taskQueue
	sleeping       atomic.Bool // the thread waits, or is about to
	stopping       atomic.Bool
	exited         chan struct{} // closed when the thread has ended

	now            time.Duration // time of this turn
	receiveFunc    func([]byte, netip.AddrPort, int)
	peers          map[netip.AddrPort]*Transport
	lastFrom       netip.AddrPort // the peer of the latest datagram: most come in trains
	lastPeer       *Transport
	currentRoute   *route // of the datagram at hand, when it didn't come by our socket
	transports     []*Transport
	fanOuts        map[*Publisher]*fanOut
	publishers     []*Publisher
	openBursts     []*Publisher // those whose burst is open
	paced          []*Subscriber
	out            sendBuffer
	scratch        []byte // RTCP and STUN under construction
	acks           []bandwidth.Ack
	drops          [dropCount]uint64
	redundantBytes uint64                 // bytes of sound sent once more, as cover
	replyCredits   map[netip.AddrPort]int // bytes of strangers that had no answer yet

	nextTick, nextPace time.Duration
	tickPart           int // which tenth of the viewers is next
}

func newShard(e *Engine, index int, s socket, shards int) *shard {
	sh := &shard{
		engine: e, index: index, socket: s, burstQueues: make([]burstQueue, shards),
		peers: map[netip.AddrPort]*Transport{}, fanOuts: map[*Publisher]*fanOut{}, replyCredits: map[netip.AddrPort]int{},
		scratch: make([]byte, 0, 4096), exited: make(chan struct{}),
	}
	sh.receiveFunc = sh.receive
	sh.out.shard = sh
	sh.out.buffer = make([]byte, sendBufferSize)
	return sh
}

// run is the thread: take what came, forward it, do what is due, sleep.
func (s *shard) run() {
	defer s.engine.shardsDone.Done()
	defer close(s.exited)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	read := s.engine.now()
	for !s.stopping.Load() {
		worked := s.engine.now()
		s.socket.wait(s.sleepTime())
		s.sleeping.Store(false)
		s.now = s.engine.now()
		gathered := worked-read >= gatherTime && s.now-worked < gatherTime/4 // while we worked
		read = s.now
		s.socket.read(s.receiveFunc)
		if len(s.openBursts) > 0 && len(s.transports) >= minGatherTransports && !gathered {
			sleepThread(gatherTime)
			s.now = s.engine.now()
			s.socket.read(s.receiveFunc)
		}
		s.flushBursts()
		s.drainBurstQueues()
		for _, f := range s.tasks.takeAll() {
			f()
		}
		s.flushBursts() // of TCP publishers, whose packets come by mail
		s.runTimers()
	}
	for _, f := range s.tasks.takeAll() {
		f()
	}
	s.socket.close()
}

// stop ends the thread; it may still run for a moment.
func (s *shard) stop() {
	s.stopping.Store(true)
	s.socket.wake()
}

// untilDue says how long to sleep. Those who want to wake the thread look at sleeps after
// they have left their work, so either they see that it sleeps or it sees the work.
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
	return max(next-s.engine.now(), 0)
}

func (s *shard) wake() {
	if s.sleeping.Swap(false) {
		s.socket.wake()
	}
}

// post has f run on the shard's thread.
func (s *shard) post(f func()) {
	s.tasks.push(f)
	s.wake()
}

// ask has f run on the shard's thread and waits for it; false when the thread has ended.
func (s *shard) call(f func()) bool {
	ran := make(chan struct{})
	s.post(func() {
		f()
		close(ran)
	})
	select {
	case <-ran:
		return true
	case <-s.exited:
		return false
	}
}

// due does what the clock asks for.
func (s *shard) runTimers() {
	s.now = s.engine.now()
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

// pace continues with those who are behind on a keyframe group or a large burst.
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

// adopt makes t one of the shard's own.
func (s *shard) addTransport(t *Transport) {
	if t.listed || t.ended.Load() {
		return
	}
	t.listed, t.listIndex = true, len(s.transports)
	t.lastReceived, t.lastConsent = s.now, s.now
	s.transports = append(s.transports, t)
}

// dismiss forgets t after its end.
func (s *shard) removeTransport(t *Transport) {
	for _, a := range t.shardAddresses {
		if s.peers[a] == t {
			delete(s.peers, a)
		}
	}
	t.shardAddresses = nil
	s.lastPeer = nil
	if !t.listed {
		return
	}
	t.listed = false
	last := len(s.transports) - 1
	s.transports[t.listIndex] = s.transports[last]
	s.transports[t.listIndex].listIndex = t.listIndex
	s.transports[last] = nil
	s.transports = s.transports[:last]
}

// receive sorts one datagram (RFC 7983 §7).
func (s *shard) receive(b []byte, from netip.AddrPort, local int) {
	if len(b) == 0 || len(b) > maxDatagram {
		s.drops[Malformed]++
		return
	}
	if b[0] < 4 {
		s.receiveCheck(b, &route{addr: from, local: local}, nil)
		return
	}
	if b[0] >= 64 && b[0] < 80 {
		s.receiveChannelData(b, &route{addr: from, local: local})
		return
	}
	t := s.peer(from)
	switch {
	case t == nil:
		s.drops[UnknownAddress]++
	case t.shard.Load() != s:
		s.forwardMisrouted(t, b, &route{addr: from, local: local})
	default:
		t.receive(s, b)
	}
}

// peer finds who sends from an address: one of ours, or another shard's.
func (s *shard) peer(from netip.AddrPort) *Transport {
	if from == s.lastFrom && s.lastPeer != nil {
		return s.lastPeer
	}
	t := s.peers[from]
	if t == nil {
		if t = s.engine.byAddress(from); t == nil {
			return nil
		}
		if t.shard.Load() == s {
			s.setPeer(from, t)
		}
	}
	s.lastFrom, s.lastPeer = from, t
	return t
}

// setPeer notes that t, which lives here, sends from an address. The oldest of many is
// forgotten, and looked up again if something comes from it.
func (s *shard) setPeer(a netip.AddrPort, t *Transport) {
	if len(t.shardAddresses) == maxTransportAddresses {
		if oldest := t.shardAddresses[0]; s.peers[oldest] == t {
			delete(s.peers, oldest)
		}
		t.shardAddresses = t.shardAddresses[1:]
	}
	s.peers[a] = t
	t.shardAddresses = append(t.shardAddresses, a)
}

// stray hands a datagram to the shard where its transport lives. It happens after NAT
// rebinding, or with several addresses, for which the kernel chose different sockets.
func (s *shard) forwardMisrouted(t *Transport, b []byte, via *route) {
	home, data := t.shard.Load(), append([]byte(nil), b...)
	if !home.tasks.pushMisrouted(func() { home.receiveFor(t, data, via) }) {
		s.drops[ShardBehind]++
		return
	}
	home.wake()
}

// takeFor is receive for a datagram whose transport is known, on that transport's shard.
func (s *shard) receiveFor(t *Transport, b []byte, via *route) {
	if len(b) > 0 && b[0] < 4 {
		s.receiveCheck(b, via, t)
	} else if len(b) > 0 && via.belongsTo(t) {
		s.currentRoute = via
		t.receive(s, b)
		s.currentRoute = nil
	}
}

// drainLanes forwards what other shards' publishers sent.
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
