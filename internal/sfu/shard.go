package sfu

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"rostrum/internal/bandwidth"
)

const (
	tickEvery  = 10 * time.Millisecond // publishers' repair; a tenth of the viewers
	paceEvery  = 5 * time.Millisecond
	gather     = time.Millisecond // a burst's packets may arrive this far apart; not waited for after a turn that took as long
	gatherFrom = 8                // subscribers on a shard, below which latency goes before cost
	tickParts  = 10
)

// A Shard is one thread, one socket, and the transports that are its own. What isn't atomic
// below run belongs to the thread.
type shard struct {
	engine *Engine
	index  int
	socket socket
	load   atomic.Int64 // transports that have their home here
	lanes  []lane       // bursts from each other shard
	mail   mailbox
	sleeps atomic.Bool // the thread waits, or is about to
	stops  atomic.Bool
	exited chan struct{} // closed when the thread has ended

	now        int64 // time of this turn
	take       func([]byte, netip.AddrPort, int)
	peers      map[netip.AddrPort]*Transport
	lastFrom   netip.AddrPort // the peer of the latest datagram: most come in trains
	lastPeer   *Transport
	via        *route // of the datagram at hand, when it didn't come by our socket
	transports []*Transport
	feeds      map[*Publisher]*feed
	publishers []*Publisher
	pending    []*Publisher // those whose burst is open
	pacing     []*Subscriber
	out        outbox
	scratch    []byte // RTCP and STUN under construction
	acks       []bandwidth.Ack
	drops      [dropCount]uint64
	redundant  uint64                 // bytes of sound sent once more, as cover
	credits    map[netip.AddrPort]int // bytes of strangers that had no answer yet

	nextTick, nextPace int64
	part               int // which tenth of the viewers is next
}

func newShard(e *Engine, index int, s socket, shards int) *shard {
	sh := &shard{
		engine: e, index: index, socket: s, lanes: make([]lane, shards),
		peers: map[netip.AddrPort]*Transport{}, feeds: map[*Publisher]*feed{}, credits: map[netip.AddrPort]int{},
		scratch: make([]byte, 0, 4096), exited: make(chan struct{}),
	}
	sh.take = sh.receive
	sh.out.shard = sh
	sh.out.buffer = make([]byte, outboxSize)
	return sh
}

// run is the thread: take what came, forward it, do what is due, sleep.
func (s *shard) run() {
	defer s.engine.shardsDone.Done()
	defer close(s.exited)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	read := s.engine.now()
	for !s.stops.Load() {
		worked := s.engine.now()
		s.socket.wait(s.untilDue())
		s.sleeps.Store(false)
		s.now = s.engine.now()
		gathered := worked-read >= int64(gather) && s.now-worked < int64(gather)/4 // while we worked
		read = s.now
		s.socket.read(s.take)
		if len(s.pending) > 0 && len(s.transports) >= gatherFrom && !gathered {
			pauseThread(gather)
			s.now = s.engine.now()
			s.socket.read(s.take)
		}
		s.closeBursts()
		s.drainLanes()
		for _, f := range s.mail.takeAll() {
			f()
		}
		s.closeBursts() // of TCP publishers, whose packets come by mail
		s.due()
	}
	for _, f := range s.mail.takeAll() {
		f()
	}
	s.socket.close()
}

// stop ends the thread; it may still run for a moment.
func (s *shard) stop() {
	s.stops.Store(true)
	s.socket.wake()
}

// untilDue says how long to sleep. Those who want to wake the thread look at sleeps after
// they have left their work, so either they see that it sleeps or it sees the work.
func (s *shard) untilDue() time.Duration {
	s.sleeps.Store(true)
	if s.mail.waits.Load() || s.stops.Load() {
		return 0
	}
	for i := range s.lanes {
		if !s.lanes[i].empty() {
			return 0
		}
	}
	if len(s.transports) == 0 {
		return time.Minute
	}
	next := s.nextTick
	if len(s.pacing) > 0 {
		next = min(next, s.nextPace)
	}
	return max(time.Duration(next-s.engine.now()), 0)
}

func (s *shard) rouse() {
	if s.sleeps.Swap(false) {
		s.socket.wake()
	}
}

// post has f run on the shard's thread.
func (s *shard) post(f func()) {
	s.mail.put(f)
	s.rouse()
}

// ask has f run on the shard's thread and waits for it; false when the thread has ended.
func (s *shard) ask(f func()) bool {
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
func (s *shard) due() {
	s.now = s.engine.now()
	if len(s.pacing) > 0 && s.now >= s.nextPace {
		s.nextPace = s.now + int64(paceEvery)
		s.pace()
	}
	if s.now < s.nextTick {
		return
	}
	s.nextTick = s.now + int64(tickEvery)
	s.part = (s.part + 1) % tickParts
	for _, p := range s.publishers {
		p.tick(s)
	}
	for i := s.part; i < len(s.transports); i += tickParts {
		s.transports[i].tick(s)
	}
}

// pace continues with those who are behind on a keyframe group or a large burst.
func (s *shard) pace() {
	keep := s.pacing[:0]
	for _, sub := range s.pacing {
		if sub.chase(s) {
			keep = append(keep, sub)
		}
	}
	clear(s.pacing[len(keep):])
	s.pacing = keep
}

// adopt makes t one of the shard's own.
func (s *shard) adopt(t *Transport) {
	if t.adopted || t.over.Load() {
		return
	}
	t.adopted, t.index = true, len(s.transports)
	t.lastHeard, t.lastConsent = s.now, s.now
	s.transports = append(s.transports, t)
}

// dismiss forgets t after its end.
func (s *shard) dismiss(t *Transport) {
	for a, o := range s.peers {
		if o == t {
			delete(s.peers, a)
		}
	}
	s.lastPeer = nil
	if !t.adopted {
		return
	}
	t.adopted = false
	last := len(s.transports) - 1
	s.transports[t.index] = s.transports[last]
	s.transports[t.index].index = t.index
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
	case t.home.Load() != s:
		s.stray(t, b, &route{addr: from, local: local})
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
		if t.home.Load() == s {
			s.peers[from] = t
		}
	}
	s.lastFrom, s.lastPeer = from, t
	return t
}

// stray hands a datagram to the shard where its transport lives. It happens after NAT
// rebinding, or with several addresses, for which the kernel chose different sockets.
func (s *shard) stray(t *Transport, b []byte, via *route) {
	home, data := t.home.Load(), append([]byte(nil), b...)
	if !home.mail.putStray(func() { home.takeFor(t, data, via) }) {
		s.drops[ShardBehind]++
		return
	}
	home.rouse()
}

// takeFor is receive for a datagram whose transport is known, on that transport's shard.
func (s *shard) takeFor(t *Transport, b []byte, via *route) {
	if len(b) > 0 && b[0] < 4 {
		s.receiveCheck(b, via, t)
	} else if len(b) > 0 && via.leadsTo(t) {
		s.via = via
		t.receive(s, b)
		s.via = nil
	}
}

// drainLanes forwards what other shards' publishers sent.
func (s *shard) drainLanes() {
	for i := range s.lanes {
		for b, ok := s.lanes[i].pop(); ok; b, ok = s.lanes[i].pop() {
			f := s.feeds[b.publisher]
			if f == nil {
				continue
			}
			f.keep(b.packets)
			if b.held {
				f.begin(s)
			} else {
				f.forward(s, b.packets)
			}
		}
	}
}
